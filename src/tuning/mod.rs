//! What to do now: every rule of a tuning job, as one pure function.
//!
//! A shell observes the world as a [`Snapshot`], calls [`decide()`] and carries out the [`Plan`]. There is no clock here:
//! time is an argument. Each policy is a file named for its question.
#![deny(clippy::disallowed_methods)]

mod attempt;
mod convergence;
mod counts;
pub mod curve;
mod decide;
mod early_stopping;
mod failure;
#[cfg(test)]
mod fixtures;
mod job;
mod kept_models;
pub mod lifecycle;
mod plan;
mod propose;
mod range_ends;
mod retry;
mod sentence;
mod snapshot;
mod status;
mod stopping;
mod trial;
mod trial_value;
mod value_age;

pub use attempt::{AttemptState, Exited, FinalReport, Interruption, Reported, Run};
pub use counts::Counts;
pub use curve::CurvePoint;
pub use decide::{decide, decide_with};
pub use failure::Exit;
pub use job::{Budget, Job, MedianStop, Objective, Retry, ValueRule};
pub use kept_models::{bar_for_models, best_models};
pub use lifecycle::Transition;
pub use plan::{Action, Plan, StopReason};
pub use propose::{Advice, Question, advise, history, propose, recommend, with_request};
pub use range_ends::{AtEnd, Side};
pub use retry::stuck;
pub use sentence::sentence;
pub use snapshot::{EndReason, Ended, Snapshot};
pub use status::{Best, Status, status};
pub use stopping::{ALL_COLLAPSED, reopens};
pub use trial::{COLLAPSED, COLLAPSED_SENTENCE, Failure, Phase, Progress, ShadowStop, Trial};
