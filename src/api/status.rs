//! `status` of a `TuningJob`: how it stands, in a form that `kubectl get` and conditions can show.

use super::condition::Condition;
use super::record::Assignment;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a job stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TuningJobStatus {
    /// The generation of the spec that this was said of; -1: nobody has looked at it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word: Pending, Running, Suspended, Stalled, Complete or Failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub phase: Option<String>,
    /// Ready (absent while the job is suspended), Reconciling, Stalled (as kstatus reads them), Complete, Failed, Suspended;
    /// NarrowRange once enough trials have ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Trials by phase.
    pub trials: TrialCounts,
    /// Trials done and to be done, such as `7/30`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub progress: Option<String>,
    /// When the first trial was proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub start_time: Option<Timestamp>,
    /// When the job ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub completion_time: Option<Timestamp>,
    /// Since when the clock of `maxDuration` runs; absent while the job is suspended or has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub active_since: Option<Timestamp>,
    /// Seconds that the job was active before that.
    #[serde(skip_serializing_if = "is_zero")]
    pub active_seconds: f64,
    /// When it was last taken up again after a person had to mend something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub resumed_time: Option<Timestamp>,
    /// Since when its trials wait for something that does not come about by itself, and none runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub waiting_since: Option<Timestamp>,
    /// What trials wait for, as one word: `Queue`, `Unschedulable`, a kubelet's or a controller's reason such as
    /// `ImagePullBackOff` or `FailedCreate`, `Refused` by the API server, `Job` for one that `warmStart` names, or `Other`; the
    /// message says it in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub waiting_for: Option<String>,
    /// The best observation so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<BestRecord>,
    /// The point to use: the model's best guess, which guards against a lucky value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommended: Option<RecommendedRecord>,
    /// GPUs times hours, all trials together.
    #[serde(skip_serializing_if = "is_zero")]
    pub gpu_hours: f64,
    /// What earlier jobs know, as it was when this job began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub prior: Vec<PriorObservation>,
    /// The generation of the spec at whose end the checkpoints that `retain` does not keep were removed, as far as they could
    /// be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints_cleaned_generation: Option<i64>,
    /// One sentence on how it stands.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub message: String,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Trials by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrialCounts {
    /// All that were proposed.
    pub total: u32,
    /// Those that wait to be started.
    pub queued: u32,
    /// Those that run.
    pub running: u32,
    /// Those that ended with a value.
    pub succeeded: u32,
    /// Those that the median rule ended.
    pub early_stopped: u32,
    /// Those that ended without a value that counts.
    pub failed: u32,
    /// Those that the job needed no more.
    pub cancelled: u32,
}

/// The best observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BestRecord {
    /// The trial that made it.
    #[schemars(length(max = 253))]
    pub trial: String,
    /// Its parameters.
    #[schemars(schema_with = "values_by_name")]
    pub parameters: Assignment,
    /// The same in one line.
    #[schemars(length(max = 4096))]
    pub point: String,
    /// Its value.
    pub value: f64,
    /// The same as people write it; a word more where its model collapsed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub value_text: String,
    /// Whether its model collapsed, as that of every other trial with a value: it gives one answer for every input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collapsed: bool,
    /// The folder of its model on the volume that `spec.trial.checkpointVolume` names; absent where models go with their pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub model: Option<String>,
}

/// The recommended point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedRecord {
    /// Its parameters.
    #[schemars(schema_with = "values_by_name")]
    pub parameters: Assignment,
    /// What the objective is expected to be there.
    pub mean: f64,
    /// Lower end of the 90 % interval; absent while fewer than three different values are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the 90 % interval, absent with the lower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Number of finished trials that were known when it was chosen.
    #[serde(default)]
    pub trials: u32,
}

/// A finished trial of an earlier job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriorObservation {
    /// The trial.
    #[schemars(length(max = 253))]
    pub trial: String,
    /// Its parameters.
    #[schemars(schema_with = "values_by_name")]
    pub parameters: Assignment,
    /// Its value; absent where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// The schema of values by name, which are numbers or texts.
pub(super) fn values_by_name(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"x-kubernetes-preserve-unknown-fields": true}
    })
}
