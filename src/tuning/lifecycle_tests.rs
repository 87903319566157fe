//! What each state of an attempt makes of its trial.

use super::super::fixtures::{at, job, trial};
use super::super::{AttemptState, CurvePoint, Exit, Exited, Failure, ShadowStop};
use super::*;
use jiff::SignedDuration;
use std::collections::BTreeMap;

#[path = "lifecycle_loss_tests.rs"]
mod loss;

/// A trial whose first attempt was started.
fn started() -> Trial {
    let mut trial = trial(1, 0.5);
    start(&mut trial, 1);
    trial
}

fn run(is_new: bool, began: i64) -> Run {
    Run {
        is_new,
        created: at(began),
        started: Some(at(began)),
    }
}

fn exited(exit: Exit) -> Exited {
    Exited {
        run: run(true, 100),
        finished: Some(at(160)),
        exit,
        interrupted: None,
    }
}

fn points(pairs: &[(u64, f64)]) -> Reported {
    let point = |&(step, value): &(u64, f64)| CurvePoint { step, value };
    Reported {
        points: pairs.iter().map(point).collect(),
        metrics: pairs.iter().map(|(_, v)| ("f1".to_owned(), *v)).collect(),
        looked_in: "neither here nor there".into(),
        ..Reported::default()
    }
}

fn with_report(mut reported: Reported, f1: f64) -> Reported {
    reported.report = Some(FinalReport {
        metrics: BTreeMap::from([("f1".to_owned(), f1)]),
        ..FinalReport::default()
    });
    reported
}

fn see(trial: &Trial, state: AttemptState, reported: &Reported, second: i64) -> Transition {
    observe(&job(), trial, &state, reported, at(second))
}

fn lost(why: &str, by_node: bool) -> AttemptState {
    let why = why.to_owned();
    AttemptState::Lost { why, by_node }
}

#[test]
fn the_final_report_is_the_truth_and_what_was_heard_stands_in() {
    let heard = points(&[(1, 0.5)]);
    let told = see(
        &started(),
        AttemptState::Exited(exited(Exit::Code(0))),
        &with_report(heard.clone(), 0.9),
        200,
    );
    assert_eq!(
        (told.trial.phase, told.trial.value),
        (Phase::Succeeded, Some(0.9))
    );
    let mute = see(
        &started(),
        AttemptState::Exited(exited(Exit::Code(0))),
        &heard,
        200,
    );
    assert_eq!(
        (mute.trial.phase, mute.trial.value),
        (Phase::Succeeded, Some(0.5))
    );
    assert_eq!(mute.trial.ran, SignedDuration::from_secs(60));
    assert_eq!(mute.trial.ended, Some(at(160)));
}

#[test]
fn a_report_that_names_no_step_leaves_the_progress_that_was_seen_and_says_so() {
    let mut reported = with_report(points(&[(1, 0.5)]), 0.9);
    reported.progress = Progress {
        step: Some(0),
        total_steps: Some(1),
        epoch: None,
    };
    let end = AttemptState::Exited(exited(Exit::Code(0)));
    let silent = see(&started(), end.clone(), &reported, 200).trial;
    assert_eq!((silent.phase, silent.value), (Phase::Succeeded, Some(0.9)));
    assert!(
        silent.message.ends_with("last seen at step 0 of 1"),
        "{}",
        silent.message
    );
    reported.report.as_mut().unwrap().step = Some(1);
    let told = see(&started(), end, &reported, 200).trial;
    assert_eq!((told.progress.step, told.message.as_str()), (Some(1), ""));
}

