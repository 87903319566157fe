//! How a job stands, as the conditions of its status say it. Pure.
//!
//! Conditions follow kstatus: Reconciling while there is work to do, Stalled where only a person can help, Ready at the
//! end. Complete, Failed and Suspended are for people and `kubectl wait`.

use crate::api::{Condition, ConditionStatus, Fault, TuningJobStatus};
use crate::tuning::{ALL_COLLAPSED, EndReason, Ended, sentence};
use jiff::Timestamp;

/// What to say of a job beside its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// Its spec can't be used.
    Invalid(String),
    /// It waits for another job or object.
    Waiting(String),
    /// A person has to mend something before its trials can go on.
    Stuck(String),
    /// Its trials wait for something that may come about by itself.
    Held(String),
    /// It works; a sentence, if some of its trials can't run.
    Working(Option<String>),
    /// It holds still.
    Suspended,
    /// It has ended.
    Ended(Ended),
}

/// The end that a status tells of, if the job has ended.
pub fn recorded_end(status: &TuningJobStatus) -> Option<Ended> {
    let holds =
        |c: &&Condition| c.status == ConditionStatus::True && (c.type_ == "Complete" || c.type_ == "Failed");
    let condition = status.conditions.iter().find(holds)?;
    let reason = EndReason::ALL
        .into_iter()
        .find(|r| r.word() == condition.reason)?;
    Some(Ended {
        reason,
        message: condition.message.clone(),
    })
}

/// The faults of a spec as one sentence.
pub fn faults_sentence(faults: &[Fault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    sentence(&all.join("; "))
}

/// Phase, message and conditions.
pub fn set(status: &mut TuningJobStatus, state: &JobState, generation: Option<i64>, now: Timestamp) {
    use ConditionStatus::{False, True};
    let (phase, reason, message) = words(state, status);
    let at_end = matches!(state, JobState::Ended(_));
    let good_end = matches!(state, JobState::Ended(e) if e.reason.is_success());
    let bad_end = at_end && !good_end;
    let stalled = bad_end || matches!(state, JobState::Invalid(_) | JobState::Stuck(_));
    let working = matches!(
        state,
        JobState::Working(_) | JobState::Waiting(_) | JobState::Held(_)
    );
    let says = [
        ("Ready", good_end),
        ("Reconciling", working),
        ("Stalled", stalled),
        ("Complete", good_end),
        ("Failed", bad_end),
        ("Suspended", matches!(state, JobState::Suspended)),
    ];
    let earlier = std::mem::take(&mut status.conditions);
    let condition = |(type_, holds): (&str, bool)| {
        let condition = Condition {
            type_: type_.to_owned(),
            status: if holds { True } else { False },
            reason: reason.to_owned(),
            message: message.clone(),
            last_transition_time: now,
            observed_generation: generation,
        };
        condition.since(&earlier)
    };
    status.conditions = says.map(condition).into();
    status.observed_generation = generation;
    status.phase = Some(phase.into());
    status.message = message;
    status.completion_time = at_end.then(|| status.completion_time.unwrap_or(now));
}

fn words(state: &JobState, status: &TuningJobStatus) -> (&'static str, &'static str, String) {
    match state {
        JobState::Invalid(why) => ("Stalled", "InvalidSpec", why.clone()),
        JobState::Waiting(why) => ("Pending", "Waiting", why.clone()),
        JobState::Stuck(why) => ("Stalled", "TrialsCannotRun", why.clone()),
        JobState::Suspended => ("Suspended", "Suspended", "spec.suspend is true".into()),
        JobState::Ended(end) => {
            let phase = if end.reason.is_success() {
                "Complete"
            } else {
                "Failed"
            };
            (phase, end.reason.word(), end.message.clone())
        }
        JobState::Held(why) => {
            let trials = &status.trials;
            let has_begun = trials.succeeded + trials.early_stopped + trials.failed > 0;
            let phase = if has_begun { "Running" } else { "Pending" };
            (phase, "TrialsWaiting", why.clone())
        }
        JobState::Working(trouble) => {
            let progress = status.progress.clone().unwrap_or_default();
            let trouble = trouble.as_ref().map(|why| format!("; {why}"));
            let doubt = status.best.as_ref().filter(|best| best.collapsed);
            let doubt = doubt.map(|_| format!("; {ALL_COLLAPSED}"));
            let notes = [doubt, trouble].into_iter().flatten().collect::<String>();
            (
                "Running",
                "TrialsRunning",
                format!("{progress} trials done{notes}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(state: &JobState) -> TuningJobStatus {
        let mut status = TuningJobStatus::default();
        set(&mut status, state, Some(3), at(0));
        status
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn end(reason: EndReason) -> JobState {
        let message = "so it is".into();
        JobState::Ended(Ended { reason, message })
    }

    /// The types of the conditions that hold.
    fn held(status: &TuningJobStatus) -> Vec<&str> {
        let holds = status
            .conditions
            .iter()
            .filter(|c| c.status == ConditionStatus::True);
        holds.map(|c| c.type_.as_str()).collect()
    }

    #[test]
    fn each_state_has_its_phase_and_its_conditions() {
        let why = || String::from("why");
        let cases: [(JobState, &str, &[&str]); 8] = [
            (JobState::Invalid(why()), "Stalled", &["Stalled"]),
            (JobState::Waiting(why()), "Pending", &["Reconciling"]),
            (JobState::Stuck(why()), "Stalled", &["Stalled"]),
            (JobState::Held(why()), "Pending", &["Reconciling"]),
            (JobState::Working(None), "Running", &["Reconciling"]),
            (JobState::Suspended, "Suspended", &["Suspended"]),
            (end(EndReason::TrialsSpent), "Complete", &["Ready", "Complete"]),
            (end(EndReason::BadConfiguration), "Failed", &["Stalled", "Failed"]),
        ];
        for (state, phase, conditions) in cases {
            let status = status_of(&state);
            assert_eq!(status.phase.as_deref(), Some(phase), "{state:?}");
            assert_eq!(held(&status), conditions, "{state:?}");
            assert_eq!(status.observed_generation, Some(3));
            assert_eq!(
                status.completion_time.is_some(),
                matches!(state, JobState::Ended(_))
            );
        }
    }

    #[test]
    fn an_end_is_read_off_the_status_that_tells_of_it() {
        for reason in EndReason::ALL {
            let JobState::Ended(ended) = end(reason) else {
                unreachable!()
            };
            assert_eq!(recorded_end(&status_of(&end(reason))), Some(ended));
        }
        assert_eq!(recorded_end(&status_of(&JobState::Working(None))), None);
        assert_eq!(recorded_end(&TuningJobStatus::default()), None);
    }

    #[test]
    fn a_condition_has_the_time_at_which_it_came_to_hold() {
        let mut status = status_of(&JobState::Working(None));
        set(&mut status, &JobState::Stuck("why".into()), Some(3), at(60));
        let since = |type_: &str| {
            let found = status.conditions.iter().find(|c| c.type_ == type_);
            found.unwrap().last_transition_time
        };
        assert_eq!((since("Stalled"), since("Ready")), (at(60), at(0)));
    }

    #[test]
    fn a_job_that_ended_keeps_the_time_of_its_end() {
        let mut status = status_of(&end(EndReason::TrialsSpent));
        set(&mut status, &end(EndReason::TrialsSpent), Some(4), at(60));
        assert_eq!(status.completion_time, Some(at(0)));
    }
}
