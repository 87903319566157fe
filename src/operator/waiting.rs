//! What keeps a job's trials from running, and from when on that is a person's business. Pure.
//!
//! kstatus reads Stalled as a failure, and GitOps controllers give a rollout up for it. A cluster that scales up, a registry
//! that is slow or a GPU that is not free yet is no failure: the job is Reconciling, and says for what it waits.

use super::conditions::JobState;
use crate::api::TuningJobStatus;
use crate::tuning::sentence;
use jiff::{SignedDuration, Timestamp};

/// Why no trial of a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// In a sentence.
    pub why: String,
    /// Whether waiting can't mend it.
    pub is_final: bool,
}

impl Trouble {
    /// Something that may come about by itself.
    pub fn passing(why: String) -> Self {
        Self { why, is_final: false }
    }

    /// Something that only a person can mend.
    pub fn lasting(why: String) -> Self {
        Self { why, is_final: true }
    }
}

/// How a job stands that has this trouble, and when that changes by time alone.
pub fn state(
    status: &mut TuningJobStatus,
    trouble: &Trouble,
    patience: SignedDuration,
    now: Timestamp,
) -> (JobState, Option<SignedDuration>) {
    let since = *status.waiting_since.get_or_insert(now);
    let left = patience - now.duration_since(since);
    let why = sentence(&trouble.why);
    if trouble.is_final || !left.is_positive() {
        return (JobState::Stuck(why), None);
    }
    (JobState::Held(why), Some(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_about_by_itself_is_waited_for_and_then_a_person_is_called() {
        let patience = SignedDuration::from_mins(5);
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let mut status = TuningJobStatus::default();
        let trouble = Trouble::passing("job-0001: Unschedulable".into());
        let mut look = |minutes| state(&mut status, &trouble, patience, at(minutes));
        let why = trouble.why.clone();
        assert_eq!(look(0), (JobState::Held(why.clone()), Some(patience)));
        assert_eq!(
            look(3),
            (JobState::Held(why.clone()), Some(SignedDuration::from_mins(2)))
        );
        assert_eq!(look(5), (JobState::Stuck(why.clone()), None));
        let lasting = Trouble::lasting(why.clone());
        let found = state(&mut TuningJobStatus::default(), &lasting, patience, at(0));
        assert_eq!(found, (JobState::Stuck(why), None));
    }
}
