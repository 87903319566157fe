//! How a trial stands, as the conditions of its status say it. Pure.
//!
//! They follow kstatus, for whoever keeps a Trial of his own in Git: exactly one of Ready, Reconciling and Stalled holds.

use crate::api::{Condition, ConditionStatus, TrialPhase, TrialStatus};
use jiff::Timestamp;

/// Says in conditions what the rest of a status says; `generation` is that of the trial's spec.
pub fn set(status: &mut TrialStatus, generation: Option<i64>, now: Timestamp) {
    let holds = match status.phase {
        TrialPhase::Queued | TrialPhase::Pending | TrialPhase::Running => "Reconciling",
        TrialPhase::Succeeded | TrialPhase::EarlyStopped => "Ready",
        TrialPhase::Failed | TrialPhase::Cancelled => "Stalled",
    };
    // The variants are the words that the status has for them.
    let reason = match status.failure {
        Some(failure) => format!("{failure:?}"),
        None => format!("{:?}", status.phase),
    };
    let earlier = std::mem::take(&mut status.conditions);
    let condition = |type_: &str| {
        let condition = Condition {
            type_: type_.to_owned(),
            status: match type_ == holds {
                true => ConditionStatus::True,
                false => ConditionStatus::False,
            },
            reason: reason.clone(),
            message: status.message.clone(),
            last_transition_time: now,
            observed_generation: generation,
        };
        condition.since(&earlier)
    };
    status.conditions = ["Ready", "Reconciling", "Stalled"].map(condition).into();
    status.observed_generation = generation;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::TrialFailure;

    #[test]
    fn one_of_the_three_holds_since_it_began_to() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut status = TrialStatus::default();
        let steps = [
            (TrialPhase::Queued, None, "Reconciling", "Queued", 0),
            (TrialPhase::Running, None, "Reconciling", "Running", 0),
            (TrialPhase::Succeeded, None, "Ready", "Succeeded", 2),
            (TrialPhase::EarlyStopped, None, "Ready", "EarlyStopped", 2),
            (
                TrialPhase::Failed,
                Some(TrialFailure::OutOfMemory),
                "Stalled",
                "OutOfMemory",
                4,
            ),
            (TrialPhase::Cancelled, None, "Stalled", "Cancelled", 4),
        ];
        for (second, (phase, failure, holds, reason, since)) in (0..).zip(steps) {
            (status.phase, status.failure) = (phase, failure);
            set(&mut status, Some(1), at(second));
            let true_ones: Vec<&Condition> = status
                .conditions
                .iter()
                .filter(|c| c.status == ConditionStatus::True)
                .collect();
            let [one] = true_ones[..] else {
                panic!("{true_ones:?}")
            };
            assert_eq!((one.type_.as_str(), one.reason.as_str()), (holds, reason));
            assert_eq!(
                (one.last_transition_time, status.conditions.len()),
                (at(since), 3)
            );
            assert_eq!(status.observed_generation, Some(1));
            // Said again, it changes nothing.
            let before = status.clone();
            set(&mut status, Some(1), at(99));
            assert_eq!(status, before);
        }
    }
}
