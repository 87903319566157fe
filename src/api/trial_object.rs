//! A `Trial`: the durable record of one trial on a cluster.

use super::condition::Condition;
use super::record::{Assignment, WhyRecord, same_words};
use super::status::values_by_name;
use crate::tuning::Failure;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a trial is and why it is there; it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(
    feature = "operator",
    derive(kube::CustomResource),
    kube(
        group = "tuning-operator.io",
        version = "v1alpha1",
        kind = "Trial",
        namespaced,
        category = "tuning",
        shortname = "tt",
        status = "TrialStatus"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct TrialObjectSpec {
    /// The job that it belongs to, in the same namespace.
    #[schemars(length(min = 1, max = 50))]
    pub job: String,
    /// Its number in the job. A trial that a person makes leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub index: Option<u32>,
    /// Values of the job's parameters by name.
    #[schemars(schema_with = "values_by_name")]
    pub parameters: Assignment,
    /// What it may spend, where the strategy rations that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u32>,
    /// Why it was proposed. A trial that a person makes leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyRecord>,
}

#[cfg(feature = "operator")]
impl Trial {
    /// Its number in the job, once it has one.
    pub fn index(&self) -> Option<u32> {
        self.spec.index.or_else(|| self.status.as_ref()?.index)
    }
}

/// How far a trial came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrialStatus {
    /// The generation of the spec that this was said of; -1: nobody has looked at it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them: it has a value, it is on its way to one, it will have none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One word.
    pub phase: TrialPhase,
    /// The number in the job that a person's own trial was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<TrialFailure>,
    /// The point in one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub point: String,
    /// Final value of the objective; for a trial stopped early, the last that it had shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The same as people write it; a word more where its model collapsed.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub value_text: String,
    /// Whether it reported that its model collapsed (metric `collapsed`): it gives one answer for every input, and its value says
    /// nothing. Such a trial is the job's best only where there is no other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub collapsed: bool,
    /// Where the value was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ValueSource>,
    /// Where it was computed, such as `cuda:0 NVIDIA H100`, where its report says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub device: Option<String>,
    /// The last value of every metric that its current or last pod has said.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub metrics: BTreeMap<String, f64>,
    /// The objective by ascending step; of a long curve, every so many points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub curve: Vec<CurveRecord>,
    /// Training steps done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Training steps in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_steps: Option<u64>,
    /// When its first pod ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub start_time: Option<Timestamp>,
    /// When its current pod began to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub attempt_start_time: Option<Timestamp>,
    /// When its current pod ended, if what came of it is yet to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub attempt_end_time: Option<Timestamp>,
    /// When it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub completion_time: Option<Timestamp>,
    /// Seconds that its finished pods ran.
    pub ran_seconds: f64,
    /// GPUs that its current or last pod holds.
    #[serde(skip_serializing_if = "is_zero")]
    pub gpus: u32,
    /// GPUs times seconds that its finished pods held them.
    pub gpu_seconds: f64,
    /// How often it was started; its Job carries this number.
    pub attempts: u32,
    /// Its current pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub pod: Option<String>,
    /// Attempts in a row that nodes would not run.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost_attempts: u32,
    /// It is not started again before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub retry_time: Option<Timestamp>,
    /// Nodes that would not run it: its next pod goes elsewhere, if it can.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)))]
    pub avoid_nodes: Vec<String>,
    /// Counts the times that its checkpoints were given up, because a pod on a lost node might still write to them.
    #[serde(skip_serializing_if = "is_zero")]
    pub checkpoint_folder: u32,
    /// Step at which the median rule would have stopped it, where the rule only reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_stop_step: Option<u64>,
    /// The comparison that the rule made there.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub shadow_stop_message: String,
    /// One sentence: what it waits for, or how it ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub message: String,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How far a trial came, as one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TrialPhase {
    /// It has a point and waits for its start, or to be started again.
    #[default]
    Queued,
    /// Its Job was created and no pod runs yet.
    Pending,
    /// Its pod runs.
    Running,
    /// It ended with a value.
    Succeeded,
    /// The median rule ended it.
    EarlyStopped,
    /// It ended without a value that counts.
    Failed,
    /// The job needed it no more.
    Cancelled,
}

impl TrialPhase {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Pending | Self::Running)
    }
}

/// Why a trial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TrialFailure {
    /// Out of memory, on the host or the GPU.
    OutOfMemory,
    /// The loss or the objective is not a finite number.
    Diverged,
    /// It ended well but never said the objective.
    MetricMissing,
    /// It ended with an exit code or a signal of its own.
    Crashed,
    /// It ran longer than a trial may.
    TimedOut,
    /// The API server refuses to record what it has said.
    Refused,
}

same_words!(Failure, TrialFailure, OutOfMemory Diverged MetricMissing Crashed TimedOut Refused);

/// Where a value was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ValueSource {
    /// The container's termination message.
    TerminationMessage,
    /// The trial's own Prometheus endpoint.
    Prometheus,
    /// The Prometheus server of the operator's configuration.
    PromQuery,
    /// The trial's output.
    Logs,
}

/// The objective at one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveRecord {
    /// Training step, or the number of the report where the program knows no steps.
    pub step: u64,
    /// Value of the objective.
    pub value: f64,
}
