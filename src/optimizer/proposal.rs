//! What an optimizer answers: points, what is expected of them, and the reasons.

use super::METHOD;
use super::known::Known;
use super::request::Request;
use crate::space::Point;

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
    /// Taken on with more resource (hyperband, asha).
    Promoted,
    /// One of the best points, tried again with another seed.
    Replicate,
    /// A person's own.
    Manual,
}

/// The numbers that made a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// What kind of step it is.
    pub role: Role,
    /// The optimizer's [`METHOD`] that made it.
    pub method: u32,
    /// How many trials were at this very point before: a program adds it to its seed.
    pub replicate: u32,
    /// Posterior mean of the noise-free objective there, in the objective's unit.
    pub mean: Option<f64>,
    /// Posterior standard deviation of the noise-free objective there, in the objective's unit.
    pub sd: Option<f64>,
    /// Logarithm of the expected improvement over the noise-free best, in units of the standardised objective.
    pub acquisition: Option<f64>,
    /// The expected improvement itself, in the objective's unit.
    pub gain: Option<f64>,
    /// Standard deviation of a trial's value around the noise-free objective, in the objective's unit.
    pub noise: Option<f64>,
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
    /// Which trials were known, where that was recorded: the same trials give the same proposal.
    pub known: Option<Known>,
}

impl Why {
    /// A point that a person chose: there are no numbers.
    pub(crate) fn manual() -> Self {
        Self {
            role: Role::Manual,
            method: METHOD,
            replicate: 0,
            mean: None,
            sd: None,
            acquisition: None,
            gain: None,
            noise: None,
            feasibility: None,
            n_observed: 0,
            n_left_out: 0,
            n_pending: 0,
            models: Vec::new(),
            known: None,
        }
    }
}

impl Proposal {
    /// A proposal that no model made, after `n_chosen` others of the same batch.
    pub(super) fn plain(point: Point, role: Role, request: &Request, n_chosen: usize) -> Self {
        let why = Why {
            role,
            n_observed: request.history.len() as u32,
            n_pending: (request.pending.len() + n_chosen) as u32,
            ..Why::manual()
        };
        Self {
            point,
            resource: None,
            why,
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
    /// The 90 % interval of the noise-free objective there; `None` while fewer than three different values are known, from
    /// which nothing follows about how far they may be trusted.
    pub interval: Option<Interval>,
}

/// Prediction of the noise-free objective at one point, in the objective's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Posterior mean.
    pub mean: f64,
    /// The 90 % interval; `None` while all values are equal, as they have no scale then.
    pub interval: Option<Interval>,
}

/// A range of values, in the objective's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}
