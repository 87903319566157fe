//! Everything that a decision reads.

use super::{Job, Trial};
use jiff::{SignedDuration, Timestamp};

/// A job, its trials and what was decided about it before.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What is asked for.
    pub job: Job,
    /// Every trial there is, by ascending index.
    pub trials: Vec<Trial>,
    /// Time that the job was active so far.
    pub active: SignedDuration,
    /// Set once the job has ended. A job that ended stays ended, whatever news still arrive.
    pub ended: Option<Ended>,
    /// When it was last taken up again after a person had to mend something.
    pub resumed: Option<Timestamp>,
}

impl Snapshot {
    /// A job about which nothing is known yet.
    pub fn new(job: Job) -> Self {
        Self {
            job,
            trials: Vec::new(),
            active: SignedDuration::ZERO,
            ended: None,
            resumed: None,
        }
    }
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// The same in a sentence.
    pub message: String,
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// All trials of the budget are done.
    TrialsSpent,
    /// A trial reached the target.
    TargetReached,
    /// More trials failed than the budget bears.
    TooManyFailures,
    /// The time is up.
    TimeSpent,
    /// Too many trials in a row brought no new best.
    NoImprovement,
    /// More trials will not help.
    Converged,
    /// The GPU-hours are spent.
    GpuHoursSpent,
    /// The strategy has no point left: a grid or hyperband at its end.
    SpaceExhausted,
    /// A trial refused its configuration or data; no other trial would fare better.
    BadConfiguration,
    /// The first trials all ended well without saying the objective; no other trial would fare better.
    MetricMissing,
    /// The budget is spent and no trial has a value.
    NoTrialSucceeded,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::TrialsSpent,
        Self::TargetReached,
        Self::TooManyFailures,
        Self::TimeSpent,
        Self::NoImprovement,
        Self::Converged,
        Self::GpuHoursSpent,
        Self::SpaceExhausted,
        Self::BadConfiguration,
        Self::MetricMissing,
        Self::NoTrialSucceeded,
    ];

    /// Whether the job did what it was asked for, as opposed to failing.
    pub fn is_success(self) -> bool {
        use EndReason::{BadConfiguration, MetricMissing, NoTrialSucceeded, TooManyFailures};
        !matches!(
            self,
            TooManyFailures | BadConfiguration | MetricMissing | NoTrialSucceeded
        )
    }

    /// Whether something outside of the budget is wrong, and the job may go on once a person has mended it.
    pub(crate) fn waits_to_be_mended(self) -> bool {
        matches!(self, Self::BadConfiguration | Self::MetricMissing)
    }

    /// One word for conditions and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::TrialsSpent => "TrialsSpent",
            Self::TargetReached => "TargetReached",
            Self::TooManyFailures => "TooManyFailures",
            Self::TimeSpent => "TimeSpent",
            Self::NoImprovement => "NoImprovement",
            Self::Converged => "Converged",
            Self::GpuHoursSpent => "GpuHoursSpent",
            Self::SpaceExhausted => "SpaceExhausted",
            Self::BadConfiguration => "BadConfiguration",
            Self::MetricMissing => "MetricMissing",
            Self::NoTrialSucceeded => "NoTrialSucceeded",
        }
    }
}
