//! From a history to the next points.
//!
//! [`suggest`] is a pure function of its [`Request`]: the same request gives the same points, to the last bit, on every
//! machine. There is no clock, no memory and no platform mathematics in it; `seed` is the only source of chance.
#![deny(clippy::disallowed_methods)]

mod acquisition;
mod bayesian;
mod bfgs;
mod dimensions;
mod evaluated;
mod exponential;
mod feasibility;
mod gp;
mod hyperband;
mod hyperparameters;
mod kept;
mod kernel;
mod linalg;
mod maximize;
mod outcome_transform;
mod random;
mod simd;
mod space_filling;
mod training_data;

use crate::space::{Point, SearchSpace};

pub use hyperband::n_trials as hyperband_trials;
pub use kept::Limits;

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

/// One finished trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The trial's number in its job; observations are used in this order, however they are passed.
    pub index: u32,
    /// Where it was.
    pub point: Point,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was allowed to spend, where the strategy rations that (hyperband); in its unit, such as epochs.
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
    /// Makes a run repeatable.
    pub seed: u64,
}

/// A point to try and the reasons for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Where to go.
    pub point: Point,
    /// What the trial may spend, where the strategy rations that.
    pub resource: Option<u32>,
    /// Why there.
    pub why: Why,
}

/// What kind of step a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of the first points, before there is a model.
    Startup,
    /// Chosen where much may be learned or won.
    Explore,
    /// Chosen where the model expects the best value.
    Exploit,
    /// Given by a list or by chance: grid, random, sobol.
    Sampled,
    /// Taken on with more resource (hyperband).
    Promoted,
    /// A person's own.
    Manual,
}

/// The numbers that made a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// What kind of step it is.
    pub role: Role,
    /// Posterior mean of the noise-free objective there, in the objective's unit.
    pub mean: Option<f64>,
    /// Posterior standard deviation of the noise-free objective there, in the objective's unit.
    pub sd: Option<f64>,
    /// Logarithm of the expected improvement over the noise-free best, in units of the standardised objective.
    pub acquisition: Option<f64>,
    /// Probability in `[0, 1]` that a trial there succeeds.
    pub feasibility: Option<f64>,
    /// Number of finished trials that were known.
    pub n_observed: u32,
    /// How many of them the model left out, since it takes no more than it can be quick about.
    pub n_left_out: u32,
    /// Number of running trials (and earlier points of the same batch) that it was conditioned on.
    pub n_pending: u32,
    /// The models that were averaged, heaviest first; empty without a model.
    pub models: Vec<ModelWhy>,
}

impl Why {
    /// A point that a person chose: there are no numbers.
    pub fn manual() -> Self {
        Self {
            role: Role::Manual,
            mean: None,
            sd: None,
            acquisition: None,
            feasibility: None,
            n_observed: 0,
            n_left_out: 0,
            n_pending: 0,
            models: Vec::new(),
        }
    }
}

/// One fitted Gaussian process.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelWhy {
    /// `matern52` or `rbf`.
    pub kernel: &'static str,
    /// Its share in the average, in `[0, 1]`.
    pub weight: f64,
    /// Length scale of each parameter, in the unit cube.
    pub length_scales: Vec<f64>,
    /// Noise variance of the standardised objective.
    pub noise: f64,
    /// Signal variance of the standardised objective.
    pub signal: f64,
}

/// The point to hand to the user, guarded against the winner's curse.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// Where to go.
    pub point: Point,
    /// Posterior mean of the noise-free objective there.
    pub mean: f64,
    /// Lower end of the 90 % interval of the noise-free objective.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
}

/// Prediction of the noise-free objective at one point, in the objective's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Posterior mean.
    pub mean: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
}

/// Up to `n` points to try next; fewer, or none, where a grid or hyperband has to wait or is at its end.
pub fn suggest(request: &Request) -> Vec<Proposal> {
    suggest_within(request, Limits::USUAL)
}

/// [`suggest`] with limits other than the usual ones, to measure what they cost.
pub fn suggest_within(request: &Request, limits: Limits) -> Vec<Proposal> {
    match request.strategy {
        Strategy::Bayesian => bayesian::suggest(request, limits),
        Strategy::Random => space_filling::random(request),
        Strategy::Sobol => space_filling::sobol(request),
        Strategy::Grid { points_per_double } => space_filling::grid(request, *points_per_double),
        Strategy::Hyperband {
            min_resource,
            max_resource,
            eta,
        } => hyperband::suggest(request, *min_resource, *max_resource, *eta),
    }
}

/// The point to hand to the user; `None` while fewer than two trials have succeeded. Any strategy's history will do.
pub fn recommend(request: &Request) -> Option<Recommendation> {
    recommend_within(request, Limits::USUAL)
}

/// [`recommend`] with limits other than the usual ones, to measure what they cost.
pub fn recommend_within(request: &Request, limits: Limits) -> Option<Recommendation> {
    bayesian::recommend(request, limits)
}

/// Predictions of the noise-free objective at some points; `None` while fewer than two trials have succeeded.
pub fn predict(request: &Request, points: &[Point]) -> Option<Vec<Prediction>> {
    bayesian::predict(request, points, Limits::USUAL)
}
