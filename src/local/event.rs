//! What happens in a run: one line of the journal each.

use crate::api::{Assignment, ProposalRecord, TrialFailure};
use crate::tuning::{EndReason, Failure, Phase, Trial};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Happening {
    /// The job was given, or given again with another budget.
    Manifest {
        /// The manifest, as a whole.
        manifest: serde_json::Value,
        /// Seed of the job.
        seed: u64,
    },
    /// A runner took up the run; what was running before runs no more.
    Session {
        /// Version of the program.
        version: String,
        /// Whether a stop for bad configuration is lifted, since it may be mended.
        reopen: bool,
        /// Sentences for the report, such as where the data comes from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// Trials of earlier runs were taken as prior knowledge.
    WarmStart {
        /// The run's name.
        from: String,
        /// Its finished trials, in the order of their indices.
        observations: Vec<PriorRecord>,
    },
    /// Trials were proposed together, or a person added one.
    Proposed {
        /// Index of the first.
        first_index: u32,
        /// One for each.
        trials: Vec<ProposalRecord>,
        /// Whether a person added it.
        #[serde(default, skip_serializing_if = "is_no")]
        added: bool,
    },
    /// An attempt began.
    Started {
        /// Which trial.
        trial: u32,
        /// Which attempt, from 1.
        attempt: u32,
        /// Its process, the leader of its own group.
        pid: u32,
        /// Bytes of earlier attempts in its log file.
        #[serde(default, skip_serializing_if = "is_no_byte")]
        log_from: u64,
    },
    /// The objective was reported.
    Metrics {
        /// Which trial.
        trial: u32,
        /// At which step.
        step: u64,
        /// Every metric, the objective among them.
        #[serde(with = "numbers")]
        values: BTreeMap<String, f64>,
    },
    /// A trial came to its end.
    Ended {
        /// Which trial.
        trial: u32,
        /// `Succeeded`, `EarlyStopped`, `Failed` or `Cancelled`.
        phase: PhaseWord,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<TrialFailure>,
        /// Final value of the objective.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
        /// Final value of every metric.
        #[serde(with = "numbers", default)]
        metrics: BTreeMap<String, f64>,
        /// The learning curve, where the trial's report has it more exactly than what was seen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        curve: Vec<(u64, f64)>,
        /// One sentence.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
    },
    /// A trial stopped and waits to be started again at the same point.
    Requeued {
        /// Which trial.
        trial: u32,
        /// Why.
        message: String,
        /// Attempts in a row that this machine would not run.
        #[serde(default, skip_serializing_if = "is_zero")]
        n_lost: u32,
        /// It is not started before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// The median rule would have stopped a trial.
    ShadowStop {
        /// Which trial.
        trial: u32,
        /// At which step.
        step: u64,
        /// The comparison.
        message: String,
    },
    /// The job came to its end.
    JobEnded {
        /// Why.
        reason: EndWord,
        /// The same in a sentence.
        message: String,
    },
    /// The runner ended or holds still; the clock of the job stands.
    Paused {
        /// Why.
        message: String,
    },
}

impl Happening {
    /// What brings a trial that runs or waits to where `after` has it: waiting again, or at its end.
    pub fn between(before: &Trial, after: &Trial) -> Self {
        let trial = after.index;
        let message = after.message.clone();
        let Some((phase, failure)) = PhaseWord::of(after.phase) else {
            return Self::Requeued {
                trial,
                message,
                n_lost: after.n_lost,
                not_before: after.not_before,
            };
        };
        let has_new_points = after.curve != before.curve;
        let curve = after.curve.iter().filter(|_| has_new_points);
        Self::Ended {
            trial,
            phase,
            failure,
            value: after.value,
            metrics: after.metrics.clone(),
            curve: curve.map(|p| (p.step, p.value)).collect(),
            message,
        }
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_no(it: &bool) -> bool {
    !it
}

fn is_no_byte(n: &u64) -> bool {
    *n == 0
}

/// A finished trial of an earlier run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriorRecord {
    /// Its point.
    pub parameters: Assignment,
    /// Its value; none if it failed.
    pub value: Option<f64>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident for $core:ty: $($word:ident = $value:expr),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the same words as the core's")]
        pub enum $name { $($word),+ }
        impl From<$name> for $core {
            fn from(word: $name) -> Self {
                match word { $($name::$word => $value),+ }
            }
        }
        impl $name {
            /// The word of a core value, if it has one.
            pub fn of(value: $core) -> Option<Self> {
                [$(Self::$word),+].into_iter().find(|word| <$core>::from(*word) == value)
            }
        }
    };
}

words!(
    /// Why a job ended.
    EndWord for EndReason:
    TrialsSpent = EndReason::TrialsSpent, TargetReached = EndReason::TargetReached,
    TooManyFailures = EndReason::TooManyFailures, TimeSpent = EndReason::TimeSpent,
    NoImprovement = EndReason::NoImprovement, Converged = EndReason::Converged, GpuHoursSpent = EndReason::GpuHoursSpent,
    SpaceExhausted = EndReason::SpaceExhausted, BadConfiguration = EndReason::BadConfiguration,
    MetricMissing = EndReason::MetricMissing, NoTrialSucceeded = EndReason::NoTrialSucceeded
);

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the same words as tuning::Phase")]
pub enum PhaseWord {
    Succeeded,
    EarlyStopped,
    Failed,
    Cancelled,
}

impl PhaseWord {
    /// The word of a phase in which nothing changes any more, and why it failed.
    pub fn of(phase: Phase) -> Option<(Self, Option<TrialFailure>)> {
        match phase {
            Phase::Queued | Phase::Running => None,
            Phase::Succeeded => Some((Self::Succeeded, None)),
            Phase::EarlyStopped => Some((Self::EarlyStopped, None)),
            Phase::Failed(failure) => Some((Self::Failed, Some(failure.into()))),
            Phase::Cancelled => Some((Self::Cancelled, None)),
        }
    }

    /// The phase; a failure without a word of its own counts as a crash.
    pub fn phase(self, failure: Option<TrialFailure>) -> Phase {
        match self {
            Self::Succeeded => Phase::Succeeded,
            Self::EarlyStopped => Phase::EarlyStopped,
            Self::Cancelled => Phase::Cancelled,
            Self::Failed => Phase::Failed(failure.map_or(Failure::Crashed, Failure::from)),
        }
    }
}

/// Numbers by name; JSON knows no NaN and no infinity, so these are written as null and read back as NaN.
mod numbers {
    use super::*;

    pub fn serialize<S: Serializer>(map: &BTreeMap<String, f64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(map.iter().map(|(k, v)| (k, v.is_finite().then_some(*v))))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let map = BTreeMap::<String, Option<f64>>::deserialize(from)?;
        Ok(map.into_iter().map(|(k, v)| (k, v.unwrap_or(f64::NAN))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_to_the_same_bits() {
        let values = BTreeMap::from([("f1".to_owned(), 0.1 + 0.2), ("loss".to_owned(), 1e-310)]);
        let what = Happening::Metrics {
            trial: 3,
            step: 115,
            values,
        };
        let event = Event {
            at: "2026-01-02T03:04:05.678901234Z".parse().unwrap(),
            what,
        };
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.contains(r#""event":"metrics""#), "{line}");
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn nan_survives_as_nan() {
        let values = BTreeMap::from([("loss".to_owned(), f64::NAN)]);
        let line = serde_json::to_string(&Happening::Metrics {
            trial: 1,
            step: 1,
            values,
        })
        .unwrap();
        let Happening::Metrics { values, .. } = serde_json::from_str(&line).unwrap() else {
            panic!()
        };
        assert!(values["loss"].is_nan());
    }
}
