//! What an optimizer is asked, and all that it may know.

use crate::space::{Point, SearchSpace};
use std::cmp::Ordering;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Larger values are better.
    Maximize,
    /// Smaller values are better.
    Minimize,
}

/// How a trial ended, as far as an optimizer cares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It gave this value of the objective (a value that is not finite counts as [`Outcome::Failed`]).
    Value(f64),
    /// It was stopped before its end; this is the last value it had shown.
    Stopped(f64),
    /// The point is infeasible: out of memory, diverged, no metric.
    Failed,
}

impl Goal {
    /// Which of two values comes first where the best does.
    pub(super) fn best_first(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Maximize => b.total_cmp(&a),
            Self::Minimize => a.total_cmp(&b),
        }
    }
}

impl Outcome {
    /// The value of a trial that has one, and whether it is that of a whole trial.
    pub(super) fn value(self) -> Option<(f64, bool)> {
        match self {
            Self::Value(v) => Some((v, true)),
            Self::Stopped(v) => Some((v, false)),
            Self::Failed => None,
        }
        .filter(|(v, _)| v.is_finite())
    }
}

/// One finished trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The trial's number in its job; observations are used in this order, however they are passed.
    pub index: u32,
    /// Where it was.
    pub point: Point,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was allowed to spend, where the strategy rations that (hyperband, asha); in its unit, such as epochs.
    pub resource: Option<u32>,
}

/// A trial that has a point and no final value yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The trial's number in its job.
    pub index: u32,
    /// Where it is.
    pub point: Point,
    /// What it may spend, where the strategy rations that.
    pub resource: Option<u32>,
}

/// The way to choose points.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// A Gaussian process with noisy expected improvement.
    Bayesian,
    /// Uniform over the unit cube.
    Random,
    /// Scrambled Sobol points.
    Sobol,
    /// Every combination once; continuous parameters get `points_per_double` positions.
    Grid {
        /// Positions along a continuous parameter, at least 1.
        points_per_double: u32,
    },
    /// Successive halving over several brackets (Li et al. 2018).
    Hyperband {
        /// Smallest resource of a trial, at least 1.
        min_resource: u32,
        /// Largest resource of a trial.
        max_resource: u32,
        /// One in `eta` trials goes on to `eta` times the resource; at least 2.
        eta: u32,
    },
    /// Successive halving that never waits (Li et al. 2020).
    Asha {
        /// Resource of a new point's trial, at least 1.
        min_resource: u32,
        /// No trial has more resource.
        max_resource: u32,
        /// One in `eta` trials goes on to `eta` times the resource; at least 2.
        eta: u32,
    },
}

impl Strategy {
    /// One word for it, as the manifest has it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bayesian => "bayesian",
            Self::Random => "random",
            Self::Sobol => "sobol",
            Self::Grid { .. } => "grid",
            Self::Hyperband { .. } => "hyperband",
            Self::Asha { .. } => "asha",
        }
    }

    /// Whether it says what each trial may spend. A point without that, such as a person's own, has no place in its rungs.
    pub fn rations(&self) -> bool {
        matches!(self, Self::Hyperband { .. } | Self::Asha { .. })
    }
}

/// Everything that a proposal may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What may vary.
    pub space: &'a SearchSpace,
    /// Which way is better.
    pub goal: Goal,
    /// How points are chosen.
    pub strategy: &'a Strategy,
    /// Finished trials, earlier jobs' first where there are any (their `index` is then meaningless: see `prior`).
    pub history: &'a [Observation],
    /// Trials of earlier jobs with the same space (warm start): values may be shifted against this job's.
    pub prior: &'a [Observation],
    /// Trials that run now.
    pub pending: &'a [Pending],
    /// How many points to propose, at least 1.
    pub n: usize,
    /// The whole budget of the job, in trials.
    pub max_trials: u32,
    /// How many trials may run at once.
    pub parallel: u32,
    /// How many of the best points are tried again at the end of the budget (Bayesian only).
    pub replicates: u32,
    /// Makes a run repeatable.
    pub seed: u64,
}