#[test]
fn a_value_of_an_earlier_attempt_is_never_final() {
    let first = see(
        &started(),
        AttemptState::Running(run(true, 100)),
        &points(&[(10, 0.5)]),
        110,
    )
    .trial;
    // Another pod of the same attempt, and another attempt.
    let mut again = see(&first, lost("gone", false), &Reported::default(), 120).trial;
    start(&mut again, 1);
    for trial in [first, again] {
        let end = see(
            &trial,
            AttemptState::Exited(exited(Exit::Code(0))),
            &Reported::default(),
            200,
        );
        assert_eq!(
            end.trial.phase,
            Phase::Failed(Failure::MetricMissing),
            "{:?}",
            end.trial
        );
    }
}

#[test]
fn a_value_that_another_shell_had_heard_is_final_and_says_what_is_not_known() {
    let trial = see(
        &started(),
        AttemptState::Running(run(true, 100)),
        &points(&[(10, 0.5)]),
        110,
    )
    .trial;
    let silent = Reported {
        may_have_gaps: true,
        ..Reported::default()
    };
    let mut same_run = exited(Exit::Code(0));
    same_run.run.is_new = false;
    let end = see(&trial, AttemptState::Exited(same_run), &silent, 200).trial;
    assert_eq!((end.phase, end.value), (Phase::Succeeded, Some(0.5)));
    assert!(
        end.message.contains("at step 10") && end.message.contains("not known"),
        "{}",
        end.message
    );
}

#[test]
fn a_second_pod_of_an_attempt_goes_on_with_the_curve_and_the_clock() {
    let first = see(
        &started(),
        AttemptState::Running(run(true, 100)),
        &points(&[(10, 0.5), (20, 0.6)]),
        150,
    )
    .trial;
    let why = "drained".to_owned();
    let gone = see(&first, AttemptState::Disrupted { why }, &Reported::default(), 160);
    assert_eq!((gone.trial.phase, gone.trouble), (Phase::Running, None));
    assert_eq!(
        (gone.trial.attempt_started, gone.trial.message.as_str()),
        (None, "drained")
    );
    let second = see(
        &gone.trial,
        AttemptState::Running(run(true, 300)),
        &points(&[(20, 0.7)]),
        310,
    )
    .trial;
    let curve: Vec<(u64, f64)> = second.curve.iter().map(|p| (p.step, p.value)).collect();
    assert_eq!(curve, [(10, 0.5), (20, 0.7)]);
    assert_eq!(
        (second.ran, second.attempt_started),
        (SignedDuration::from_secs(60), Some(at(300)))
    );
    assert_eq!((second.started, second.attempts), (Some(at(100)), 1));
}

#[test]
fn bad_configuration_halts_and_blames_no_trial() {
    let reported = Reported {
        last_words: Some("no data\n".into()),
        ..Reported::default()
    };
    let next = see(
        &started(),
        AttemptState::Exited(exited(Exit::Code(42))),
        &reported,
        200,
    );
    assert_eq!(
        (next.trial.phase, next.halt.as_deref()),
        (Phase::Queued, Some("no data"))
    );
    assert_eq!((next.trial.ended, next.trial.n_lost), (None, 0));
}

#[test]
fn the_reason_for_a_stop_decides_and_the_curves_last_value_stays() {
    let running = see(
        &started(),
        AttemptState::Running(run(true, 100)),
        &points(&[(10, 0.5)]),
        110,
    )
    .trial;
    // Resumed, and stopped before it has said anything.
    let mut resumed = stop(&job().objective, &running, &StopReason::Suspended, at(120));
    start(&mut resumed, 1);
    let message = "at step 10 its best f1 0.5 is below the median".to_owned();
    let cases = [
        (StopReason::LagsBehind { message }, Phase::EarlyStopped, Some(0.5)),
        (StopReason::TimedOut, Phase::Failed(Failure::TimedOut), None),
        (StopReason::JobEnded, Phase::Cancelled, None),
        (StopReason::Suspended, Phase::Queued, None),
    ];
    for (reason, phase, value) in cases {
        let next = stop(&job().objective, &resumed, &reason, at(200));
        assert_eq!((next.phase, next.value), (phase, value), "{reason:?}");
        assert!(!next.message.is_empty());
    }
}

