//! `spec` of a `TuningJob`, but for its trials (see `trial_spec`).
//!
//! One of several ways to say a thing is a struct of optional fields of which exactly one is set: that is what a
//! structural schema of Kubernetes can express. Unknown fields are refused by the schema check, not by serde.

use super::metrics_spec::MetricsSpec;
use super::objective_spec::ObjectiveSpec;
use super::record::Assignment;
#[cfg(feature = "operator")]
use super::status::TuningJobStatus;
use super::trial_spec::TrialSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to tune, how, and what may be spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(
    feature = "operator",
    derive(kube::CustomResource),
    kube(
        group = "tuning-operator.io",
        version = "v1alpha1",
        kind = "TuningJob",
        namespaced,
        category = "tuning",
        shortname = "tj",
        status = "TuningJobStatus"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct TuningJobSpec {
    /// The metric that is tuned.
    pub objective: ObjectiveSpec,
    /// What may vary: 1 to 30 parameters.
    #[schemars(length(min = 1, max = 30))]
    pub parameters: Vec<ParameterSpec>,
    /// How points are chosen: exactly one strategy; by default bayesian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategySpec>,
    /// What may be spent.
    pub budget: BudgetSpec,
    /// When a running trial is given up; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingSpec>,
    /// Learn from earlier jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<WarmStartSpec>,
    /// What a trial runs.
    pub trial: TrialSpec,
    /// Where a trial's metrics are read: exactly one source; by default the trial's Prometheus endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsSpec>,
    /// Hold still: running trials checkpoint, stop and wait.
    #[serde(default)]
    pub suspend: bool,
    /// Whose Kubernetes Jobs stay after their end, and whose checkpoints after the job's end; by default Failed. Of no effect
    /// on one machine, where a run's folder stays whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain: Option<Retain>,
    /// Seconds after which a finished job is deleted from the cluster; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<u32>,
}

/// One parameter: a name and exactly one kind of domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParameterSpec {
    /// The name under which trials receive it, such as `learning_rate`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Any number of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub double: Option<DoubleSpec>,
    /// Whole numbers of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integer: Option<IntegerSpec>,
    /// Words without an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categorical: Option<CategoricalSpec>,
    /// A list of numbers, ascending; neighbours count as equally far apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discrete: Option<DiscreteSpec>,
}

/// Any number of a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoubleSpec {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// How distances are measured.
    #[serde(default)]
    pub scale: ScaleSpec,
}

/// Whole numbers of a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegerSpec {
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
    /// Distance between neighbours.
    #[serde(default = "one")]
    pub step: i64,
    /// How distances are measured: Linear or Log.
    #[serde(default)]
    pub scale: ScaleSpec,
}

fn one() -> i64 {
    1
}

/// Words without an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoricalSpec {
    /// The words, distinct.
    #[schemars(length(min = 1, max = 100))]
    pub values: Vec<String>,
}

/// A list of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscreteSpec {
    /// The numbers, ascending.
    #[schemars(length(min = 1, max = 100))]
    pub values: Vec<f64>,
}

/// How distances are measured inside a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScaleSpec {
    /// By differences.
    #[default]
    Linear,
    /// By ratios; needs min > 0.
    Log,
    /// By ratios of the distance to one; needs 0 <= min and max < 1.
    ReverseLog,
}

/// How points are chosen: exactly one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrategySpec {
    /// A Gaussian process that weighs what it expects against what it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bayesian: Option<BayesianSpec>,
    /// By chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<SeedSpec>,
    /// Evenly, by a scrambled Sobol sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sobol: Option<SeedSpec>,
    /// Every combination once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridSpec>,
    /// Many short trials, of which the best go on longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyperband: Option<RationedSpec>,
    /// As hyperband, but no trial waits for another: whatever is among the best so far goes on longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asha: Option<RationedSpec>,
}

impl StrategySpec {
    /// The strategy that says what each trial may spend, under its name in the manifest; `None` where none does.
    pub(crate) fn rationed(&self) -> Option<(&'static str, &RationedSpec)> {
        let hyperband = self.hyperband.as_ref().map(|spec| ("hyperband", spec));
        hyperband.or_else(|| self.asha.as_ref().map(|spec| ("asha", spec)))
    }

