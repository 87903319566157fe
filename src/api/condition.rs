//! Conditions, as Kubernetes' own kinds have them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One aspect of an object's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word for programs.
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// A sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// Since when it holds, or does not.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_transition_time: Timestamp,
    /// The generation of the spec that this was said of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

impl Condition {
    /// Takes over the time of transition from an earlier condition that said the same.
    pub fn since(mut self, earlier: &[Self]) -> Self {
        let same = |c: &&Self| c.type_ == self.type_ && c.status == self.status;
        if let Some(earlier) = earlier.iter().find(same) {
            self.last_transition_time = earlier.last_transition_time;
        }
        self
    }
}
