//! Attempts that the platform took away, or that a node would not run.

use super::super::super::{AttemptState, Exit, Interruption, StopReason};
use super::*;
use crate::tuning::retry::may_start;

#[test]
fn finished_while_it_was_taken_away_it_counts_and_interrupted_it_runs_again() {
    let interrupted = |restarts, may_have_finished| {
        let why = "drained".to_owned();
        let mut end = exited(Exit::Code(0));
        end.interrupted = Some(Interruption {
            why,
            restarts,
            may_have_finished,
        });
        AttemptState::Exited(end)
    };
    let half_way = points(&[(10, 0.5)]);
    let whole = with_report(half_way.clone(), 0.9);
    let cases = [
        (interrupted(false, true), &whole, Phase::Succeeded),
        (interrupted(true, true), &whole, Phase::Succeeded),
        // What was heard is no report: it may have written a checkpoint and ended.
        (interrupted(false, true), &half_way, Phase::Queued),
        (interrupted(true, true), &half_way, Phase::Running),
        // A queue has taken it back, whatever it says.
        (interrupted(false, false), &whole, Phase::Queued),
        (interrupted(true, false), &whole, Phase::Running),
    ];
    for (state, reported, phase) in cases {
        let next = see(&started(), state.clone(), reported, 200).trial;
        assert_eq!(next.phase, phase, "{state:?}");
        assert_eq!(
            (next.attempts, next.n_lost, next.attempt_started),
            (1, 0, None),
            "{state:?}"
        );
        assert_eq!(next.ran, SignedDuration::from_secs(60));
    }
}

#[test]
fn an_interruption_outranks_every_exit_code() {
    for code in [1, 3, 4, 42, 48, 143] {
        let mut end = exited(Exit::Code(code));
        end.interrupted = Some(Interruption {
            why: "drained".into(),
            restarts: false,
            may_have_finished: true,
        });
        let next = see(&started(), AttemptState::Exited(end), &Reported::default(), 200);
        assert_eq!((next.trial.phase, next.halt), (Phase::Queued, None), "{code}");
    }
}

#[test]
fn what_a_node_will_not_run_is_tried_again_later_and_then_waits_for_a_person() {
    let states = [
        lost("OutOfcpu: Pod was rejected", true),
        AttemptState::Exited(exited(Exit::NotStarted)),
        AttemptState::Exited(exited(Exit::Code(48))),
    ];
    for state in states {
        let mut trial = started();
        for (tries, pause) in [(1, Some(10)), (2, Some(20)), (3, Some(40)), (4, None)] {
            let next = see(&trial, state.clone(), &Reported::default(), 1_000);
            trial = next.trial;
            assert_eq!(
                (trial.phase, trial.n_lost, next.halt),
                (Phase::Queued, tries, None)
            );
            assert_eq!(trial.not_before, pause.map(|p| at(1_000 + p)));
            assert_eq!(next.trouble.is_some(), pause.is_none());
            assert!(!may_start(&job(), &trial, at(1_005)));
            assert_eq!(may_start(&job(), &trial, at(2_000)), pause.is_some());
            if pause.is_some() {
                start(&mut trial, 1);
            }
        }
        // A person has looked at it.
        let again = stop(&job().objective, &trial, &StopReason::Suspended, at(3_000));
        assert!(may_start(&job(), &again, at(3_000)), "{again:?}");
    }
}

#[test]
fn what_has_reported_since_is_forgiven_what_nodes_did_before() {
    let mut trial = see(&started(), lost("sick", true), &Reported::default(), 1_000).trial;
    start(&mut trial, 1);
    let trial = see(
        &trial,
        AttemptState::Running(run(true, 1_100)),
        &points(&[(1, 0.1)]),
        1_200,
    )
    .trial;
    assert_eq!(trial.n_lost, 0);
}

#[test]
fn taken_away_and_not_by_a_node_it_is_started_again_at_once() {
    let next = see(
        &started(),
        lost("its pod was deleted", false),
        &Reported::default(),
        1_000,
    )
    .trial;
    assert_eq!((next.n_lost, next.not_before), (0, None));
    assert!(may_start(&job(), &next, at(1_000)));
}

#[test]
fn on_a_lost_node_the_clock_runs_and_the_sentence_says_what_is_waited_for() {
    let running = see(
        &started(),
        AttemptState::Running(run(true, 100)),
        &points(&[(10, 0.5)]),
        110,
    )
    .trial;
    let why = "its node is not heard of".to_owned();
    let next = see(&running, AttemptState::Leaving { why }, &Reported::default(), 500).trial;
    assert_eq!(
        (next.phase, next.duration(at(500)).as_secs()),
        (Phase::Running, 400)
    );
    assert_eq!(next.message, "its node is not heard of");
}

#[test]
fn while_its_value_is_outstanding_its_clock_stands_and_nothing_stops_it() {
    let (mut job, ended) = (job(), AttemptState::Exited(exited(Exit::Code(0))));
    job.budget.max_trial_duration = Some(SignedDuration::from_secs(90));
    let silent = Reported {
        outstanding: Some("its value is waited for".into()),
        ..Reported::default()
    };
    let mut trial = started();
    for now in [170, 1_000] {
        trial = observe(&job, &trial, &ended, &silent, at(now)).trial;
        assert_eq!(
            (trial.phase, trial.duration(at(now)).as_secs()),
            (Phase::Running, 60)
        );
        assert_eq!(trial.message, "its value is waited for");
        let mut snapshot = crate::tuning::Snapshot::new(job.clone());
        snapshot.trials.push(trial.clone());
        for suspend in [false, true] {
            snapshot.job.suspend = suspend;
            assert_eq!(crate::tuning::decide(&snapshot, at(now)).actions, []);
        }
    }
    let told = observe(&job, &trial, &ended, &points(&[(3, 0.9)]), at(1_001)).trial;
    assert_eq!((told.phase, told.ran.as_secs()), (Phase::Succeeded, 60));
    assert_eq!(told.attempt_ended, None);
}

#[test]
fn the_time_of_an_interrupted_attempt_counts_once_however_often_its_pod_is_seen() {
    let mut end = exited(Exit::Code(0));
    end.interrupted = Some(Interruption {
        why: "the node was drained".into(),
        restarts: true,
        may_have_finished: false,
    });
    let mut trial = see(
        &started(),
        AttemptState::Exited(end.clone()),
        &Reported::default(),
        170,
    )
    .trial;
    let ran = trial.ran;
    assert!(ran.is_positive());
    end.run.is_new = false;
    for second in [180, 190] {
        trial = see(
            &trial,
            AttemptState::Exited(end.clone()),
            &Reported::default(),
            second,
        )
        .trial;
        assert_eq!((trial.ran, trial.attempt_started), (ran, None));
    }
    // A pod that nobody saw run counts all the same.
    let mut unseen = started();
    unseen.attempt_started = None;
    let seen = see(&unseen, AttemptState::Exited(end), &Reported::default(), 180).trial;
    assert_eq!(seen.ran, ran);
}
