//! Killed in the middle and started again, a trial ends as one that nobody disturbed: to the last bit, in fp32 on a CPU,
//! since both run on the same processor, on one thread, with every sum in the same order.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tiny::Tiny;

/// Long enough to be caught in the middle; dropout is on.
const ARGUMENTS: [&str; 4] = ["--eval-every", "7", "--log-every", "1"];

fn trial(tiny: &Tiny, more: &[&str]) -> Command {
    let mut command = tiny.command(&[&ARGUMENTS[..], more].concat());
    command
        .env("TUNING_PARAM_EPOCHS", "40")
        .env("TUNING_CHECKPOINT_DIR", "state");
    command
}

fn undisturbed(tiny: &Tiny) -> Value {
    let output = trial(tiny, &[]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        !tiny.dir.join("state/state.safetensors").exists(),
        "a finished trial leaves no state"
    );
    let report = tiny.report();
    std::fs::remove_file(tiny.dir.join("out/report.json")).unwrap();
    report
}

/// Runs until the log says `line`, sends `signal`, and returns what the program ended with.
fn kill_at(tiny: &Tiny, line: &str, signal: &str, more: &[&str]) -> Output {
    let mut child = trial(tiny, more).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|said| said.unwrap().starts_with(line)),
        "{line} was never said"
    );
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    lines.for_each(drop);
    child.wait_with_output().unwrap()
}

fn finish(tiny: &Tiny) -> (String, Value) {
    let output = trial(tiny, &[]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (String::from_utf8(output.stdout).unwrap(), tiny.report())
}

#[test]
fn told_to_stop_it_saves_and_goes_on_as_if_nothing_had_happened() {
    let tiny = Tiny::new("sigterm");
    let expected = undisturbed(&tiny);
    for line in ["step=5/", "step=100/"] {
        let stopped = kill_at(&tiny, line, "-TERM", &[]);
        let said = String::from_utf8(stopped.stderr).unwrap();
        assert_eq!(stopped.status.code(), Some(143), "{said}");
        assert!(said.contains("told to stop after step"), "{said}");
        assert!(!tiny.dir.join("out/report.json").exists());
    }
    let (log, report) = finish(&tiny);
    assert!(log.contains("resumed after step 1"), "{log}");
    assert_eq!(report, expected);
    assert_eq!(
        report["curve"].as_array().map(Vec::len),
        Some(480 / 7 + 40 - 480 / 84)
    );
}

#[test]
fn killed_without_a_word_it_goes_on_from_the_last_save() {
    let tiny = Tiny::new("sigkill");
    let expected = undisturbed(&tiny);
    let killed = kill_at(
        &tiny,
        "saved the state after step",
        "-KILL",
        &["--checkpoint-minutes", "0.001"],
    );
    assert_eq!(killed.status.code(), None);
    let (log, report) = finish(&tiny);
    assert!(log.contains("resumed after step"), "{log}");
    assert_eq!(report, expected);
}

#[test]
fn a_torn_state_is_ignored_and_said_so() {
    let tiny = Tiny::new("torn");
    let expected = undisturbed(&tiny);
    kill_at(&tiny, "step=50/", "-TERM", &[]);
    let path = tiny.dir.join("state/state.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (log, report) = finish(&tiny);
    assert!(
        log.contains("not a whole state") && !log.contains("resumed"),
        "{log}"
    );
    assert_eq!(report, expected);
}

#[test]
fn the_state_of_another_run_is_refused() {
    let tiny = Tiny::new("other");
    kill_at(&tiny, "step=20/", "-TERM", &[]);
    let mut other = trial(&tiny, &[]);
    let output = other.env("TUNING_PARAM_LEARNING_RATE", "2e-3").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(49), "{said}");
    assert!(
        said.contains("learning_rate is 0.001 there and 0.002 here"),
        "{said}"
    );
}

#[test]
fn stopping_is_prompt() {
    let tiny = Tiny::new("prompt");
    let begun = Instant::now();
    let stopped = kill_at(&tiny, "step=1/", "-INT", &[]);
    assert_eq!(stopped.status.code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
