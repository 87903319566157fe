//! An attempt at a trial, as a shell sees it: how it stands, and what it has reported.

use super::{CurvePoint, Exit, Progress};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How the current attempt at a trial stands: all that a shell may know of it, on one machine as on a cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptState {
    /// There is nothing to be seen of it: not yet, or an earlier attempt is still on its way out.
    Absent,
    /// It is there and does not run yet.
    Waiting {
        /// What for; empty where that is nothing out of the ordinary.
        why: String,
        /// Whether only a person can end the waiting.
        needs_help: bool,
    },
    /// The platform has taken it away and starts it again by itself, at the same point.
    Disrupted {
        /// Why.
        why: String,
    },
    /// It runs.
    Running(Run),
    /// It still runs, for all that is known, and the platform has asked it to end.
    Leaving {
        /// Why, and what is waited for.
        why: String,
    },
    /// It came to its end.
    Exited(Exited),
    /// It was taken away or never ran, not by the trial's doing, and nobody but the shell starts it again.
    Lost {
        /// Why.
        why: String,
        /// Whether the node is to blame, so that trying at once would only meet the same.
        by_node: bool,
    },
    /// It is over, and how is not to be seen any more.
    Unclear {
        /// What is known.
        why: String,
    },
}

/// What runs, or ran: one process or pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whether this is another one than the shell saw last: what was reported before is not its doing.
    pub is_new: bool,
    /// When it was asked for, by the clock that all shells share.
    pub created: Timestamp,
    /// When it began, by the clock of its node; `None`: the node does not say.
    pub started: Option<Timestamp>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Exited {
    /// What ran.
    pub run: Run,
    /// When it ended, by the clock of its node; `None`: the node does not say.
    pub finished: Option<Timestamp>,
    /// How its process ended.
    pub exit: Exit,
    /// Why the platform had asked it to end, if it had.
    pub interrupted: Option<Interruption>,
}

/// The platform's own request to end, before the program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// Why.
    pub why: String,
    /// Whether the platform starts it again by itself.
    pub restarts: bool,
    /// Whether a final report counts all the same: the platform takes the program as finished.
    pub may_have_finished: bool,
}

/// What an attempt has reported so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    /// The objective, in the order of its measurement.
    pub points: Vec<CurvePoint>,
    /// The last value of every metric.
    pub metrics: BTreeMap<String, f64>,
    /// How far it says it is.
    pub progress: Progress,
    /// What it left at its end.
    pub report: Option<FinalReport>,
    /// Why what it said at its end is not known yet, in a sentence. Nothing but its judgement waits for that.
    pub outstanding: Option<String>,
    /// Its own last words, for the message of a failure.
    pub last_words: Option<String>,
    /// Where the objective was looked for, for the message when it is missing.
    pub looked_in: String,
    /// Why it can't be heard now, with what to do.
    pub trouble: Option<String>,
    /// Whether some of what it said may have been missed, since nobody listened for a while.
    pub may_have_gaps: bool,
    /// Whether its last word on the objective could not be read: what it said before is not its value.
    pub is_outdated: bool,
    /// When what it shows was read last, where it shows a value and does not say it.
    pub last_read: Option<Timestamp>,
}

/// What a program leaves at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinalReport {
    /// Final value of every metric; may be NaN.
    pub metrics: BTreeMap<String, f64>,
    /// The objective by step.
    pub curve: Vec<CurvePoint>,
    /// The steps of the curve at which the model gave one answer for every input.
    pub collapsed: Vec<u64>,
    /// Training steps done.
    pub step: Option<u64>,
    /// Where it was computed, such as `cuda:0 NVIDIA H100`, where the program says.
    pub device: Option<String>,
}

impl AttemptState {
    /// Every state's word.
    pub const WORDS: [&str; 8] = [
        "Absent",
        "Waiting",
        "Disrupted",
        "Running",
        "Leaving",
        "Exited",
        "Lost",
        "Unclear",
    ];

    /// One word for it.
    pub fn word(&self) -> &'static str {
        let place = match self {
            Self::Absent => 0,
            Self::Waiting { .. } => 1,
            Self::Disrupted { .. } => 2,
            Self::Running(_) => 3,
            Self::Leaving { .. } => 4,
            Self::Exited(_) => 5,
            Self::Lost { .. } => 6,
            Self::Unclear { .. } => 7,
        };
        Self::WORDS[place]
    }
}

impl Run {
    /// When it began, as far as its node's clock can be believed: not before it was asked for, and not in the future.
    pub fn start(&self, now: Timestamp) -> Timestamp {
        let earliest = self.created.min(now);
        self.started.unwrap_or(now).clamp(earliest, now)
    }
}

impl Exited {
    /// When it began and ended. Of a node's clock that is off, the time between both still counts, within what can be.
    pub fn span(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let earliest = self.run.created.min(now);
        let end = self.finished.unwrap_or(now).clamp(earliest, now);
        let told = self.run.started.zip(self.finished);
        let ran = told.map(|(start, end)| end.duration_since(start).max(SignedDuration::ZERO));
        let longest = now.duration_since(earliest);
        match ran {
            // Both by the same clock: where it is off, the end is taken as late as the whole run fits.
            Some(ran) => {
                let ran = ran.min(longest);
                let end = end.max(earliest + ran);
                (end - ran, end)
            }
            None => (self.run.start(now).min(end), end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn run(started: Option<i64>) -> Run {
        Run {
            is_new: true,
            created: at(1_000),
            started: started.map(at),
        }
    }

    fn exited(started: Option<i64>, finished: Option<i64>) -> Exited {
        Exited {
            run: run(started),
            finished: finished.map(at),
            exit: Exit::Code(0),
            interrupted: None,
        }
    }

    #[test]
    fn a_start_is_never_in_the_future_nor_before_it_was_asked_for() {
        let now = at(2_000);
        let cases = [
            (Some(1_010), 1_010),
            (None, 2_000),
            (Some(0), 1_000),
            (Some(5_600), 2_000),
        ];
        for (told, start) in cases {
            assert_eq!(run(told).start(now), at(start), "{told:?}");
        }
    }

    #[test]
    fn a_clock_that_is_off_tells_how_long_and_no_more() {
        let now = at(2_000);
        let cases = [
            ((Some(1_010), Some(1_500)), (1_010, 1_500)),
            // An hour ahead, an hour behind.
            ((Some(4_610), Some(5_100)), (1_510, 2_000)),
            ((Some(-2_590), Some(-2_100)), (1_000, 1_490)),
            // A clock that was set while it ran.
            ((Some(0), Some(1_500)), (1_000, 2_000)),
            ((Some(1_500), Some(1_010)), (1_010, 1_010)),
            ((None, Some(1_500)), (1_500, 1_500)),
            ((Some(1_010), None), (1_010, 2_000)),
            ((None, None), (2_000, 2_000)),
        ];
        for ((started, finished), (start, end)) in cases {
            let span = exited(started, finished).span(now);
            assert_eq!(span, (at(start), at(end)), "{started:?} {finished:?}");
        }
    }
}