    /// The name under which a trial is told how much it may spend.
    pub(crate) fn resource(&self) -> Option<&str> {
        self.rationed().map(|(_, spec)| spec.resource.as_str())
    }
}

/// A Gaussian process that weighs what it expects against what it does not know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BayesianSpec {
    /// The same seed and the same results give the same points; by default it follows from the job's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Points that are tried first, each a value for every parameter, such as `{learning_rate: 3.0e-5}`. They count in the
    /// budget, and the model learns from them as from its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "points")]
    pub start: Vec<Assignment>,
    /// So many of the best points are tried again, each with another seed, with the last trials of the budget: a score depends on
    /// the seed too. At most half of `budget.maxTrials`. The built-in trainer adds the number of trials that were at the point
    /// before to its seed; any other program finds it in `TUNING_REPLICATE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 5000))]
    pub replicates: Option<u32>,
}

fn points(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let point = super::status::values_by_name(generator);
    schemars::json_schema!({"type": "array", "maxItems": 100, "items": point})
}

/// A strategy with chance in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeedSpec {
    /// The same seed and the same results give the same points; by default it follows from the job's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
}

/// Every combination once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GridSpec {
    /// Positions along each double; needed where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub points_per_double: Option<u32>,
}

/// Short trials, of which the best go on longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RationedSpec {
    /// What is rationed: the name under which a trial is told how much it may spend, such as `epochs`.
    #[serde(default = "epochs")]
    #[schemars(length(min = 1, max = 63))]
    pub resource: String,
    /// Least that a trial gets.
    #[serde(default = "one_unit")]
    #[schemars(range(min = 1))]
    pub min_resource: u32,
    /// Most that a trial gets.
    #[schemars(range(min = 1, max = 20000))]
    pub max_resource: u32,
    /// One in `eta` trials goes on, with `eta` times as much.
    #[serde(default = "three")]
    #[schemars(range(min = 2, max = 10))]
    pub eta: u32,
    /// As for the other strategies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
}

fn epochs() -> String {
    "epochs".into()
}

fn one_unit() -> u32 {
    1
}

fn three() -> u32 {
    3
}

/// What may be spent. Durations are texts such as `6h`, `30m` or `1h30m`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetSpec {
    /// Trials in all.
    #[schemars(range(min = 1, max = 10000))]
    pub max_trials: u32,
    /// Trials at once.
    #[serde(default = "one_unit")]
    #[schemars(range(min = 1, max = 1000))]
    pub parallel_trials: u32,
    /// Failed trials that are borne; one more fails the job. Absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed_trials: Option<u32>,
    /// Time that the job may be active; time suspended does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub max_duration: Option<String>,
    /// Time that one trial may run, all its attempts together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub max_trial_duration: Option<String>,
    /// Finished trials in a row that may pass without a new best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_trials_without_improvement: Option<u32>,
    /// Whether the job ends where more trials will not help: where the next one is expected to gain less than a hundredth of what
    /// a trial's value varies by chance. It takes the Bayesian strategy, and at least nine trials with a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_when_converged: Option<bool>,
    /// GPUs times hours, all trials together. Accelerators in spec.trial.resources.limits count: NVIDIA's, AMD's, Intel's, TPUs
    /// and the like, a MIG slice or a share of a GPU as one; network devices and amounts of a GPU's memory or cores do not.
    /// Refused where a trial asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_gpu_hours: Option<f64>,
}

/// When a running trial is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EarlyStoppingSpec {
    /// When its best value so far is worse than the median of the running averages of the completed trials at that step.
    pub median_stop: MedianStopSpec,
}

/// The median rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MedianStopSpec {
    /// Completed trials that are needed before any is judged.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    pub min_completed_trials: u32,
    /// First step at which a trial is judged.
    #[serde(default = "one_step")]
    pub start_step: u32,
    /// Only report what would have been stopped.
    #[serde(default)]
    pub shadow: bool,
}

fn one_step() -> u32 {
    1
}

/// Learn from earlier jobs with the same parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmStartSpec {
    /// Names of earlier jobs in the same namespace; on one machine, of runs beside this one.
    #[schemars(length(min = 1, max = 5))]
    pub from: Vec<String>,
}

/// Whose Kubernetes Jobs stay after their end, and whose checkpoints after the job's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Retain {
    /// Those of all trials.
    All,
    /// Those of failed trials.
    Failed,
    /// None.
    None,
}