#[test]
fn what_the_median_rule_would_have_done_is_said_to_the_end() {
    let message = "would have been stopped: at step 10 its best f1 0.5 is below the median";
    let mut trial = see(
        &started(),
        AttemptState::Running(run(true, 100)),
        &points(&[(10, 0.5)]),
        110,
    )
    .trial;
    note_shadow_stop(&mut trial, 10, message);
    let why = "drained".to_owned();
    let trial = see(&trial, AttemptState::Disrupted { why }, &Reported::default(), 120).trial;
    let trial = see(
        &trial,
        AttemptState::Running(run(true, 130)),
        &Reported::default(),
        140,
    )
    .trial;
    assert_eq!(trial.message, message);
    let end = with_report(Reported::default(), 0.9);
    let trial = see(&trial, AttemptState::Exited(exited(Exit::Code(0))), &end, 200).trial;
    assert_eq!((trial.phase, trial.message.as_str()), (Phase::Succeeded, message));
    let step = trial.shadow_stop.map(|s: ShadowStop| s.step);
    assert_eq!(step, Some(10));
}

#[test]
fn what_was_not_started_or_has_ended_stays_as_it_is() {
    for phase in [Phase::Queued, Phase::Succeeded, Phase::Cancelled] {
        let trial = Trial { phase, ..started() };
        let next = see(
            &trial,
            AttemptState::Exited(exited(Exit::Code(1))),
            &Reported::default(),
            200,
        );
        assert_eq!(next.trial, trial);
    }
}

#[test]
fn an_observation_made_twice_changes_nothing_more() {
    let reported = points(&[(10, 0.5), (20, 0.6)]);
    let states = [
        AttemptState::Absent,
        AttemptState::Waiting {
            why: "its image".into(),
            needs_help: true,
        },
        AttemptState::Running(Run {
            is_new: false,
            ..run(true, 100)
        }),
        AttemptState::Leaving {
            why: "drained".into(),
        },
        AttemptState::Disrupted {
            why: "drained".into(),
        },
    ];
    for state in states {
        let once = see(&started(), state.clone(), &reported, 200).trial;
        assert_eq!(see(&once, state.clone(), &reported, 200).trial, once, "{state:?}");
    }
}

#[test]
fn a_running_trial_says_why_it_is_not_heard_for_as_long_as_that_is_so() {
    let state = || AttemptState::Running(run(true, 100));
    let unheard = Reported {
        trouble: Some("its metrics page can't be read".into()),
        ..Reported::default()
    };
    let seen = see(&started(), state(), &unheard, 130);
    assert_eq!(seen.trial.message, "its metrics page can't be read");
    assert_eq!((seen.trial.phase, seen.trouble), (Phase::Running, None));
    let heard = see(&seen.trial, state(), &points(&[(1, 0.5)]), 140);
    assert_eq!(heard.trial.message, "");
}

#[test]
fn where_the_best_counts_a_good_end_has_the_best_value_that_was_sound() {
    let mut job = job();
    job.objective.value = crate::tuning::ValueRule::Best;
    let heard = points(&[(1, 0.8122), (2, 0.75), (3, 0.7)]);
    let running = see(&started(), AttemptState::Running(run(true, 100)), &heard, 110).trial;
    let mut reported = with_report(heard, f64::NAN);
    reported.report.as_mut().unwrap().collapsed = vec![1];
    let end = AttemptState::Exited(exited(Exit::Code(0)));
    let end = observe(&job, &running, &end, &reported, at(200)).trial;
    assert_eq!(
        (end.phase, end.value),
        (Phase::Succeeded, Some(0.75)),
        "{}",
        end.message
    );
    let stopped = stop(
        &job.objective,
        &running,
        &StopReason::LagsBehind {
            message: "it lags".into(),
        },
        at(200),
    );
    assert_eq!(stopped.value, Some(0.8122));
}
