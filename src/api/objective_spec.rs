//! The metric that is tuned, as a manifest says it.

use crate::optimizer::Goal;
use crate::tuning::ValueRule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The metric that is tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveSpec {
    /// Its name, as trials report it, such as `f1`.
    #[schemars(length(min = 1, max = 128))]
    pub metric: String,
    /// Which way is better.
    pub goal: GoalSpec,
    /// A value that is good enough: the first trial to reach it ends the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Which of the values that a trial reports as it goes is its own: Last, by default, or Best, for programs that keep their
    /// best checkpoint. What is no number, and in a final report's curve what is of a collapsed model, is never the best.
    #[serde(default)]
    pub value: ValueSpec,
}

/// Which of the values that a trial reports as it goes is its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ValueSpec {
    /// The last one.
    #[default]
    Last,
    /// The best one.
    Best,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GoalSpec {
    /// Larger values are better.
    Maximize,
    /// Smaller values are better.
    Minimize,
}

impl From<GoalSpec> for Goal {
    fn from(spec: GoalSpec) -> Self {
        match spec {
            GoalSpec::Maximize => Self::Maximize,
            GoalSpec::Minimize => Self::Minimize,
        }
    }
}

impl From<ValueSpec> for ValueRule {
    fn from(spec: ValueSpec) -> Self {
        match spec {
            ValueSpec::Last => Self::Last,
            ValueSpec::Best => Self::Best,
        }
    }
}
