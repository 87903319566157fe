//! Killed at any moment, in the middle of a save among them, and started again, a trial ends with the same report and the same
//! weights as one that nobody disturbed. With `--nocapture` it says when each kill came and where the run went on.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;
use tiny::Tiny;

/// Kills with each arithmetic.
const N_KILLS: u64 = 12;

/// A trial that saves after each step, in which some 60 are done. Its last words can't be written, so that its last state stays.
fn trial(tiny: &Tiny, precision: &str) -> Command {
    let arguments = [
        "--checkpoint-minutes",
        "1e-9",
        "--eval-every",
        "7",
        "--objective",
        "loss",
        "--precision",
        precision,
    ];
    let mut command = tiny.command(&arguments);
    command
        .env("TUNING_PARAM_EPOCHS", "5")
        .env("TUNING_CHECKPOINT_DIR", "state")
        .env("TUNING_TERMINATION_MESSAGE", "/dev/full");
    command
}

/// What a trial leaves: its report, what its state says of its progress, and the bytes of weights and moments and of the model of
/// its best evaluation.
#[derive(PartialEq)]
struct End {
    report: Value,
    progress: Value,
    buffers: Vec<u8>,
    model: Vec<u8>,
}

fn state(tiny: &Tiny) -> PathBuf {
    tiny.dir.join("state/state.safetensors")
}

/// Runs a trial to its end, and gives what it left and its log.
fn finish(tiny: &Tiny, precision: &str) -> (End, String) {
    let output = trial(tiny, precision).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(46) && said.contains("/dev/full"),
        "{said}"
    );
    let bytes = std::fs::read(state(tiny)).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (header, buffers) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let header: Value = serde_json::from_slice(header).unwrap();
    let progress = header["__metadata__"]["progress"].as_str().unwrap();
    let mut progress: Value = serde_json::from_str(progress).unwrap();
    progress["seconds"].take();
    let end = End {
        report: tiny.report(),
        progress,
        buffers: buffers.to_vec(),
        model: std::fs::read(tiny.dir.join("out/model/model.safetensors")).unwrap(),
    };
    std::fs::remove_file(state(tiny)).unwrap();
    std::fs::remove_file(tiny.dir.join("out/report.json")).unwrap();
    (end, String::from_utf8(output.stdout).unwrap())
}

/// Waits until `when`, then for the next save to begin if it is to be in one.
fn wait(tiny: &Tiny, child: &mut Child, when: Instant, in_a_save: bool) {
    std::thread::sleep(when.saturating_duration_since(Instant::now()));
    let aside = tiny.dir.join("state/.state.safetensors.new");
    while in_a_save && !aside.exists() && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
}

fn check(precision: &str) {
    let tiny = Tiny::new(&format!("kills-{precision}"));
    let begun = Instant::now();
    let (expected, _) = finish(&tiny, precision);
    let whole = begun.elapsed();
    assert_eq!(expected.progress["step"], 60);
    let mut chance = 5_u64;
    let mut n_resumed = 0;
    for kill in 0..N_KILLS {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Before that it loads.
        let after = whole.mul_f64(0.3 + 0.7 * (chance >> 11) as f64 / (1_u64 << 53) as f64);
        let mut child = trial(&tiny, precision).spawn().unwrap();
        let begun = Instant::now();
        wait(&tiny, &mut child, begun + after, kill % 2 == 1);
        let after = begun.elapsed();
        child.kill().unwrap();
        child.wait().unwrap();
        let aside = tiny.dir.join("state/.state.safetensors.new");
        let in_a_save = aside.exists();
        let (end, log) = finish(&tiny, precision);
        let resumed = log
            .lines()
            .find_map(|line| line.strip_prefix("resumed after step "));
        n_resumed += u32::from(resumed.is_some());
        println!(
            "{precision}: kill {kill:2} after {:4} ms{}; resumed after step {}; {}",
            after.as_millis(),
            if in_a_save { ", in a save" } else { "" },
            resumed.unwrap_or("none"),
            if end == expected { "equal" } else { "DIFFERENT" }
        );
        assert_eq!(end.report, expected.report);
        assert!(end == expected, "the weights differ");
        assert!(!aside.exists(), "what a save left is still there");
    }
    assert!(n_resumed > 0, "no kill came after the first save");
}

#[test]
fn in_32_bits() {
    check("fp32");
}

#[test]
fn in_bf16_where_the_processor_has_it() {
    check("bf16");
}
