//! Unit tests of `stopping`.

use super::*;
use crate::tuning::fixtures::{at, finished, job};
use crate::tuning::{Budget, Job};

const FAILED: (Phase, Option<f64>) = (Phase::Failed(Failure::Crashed), None);

fn succeeded(value: f64) -> (Phase, Option<f64>) {
    (Phase::Succeeded, Some(value))
}

fn reason(job: &Job, ends: &[(Phase, Option<f64>)]) -> Option<EndReason> {
    check_end(&finished(job.clone(), ends), at(9)).map(|end| end.reason)
}

#[test]
fn the_first_rule_that_holds_gives_the_reason() {
    let mut job = job();
    job.objective.target = Some(0.9);
    job.budget = Budget {
        max_trials: 4,
        max_failed: Some(1),
        max_without_improvement: Some(2),
        ..job.budget
    };
    let cases: [(&[_], _); 6] = [
        (&[succeeded(0.5), FAILED, succeeded(0.6)], None),
        (&[FAILED, FAILED, succeeded(0.9)], Some(EndReason::TargetReached)),
        (&[FAILED, FAILED], Some(EndReason::TooManyFailures)),
        (
            &[succeeded(0.5), succeeded(0.6), FAILED, succeeded(0.7)],
            Some(EndReason::TrialsSpent),
        ),
        (
            &[succeeded(0.5), FAILED, succeeded(0.5)],
            Some(EndReason::NoImprovement),
        ),
        // Before anything has succeeded there is nothing to improve on.
        (
            &[(Phase::EarlyStopped, Some(0.1)), (Phase::EarlyStopped, Some(0.1))],
            None,
        ),
    ];
    for (ends, expected) in cases {
        assert_eq!(reason(&job, ends), expected, "{ends:?}");
    }
}

#[test]
fn a_larger_budget_opens_a_job_again_and_a_fault_waits_for_a_person() {
    let mute = (Phase::Failed(Failure::MetricMissing), None);
    let mut snapshot = finished(job(), &[mute; 3]);
    let end = check_end(&snapshot, at(9)).unwrap();
    assert_eq!(end.reason, EndReason::MetricMissing);
    snapshot.job.budget.max_trials = 9;
    assert!(!reopens(&snapshot, &end, at(9)));
    snapshot.job.suspend = true;
    assert!(reopens(&snapshot, &end, at(9)));
    let mut snapshot = finished(job(), &[FAILED; 3]);
    let end = check_end(&snapshot, at(9)).unwrap();
    assert_eq!(end.reason, EndReason::NoTrialSucceeded);
    assert!(!reopens(&snapshot, &end, at(9)));
    snapshot.job.budget.max_trials = 9;
    assert!(reopens(&snapshot, &end, at(9)));
}
