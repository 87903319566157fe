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
fn the_state_of_another_run_is_set_aside() {
    let tiny = Tiny::new("other");
    let (state, other) = ("state/state.safetensors", "state/state.safetensors.other");
    kill_at(&tiny, "step=20/", "-TERM", &[]);
    let saved = std::fs::read(tiny.dir.join(state)).unwrap();
    std::fs::write(tiny.dir.join(other), "one of yet another run").unwrap();
    let mut command = trial(&tiny, &["--epochs", "1"]);
    command.env("TUNING_PARAM_EPOCHS", "1");
    let output = command
        .env("TUNING_PARAM_LEARNING_RATE", "2e-3")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(
        log.contains("(epochs is 40 there and 1 here); it is state.safetensors.other now"),
        "{log}"
    );
    assert!(!log.contains("resumed"), "{log}");
    assert_eq!(std::fs::read(tiny.dir.join(other)).unwrap(), saved);
    assert!(!tiny.dir.join(state).exists());
}

#[test]
fn other_weights_in_the_checkpoint_make_another_run() {
    let tiny = Tiny::new("weights");
    kill_at(&tiny, "step=20/", "-TERM", &[]);
    let saved = std::fs::read(tiny.dir.join("state/state.safetensors")).unwrap();
    // The same tensors of the same shapes, one number of which has another last bit.
    let path = tiny.dir.join("model/model.safetensors");
    let mut model = std::fs::read(&path).unwrap();
    *model.iter_mut().rev().nth(3).unwrap() ^= 1;
    std::fs::write(&path, model).unwrap();
    let expected = undisturbed(&tiny);
    std::fs::write(tiny.dir.join("state/state.safetensors"), &saved).unwrap();
    let (log, report) = finish(&tiny);
    assert!(log.contains("(weights of the checkpoint is "), "{log}");
    assert_eq!(report, expected);
}

/// Earlier versions knew neither the checkpoint's weights nor a checksum.
#[test]
fn the_state_of_an_earlier_version_is_taken() {
    let tiny = Tiny::new("earlier");
    let expected = undisturbed(&tiny);
    kill_at(&tiny, "step=50/", "-TERM", &[]);
    let path = tiny.dir.join("state/state.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (header, buffers) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    let metadata = header["__metadata__"].as_object_mut().unwrap();
    metadata.remove("checksum").unwrap();
    let mut progress: Value = serde_json::from_str(metadata["progress"].as_str().unwrap()).unwrap();
    progress["identity"]
        .as_object_mut()
        .unwrap()
        .remove("checkpoint")
        .unwrap();
    metadata["progress"] = progress.to_string().into();
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(&path, [&length, header.as_bytes(), buffers].concat()).unwrap();
    let (log, report) = finish(&tiny);
    assert!(log.contains("resumed after step 5"), "{log}");
    assert_eq!(report, expected);
}

/// The file ends as it should, and a number in it is another: only a checksum tells.
#[test]
fn a_state_with_a_wrong_bit_is_ignored_and_said_so() {
    let tiny = Tiny::new("bit");
    let expected = undisturbed(&tiny);
    kill_at(&tiny, "step=50/", "-TERM", &[]);
    let path = tiny.dir.join("state/state.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.iter_mut().rev().nth(1000).unwrap() ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let (log, report) = finish(&tiny);
    assert!(
        log.contains("not a whole state (its checksum is another)"),
        "{log}"
    );
    assert_eq!(report, expected);
}

#[test]
fn stopping_is_prompt() {
    let tiny = Tiny::new("prompt");
    let begun = Instant::now();
    let stopped = kill_at(&tiny, "step=1/", "-INT", &[]);
    assert_eq!(stopped.status.code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
