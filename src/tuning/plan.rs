//! Everything that a decision wants done.

use super::{Ended, Status};
use crate::optimizer::Proposal;
use jiff::SignedDuration;

/// What to do, in this order, and what to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Carried out in order; each is safe to repeat.
    pub actions: Vec<Action>,
    /// How the job stands.
    pub status: Status,
    /// When to decide again even without news; `None`: only news matter.
    pub wake_in: Option<SignedDuration>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Record new trials. They are proposed together, so they are recorded together.
    Create {
        /// Index of the first; the others follow.
        first_index: u32,
        /// One for each trial.
        proposals: Vec<Proposal>,
    },
    /// Start a queued trial, or start it again.
    Start {
        /// Which.
        index: u32,
    },
    /// Let a trial checkpoint and stop.
    Stop {
        /// Which.
        index: u32,
        /// What that makes of it.
        reason: StopReason,
    },
    /// Note that the median rule would have stopped this trial.
    ShadowStop {
        /// Which.
        index: u32,
        /// At which step.
        step: u64,
        /// What would have been done and why, as a sentence.
        message: String,
    },
    /// Record the end of the job.
    End(Ended),
}

/// Why a trial is stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum StopReason {
    /// The median rule: it ends as early-stopped.
    LagsBehind {
        /// The comparison, as a sentence.
        message: String,
    },
    /// It ran too long: it fails.
    TimedOut,
    /// The job is suspended: it is queued again.
    Suspended,
    /// The job has ended: it is cancelled.
    JobEnded,
}
