//! From a history to the next points.
//!
//! [`suggest`] is a pure function of its [`Request`]: the same request gives the same points, to the last bit, on every
//! machine. There is no clock, no memory and no platform mathematics in it; `seed` is the only source of chance.
#![deny(clippy::disallowed_methods)]

mod acquisition;
mod asha;
mod batch;
mod bayesian;
mod beliefs;
mod bfgs;
mod classifier;
mod dimensions;
mod draws;
mod evaluated;
mod feasibility;
mod gp;
mod halving;
mod hyperband;
mod hyperparameters;
mod kept;
mod kernel;
mod known;
mod linalg;
mod maximize;
mod outcome_transform;
mod proposal;
mod random;
mod request;
mod simd;
mod space_filling;
mod ties;
mod training_data;

use crate::space::Point;

pub use hyperband::n_trials as hyperband_trials;
pub use kept::Limits;
pub use known::{Indices, Known, NotIndices};
pub use proposal::{Interval, ModelWhy, Prediction, Proposal, Recommendation, Role, Why};
pub use request::{Goal, Observation, Outcome, Pending, Request, Strategy};

/// The number of the method: it grows whenever the same request has another answer. Proposals of another method can't be made
/// again.
pub const METHOD: u32 = 2;

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
        Strategy::Asha {
            min_resource,
            max_resource,
            eta,
        } => asha::suggest(request, *min_resource, *max_resource, *eta),
    }
}

/// The point to hand to the user; `None` while fewer than two trials have succeeded. Any strategy's history will do.
pub fn recommend(request: &Request) -> Option<Recommendation> {
    recommend_within(request, Limits::USUAL)
}

/// [`recommend`] with limits other than the usual ones, to measure what they cost.
pub fn recommend_within(request: &Request, limits: Limits) -> Option<Recommendation> {
    beliefs::recommend(request, limits)
}

/// Predictions of the noise-free objective at some points; `None` while fewer than two trials have succeeded.
pub fn predict(request: &Request, points: &[Point]) -> Option<Vec<Prediction>> {
    beliefs::predict(request, points, Limits::USUAL)
}
