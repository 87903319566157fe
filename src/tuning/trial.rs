//! One trial and how far it came.

use super::CurvePoint;
use crate::optimizer::Why;
use crate::space::Point;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Metric by which a program says that its model gives one answer for every input.
pub const COLLAPSED: &str = "collapsed";
/// The same for people.
pub const COLLAPSED_SENTENCE: &str = "collapsed: one answer for every input";

/// One training run at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number in the job, from 1.
    pub index: u32,
    /// Its name, where a person gave it one.
    pub name: Option<String>,
    /// Where it is.
    pub point: Point,
    /// What it may spend, where the strategy rations that.
    pub resource: Option<u32>,
    /// Why it is there.
    pub why: Why,
    /// How far it came.
    pub phase: Phase,
    /// How far its current or last attempt says it is.
    pub progress: Progress,
    /// The objective as it was reported, by ascending step.
    pub curve: Vec<CurvePoint>,
    /// The last value of every metric that its current or last attempt has said, the objective among them.
    pub metrics: BTreeMap<String, f64>,
    /// The final value of the objective; for a trial stopped early, the last that it had shown.
    pub value: Option<f64>,
    /// When it was proposed.
    pub created: Timestamp,
    /// When its first attempt began.
    pub started: Option<Timestamp>,
    /// When its current attempt began; `None` while nothing runs.
    pub attempt_started: Option<Timestamp>,
    /// When its current attempt ended, if what came of it is yet to be told.
    pub attempt_ended: Option<Timestamp>,
    /// When it came to its end.
    pub ended: Option<Timestamp>,
    /// Time that finished attempts ran.
    pub ran: SignedDuration,
    /// GPUs that its current or last attempt holds.
    pub gpus: u32,
    /// The same time, once for each GPU that the attempt held.
    pub gpu_time: SignedDuration,
    /// How often it was started.
    pub attempts: u32,
    /// Attempts in a row that nodes would not run.
    pub n_lost: u32,
    /// A queued trial is not started before.
    pub not_before: Option<Timestamp>,
    /// Where the median rule would have stopped it, if it only reports.
    pub shadow_stop: Option<ShadowStop>,
    /// One sentence about its end; empty while there is nothing to say.
    pub message: String,
}

/// How far a running trial says it is; each part only where the program tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Training steps done.
    pub step: Option<u64>,
    /// Training steps in all.
    pub total_steps: Option<u64>,
    /// Epochs done, with fractions.
    pub epoch: Option<f64>,
}

/// Where the median rule would have stopped a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowStop {
    /// Training step.
    pub step: u64,
    /// The comparison, as a sentence.
    pub message: String,
}

/// How far a trial came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has a point and waits for its start, or to be started again.
    Queued,
    /// It runs.
    Running,
    /// It ended with a value.
    Succeeded,
    /// The median rule ended it.
    EarlyStopped,
    /// It ended without a value that counts.
    Failed(Failure),
    /// The job needed it no more.
    Cancelled,
}

/// Why a trial failed. All of these teach the job's optimizer to stay away; later jobs learn from [`Failure::is_of_its_point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Out of memory, on the host or the GPU.
    OutOfMemory,
    /// The loss or the objective is not a finite number.
    Diverged,
    /// It ended well but never said the objective.
    MetricMissing,
    /// It ended with an exit code or a signal of its own.
    Crashed,
    /// It ran longer than a trial may.
    TimedOut,
    /// What it has said can't be recorded.
    Refused,
}

impl Failure {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::OutOfMemory,
        Self::Diverged,
        Self::MetricMissing,
        Self::Crashed,
        Self::TimedOut,
        Self::Refused,
    ];

    /// Whether it says something of the point in a later job too: its program can't run there. A program that crashes or says
    /// no metric has as likely been wrong itself, wherever its trials were, and is mended by then.
    pub fn is_of_its_point(self) -> bool {
        match self {
            Self::OutOfMemory | Self::Diverged | Self::TimedOut => true,
            Self::Crashed | Self::MetricMissing | Self::Refused => false,
        }
    }
}

impl Phase {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// One word for tables and files: `Queued`, `Running`, `Succeeded`, `EarlyStopped`, `Failed`, `Cancelled`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::EarlyStopped => "EarlyStopped",
            Self::Failed(_) => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

impl Failure {
    /// One word for tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::OutOfMemory => "OutOfMemory",
            Self::Diverged => "Diverged",
            Self::MetricMissing => "MetricMissing",
            Self::Crashed => "Crashed",
            Self::TimedOut => "TimedOut",
            Self::Refused => "Refused",
        }
    }
}

impl Trial {
    /// A trial that was just proposed.
    pub fn new(index: u32, point: Point, resource: Option<u32>, why: Why, created: Timestamp) -> Self {
        Self {
            index,
            name: None,
            point,
            resource,
            why,
            phase: Phase::Queued,
            progress: Progress::default(),
            curve: Vec::new(),
            metrics: BTreeMap::new(),
            value: None,
            created,
            started: None,
            attempt_started: None,
            attempt_ended: None,
            ended: None,
            ran: SignedDuration::ZERO,
            gpus: 0,
            gpu_time: SignedDuration::ZERO,
            attempts: 0,
            n_lost: 0,
            not_before: None,
            shadow_stop: None,
            message: String::new(),
        }
    }

    /// Time that it ran, all attempts together, up to `now`.
    pub fn duration(&self, now: Timestamp) -> SignedDuration {
        self.ran + self.attempt_duration(now)
    }

    /// GPUs times the time that it held them, all attempts together, up to `now`.
    pub fn gpu_duration(&self, now: Timestamp) -> SignedDuration {
        self.gpu_time + times(self.attempt_duration(now), self.gpus)
    }

    fn attempt_duration(&self, now: Timestamp) -> SignedDuration {
        let ran = |start| self.attempt_ended.unwrap_or(now).duration_since(start);
        let ran = self.attempt_started.map_or(SignedDuration::ZERO, ran);
        ran.max(SignedDuration::ZERO)
    }

    /// Takes in that its current attempt ran so long.
    pub(super) fn add_time(&mut self, ran: SignedDuration) {
        self.ran += ran;
        self.gpu_time += times(ran, self.gpus);
    }

    /// Whether it reported that its model gives one answer for every input: a value that it has nevertheless says nothing.
    ///
    /// An F1 of 0.8122 on MRPC is what answering yes to everything scores. To tell so is the part of the program, by a metric
    /// [`COLLAPSED`] of 1 (or `true` in its final report); whoever says nothing has not collapsed.
    pub(crate) fn is_collapsed(&self) -> bool {
        self.metrics.get(COLLAPSED) == Some(&1.0)
    }

    /// The last value that it reported.
    pub fn last(&self) -> Option<CurvePoint> {
        self.curve.last().copied()
    }
}

fn times(time: SignedDuration, n: u32) -> SignedDuration {
    let n = i32::try_from(n).unwrap_or(i32::MAX);
    time.checked_mul(n).unwrap_or(SignedDuration::MAX)
}
