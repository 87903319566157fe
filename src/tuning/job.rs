//! A job as the core sees it: parsed and valid.

use crate::optimizer::{Goal, Observation, Strategy};
use crate::space::{Point, SearchSpace};
use jiff::SignedDuration;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Name of the job; trials are called `NAME-0001` and so on.
    pub name: String,
    /// What may vary.
    pub space: SearchSpace,
    /// What is measured.
    pub objective: Objective,
    /// How points are chosen.
    pub strategy: Strategy,
    /// Points that are tried before any other.
    pub start: Vec<Point>,
    /// How many of the best points are tried again at the end of the budget.
    pub replicates: u32,
    /// Makes the job repeatable.
    pub seed: u64,
    /// What may be spent.
    pub budget: Budget,
    /// What is borne of nodes that would not run a trial.
    pub retry: Retry,
    /// When a running trial is given up; `None`: never.
    pub early_stopping: Option<MedianStop>,
    /// Finished trials of earlier jobs.
    pub prior: Vec<Observation>,
    /// Whether to hold still: running trials are stopped with a checkpoint and wait.
    pub suspend: bool,
    /// GPUs that each trial holds while it runs.
    pub gpus_per_trial: u32,
}

/// The metric that is tuned.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Its name, as trials report it.
    pub metric: String,
    /// Which way is better.
    pub goal: Goal,
    /// A value that is good enough: the first trial to reach it ends the job.
    pub target: Option<f64>,
    /// Which of a trial's values is its own.
    pub value: ValueRule,
}

/// Which of the values that a trial reports as it goes is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRule {
    /// The last one.
    Last,
    /// The best one.
    Best,
}

/// What may be spent. `None` means without limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Trials in all, at least 1.
    pub max_trials: u32,
    /// Trials at once, at least 1.
    pub parallel: u32,
    /// Failed trials that are borne; one more fails the job.
    pub max_failed: Option<u32>,
    /// Time that the job may be active; time suspended does not count.
    pub max_duration: Option<SignedDuration>,
    /// Time that one trial may run, all its attempts together.
    pub max_trial_duration: Option<SignedDuration>,
    /// Finished trials in a row that may pass without a new best.
    pub max_without_improvement: Option<u32>,
    /// Whether the job ends where more trials will not help.
    pub end_when_converged: bool,
    /// GPUs times hours, all trials together.
    pub max_gpu_hours: Option<f64>,
}

/// What is borne of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in a row that may be lost to nodes before the trial waits for a person, at least 1.
    pub max_tries: u32,
    /// Pause after the first; each further one is twice as long.
    pub pause: SignedDuration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_tries: 4,
            pause: SignedDuration::from_secs(10),
        }
    }
}

/// The median rule (Golovin et al. 2017, Vizier, section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MedianStop {
    /// Completed trials that are needed before any is judged.
    pub min_completed: u32,
    /// First step at which a trial is judged.
    pub start_step: u64,
    /// Only report what would have been stopped.
    pub shadow: bool,
}

impl Objective {
    /// Whether `a` is strictly better than `b`.
    pub(super) fn better(&self, a: f64, b: f64) -> bool {
        match self.goal {
            Goal::Maximize => a > b,
            Goal::Minimize => a < b,
        }
    }
}

impl Job {
    /// The name of the trial with this index, such as `mrpc-0007`.
    pub(crate) fn trial_name(&self, index: u32) -> String {
        format!("{}-{index:04}", self.name)
    }

    /// The name of a trial: the job's own for its index, or a person's.
    pub(crate) fn name_of(&self, trial: &super::Trial) -> String {
        trial.name.clone().unwrap_or_else(|| self.trial_name(trial.index))
    }
}
