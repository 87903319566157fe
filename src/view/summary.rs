//! What came out, for programs: the contents of `summary.json`.

use super::RunView;
use crate::api::{Assignment, assignment};
use crate::optimizer::Goal;
use crate::tuning::AtEnd;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A run in a few numbers. What is unknown is `null`; so is a number that JSON cannot write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What the run is called.
    pub name: String,
    /// What was tuned.
    pub objective: ObjectiveSummary,
    /// The best observation.
    pub best: Option<BestSummary>,
    /// The point to use.
    pub recommended: Option<RecommendedSummary>,
    /// Trials by phase.
    pub counts: CountsSummary,
    /// Succeeded trials within one percent of the best, the best among them.
    pub within_one_percent: usize,
    /// Trials whose model collapsed.
    pub collapsed: usize,
    /// The parameters whose range may be too narrow: the best trials lie at an end of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrow: Vec<NarrowSummary>,
    /// Why the job ended.
    pub ended: Option<EndedSummary>,
    /// Names of all metrics that any trial reported.
    pub metrics: Vec<String>,
    /// When it was.
    pub times: TimesSummary,
    /// GPUs times hours.
    pub gpu_hours: f64,
    /// Sentences worth telling.
    pub notes: Vec<String>,
}

/// What was tuned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveSummary {
    /// Name of the metric.
    pub metric: String,
    /// `Maximize` or `Minimize`.
    pub goal: String,
}

/// The best observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestSummary {
    /// Name of the trial.
    pub trial: String,
    /// Its point.
    pub parameters: Assignment,
    /// Its value.
    pub value: f64,
    /// Whether its model collapsed, as that of every other trial with a value: then the value says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collapsed: bool,
    /// The folder of its model, where one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// The point to use, and the 90 % interval of what to expect there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecommendedSummary {
    /// The point.
    pub parameters: Assignment,
    /// Posterior mean.
    pub mean: f64,
    /// Lower end of the interval; `null` while fewer than three different values are known.
    pub low: Option<f64>,
    /// Upper end of the interval, `null` with the lower.
    pub high: Option<f64>,
}

/// A parameter whose range may be too narrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrowSummary {
    /// Name of the parameter.
    pub parameter: String,
    /// `Lower` or `Upper`: the end at which the best trials lie.
    pub end: String,
    /// The field of the manifest that sets it, such as `spec.parameters[0].double.min`.
    pub field: String,
    /// The same in a sentence.
    pub message: String,
}

/// Trials by phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the phases")]
pub struct CountsSummary {
    pub total: u32,
    pub queued: u32,
    pub running: u32,
    pub succeeded: u32,
    pub early_stopped: u32,
    pub failed: u32,
    pub cancelled: u32,
}

/// Why the job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSummary {
    /// One word, such as `TrialsSpent`.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// When it was. All durations are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimesSummary {
    /// Start of the first trial.
    pub started: Option<Timestamp>,
    /// End of the last trial, once the job has ended.
    pub ended: Option<Timestamp>,
    /// Time that the job was active.
    pub active_seconds: f64,
    /// Time that all trials ran, together.
    pub trial_seconds: f64,
}

/// Sums up a run.
pub fn summary(view: &RunView) -> Summary {
    let job = &view.snapshot.job;
    let best = view
        .status
        .best
        .zip(view.best_trial())
        .map(|(best, trial)| BestSummary {
            trial: job.trial_name(best.index),
            parameters: assignment(&job.space, &trial.point),
            value: best.value,
            collapsed: best.is_collapsed,
            model: view.model.clone(),
        });
    let recommended = view.recommendation.as_ref().map(|r| RecommendedSummary {
        parameters: assignment(&job.space, &r.point),
        mean: r.mean,
        low: r.interval.map(|i| i.low),
        high: r.interval.map(|i| i.high),
    });
    let ended = view.status.ended.as_ref();
    let metrics: BTreeSet<&String> = view
        .snapshot
        .trials
        .iter()
        .flat_map(|t| t.metrics.keys())
        .collect();
    let goal = match job.objective.goal {
        Goal::Maximize => "Maximize",
        Goal::Minimize => "Minimize",
    };
    Summary {
        name: view.name.clone(),
        objective: ObjectiveSummary {
            metric: job.objective.metric.clone(),
            goal: goal.into(),
        },
        best,
        recommended,
        counts: counts(view),
        within_one_percent: view.n_within_one_percent(),
        collapsed: view.n_collapsed(),
        narrow: narrow(view),
        ended: ended.map(|e| EndedSummary {
            reason: e.reason.word().into(),
            message: e.message.clone(),
        }),
        metrics: metrics.into_iter().cloned().collect(),
        times: times(view),
        gpu_hours: view.status.gpu_hours,
        notes: view.notes.clone(),
    }
}

fn narrow(view: &RunView) -> Vec<NarrowSummary> {
    let job = &view.snapshot.job;
    let sum_up = |end: &AtEnd| NarrowSummary {
        parameter: job.space.parameters()[end.parameter].name().into(),
        end: end.side.word().into(),
        field: end.field(job),
        message: end.sentence(job),
    };
    view.ends.iter().map(sum_up).collect()
}

fn counts(view: &RunView) -> CountsSummary {
    let c = view.status.counts;
    CountsSummary {
        total: c.total,
        queued: c.queued,
        running: c.running,
        succeeded: c.succeeded,
        early_stopped: c.early_stopped,
        failed: c.failed,
        cancelled: c.cancelled,
    }
}

fn times(view: &RunView) -> TimesSummary {
    let trials = &view.snapshot.trials;
    let all: SignedDuration = trials.iter().map(|t| t.duration(view.now)).sum();
    let last = trials.iter().filter_map(|t| t.ended).max();
    TimesSummary {
        started: trials.iter().filter_map(|t| t.started).min(),
        ended: last.filter(|_| view.status.ended.is_some()),
        active_seconds: view.snapshot.active.as_secs_f64(),
        trial_seconds: all.as_secs_f64(),
    }
}
