//! Unit tests of `conditions`.

use super::*;
use crate::tuning::Side;

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
        assert!(PHASES.contains(&phase), "{phase} is not counted");
        assert_eq!(held(&status), conditions, "{state:?}");
        // False would say that there is work to do: a rollout would wait for it until it gives up.
        let is_told = status.conditions.iter().any(|c| c.type_ == "Ready");
        assert_eq!(is_told, state != JobState::Suspended, "{state:?}");
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

#[test]
fn a_range_that_may_be_too_narrow_is_advice_and_nothing_else() {
    let manifest = crate::api::parse(
        "apiVersion: tuning-operator.io/v1alpha1
kind: TuningJob
metadata: {name: mrpc}
spec:
  objective: {metric: f1, goal: Maximize}
  parameters: [{name: rate, double: {min: 1.0e-5, max: 1.0e-3, scale: Log}}]
  budget: {maxTrials: 9}
  trial: {container: {image: x, command: [train]}}
",
    );
    let job = crate::api::check(&manifest.unwrap()).unwrap().job;
    let end = AtEnd {
        parameter: 0,
        side: Side::Lower,
    };
    let mut status = status_of(&JobState::Working(None));
    let found = |status: &TuningJobStatus| {
        let advice: Vec<_> = status
            .conditions
            .iter()
            .filter(|c| c.type_ == "NarrowRange")
            .collect();
        assert!(advice.len() < 2, "one of a type");
        advice
            .first()
            .map(|c| (c.status, c.reason.clone(), c.last_transition_time))
    };
    set_range(&mut status, &job, None, Some(3), at(0));
    assert_eq!(found(&status), None, "too early to say");
    set_range(&mut status, &job, Some(&[]), Some(3), at(1));
    let inside = (ConditionStatus::False, "BestInside".to_owned(), at(1));
    assert_eq!(found(&status), Some(inside));
    set_range(&mut status, &job, Some(&[end]), Some(3), at(2));
    set_range(&mut status, &job, Some(&[end]), Some(3), at(9));
    let at_end = (ConditionStatus::True, "BestAtEnd".to_owned(), at(2));
    assert_eq!(found(&status), Some(at_end.clone()));
    assert_eq!(held(&status), ["Reconciling", "NarrowRange"]);
    set(&mut status, &self::end(EndReason::TrialsSpent), Some(3), at(10));
    assert_eq!(found(&status), Some(at_end), "it stays when the job ends");
    assert_eq!(held(&status), ["Ready", "Complete", "NarrowRange"]);
    assert!(recorded_end(&status).unwrap().reason.is_success());
    let said = status.conditions.last().unwrap().message.clone();
    assert!(
        said.starts_with("rate: the best trials lie at the lower end of its range, 1e-5"),
        "{said}"
    );
    set_range(&mut status, &job, None, Some(4), at(11));
    assert_eq!(found(&status), None);
}
