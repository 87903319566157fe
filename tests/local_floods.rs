//! Trials that say more than anybody asked for: the runner still hears its signals, and what it keeps is bounded.
#![cfg(feature = "local")]

mod common;

use common::{Run, signal, wait_until};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_trial_that_prints_without_end_does_not_keep_signals_waiting() {
    let run = Run::new("endless", 1, 1, "trap '' TERM; yes f1=0.5");
    let mut child = run.tuning(&[]).stdout(Stdio::null()).spawn().unwrap();
    wait_until("it is at it", || run.events("metrics").len() > 600);
    let begin = Instant::now();
    signal(child.id(), "INT");
    std::thread::sleep(Duration::from_millis(300));
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let pid = run.events("started")[0]["pid"].as_u64().unwrap();
    wait_until("the trial is gone", || !common::runs(pid));
}

#[test]
fn of_many_points_the_first_the_last_and_a_bounded_number_are_recorded() {
    let script = "seq 100001 120000 | sed 's/^1/f1=0./'";
    let run = Run::new("many", 1, 1, script);
    assert!(run.tuning(&[]).output().unwrap().status.success());
    let steps: Vec<u64> = run
        .events("metrics")
        .iter()
        .map(|e| e["step"].as_u64().unwrap())
        .collect();
    assert!(steps.len() <= 1_900, "{}", steps.len());
    assert_eq!((steps[0], steps[steps.len() - 1]), (1, 20_000));
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    assert_eq!(run.summary()["best"]["value"], 0.2);
}

#[test]
fn of_many_points_the_best_is_recorded_wherever_it_stands() {
    let script = "seq 100001 112345 | sed 's/^1/f1=0./'; echo f1=0.9; seq 100001 109000 | sed 's/^1/f1=0./'";
    let run = Run::new("peak", 1, 1, script);
    run.edit("goal: Maximize", "goal: Maximize, value: Best");
    assert!(run.tuning(&[]).output().unwrap().status.success());
    assert!(run.events("metrics").len() < 3_000);
    assert_eq!(run.summary()["best"]["value"], 0.9);
}
