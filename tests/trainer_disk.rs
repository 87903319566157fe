//! A disk that is full: the sentence says which file it was for, and a state that was there is still there.
#![cfg(all(feature = "trainer", target_os = "linux"))]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use std::path::PathBuf;
use std::process::{Command, Output};
use tiny::Tiny;

/// A small disk, if this user may have one.
struct Disk(PathBuf);

impl Disk {
    fn new(tiny: &Tiny, name: &str, kib: u64) -> Option<Self> {
        let path = tiny.dir.join(name);
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        println!("left out: this user may not mount a disk");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn assert_full(output: &Output, file: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(46), "{said}");
    assert!(
        said.contains(file) && said.contains("there is no space left"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

fn trial(tiny: &Tiny) -> Command {
    let mut command = tiny.command(&["--checkpoint-minutes", "1e-9", "--eval-every", "1"]);
    command.env("TUNING_CHECKPOINT_DIR", "state");
    command
}

#[test]
fn a_state_that_does_not_fit_ends_the_trial_and_the_one_before_stays() {
    let tiny = Tiny::new("disk-state");
    let output = trial(&tiny)
        .env("TUNING_TERMINATION_MESSAGE", "/dev/full")
        .output();
    assert_full(&output.unwrap(), "/dev/full");
    let state = tiny.dir.join("state/state.safetensors");
    let kib = std::fs::metadata(&state).unwrap().len() / 1024;
    std::fs::remove_file(state).unwrap();
    for (share, stays) in [(0.5, false), (1.5, true)] {
        let Some(disk) = Disk::new(&tiny, "state", (kib as f64 * share) as u64) else {
            return;
        };
        assert_full(&trial(&tiny).output().unwrap(), "state.safetensors");
        assert_eq!(disk.0.join("state.safetensors").exists(), stays);
        assert!(!disk.0.join(".state.safetensors.new").exists());
    }
}

#[test]
fn a_report_that_does_not_fit_ends_the_trial_and_its_state_stays() {
    let tiny = Tiny::new("disk-report");
    let Some(disk) = Disk::new(&tiny, "out", 4) else {
        return;
    };
    let message = "message";
    // The curve alone is longer than that.
    let mut command = trial(&tiny);
    command
        .args(["--epochs", "5", "--save-model", "none"])
        .env("TUNING_TERMINATION_MESSAGE", message);
    assert_full(&command.output().unwrap(), "report.json");
    assert!(tiny.read(message).contains("there is no space left"));
    assert_eq!(
        std::fs::read_dir(&disk.0).unwrap().count(),
        0,
        "a part of a report is left"
    );
    assert!(tiny.dir.join("state/state.safetensors").exists());
}

#[test]
fn a_model_that_does_not_fit_ends_the_trial_and_the_one_before_stays() {
    let tiny = Tiny::new("disk-model");
    assert!(tiny.run(&[]).status.success());
    let model = tiny.dir.join("out/model");
    let files = std::fs::read_dir(&model).unwrap();
    let kib = files
        .map(|file| file.unwrap().metadata().unwrap().len() / 1024 + 4)
        .sum::<u64>();
    let Some(disk) = Disk::new(&tiny, "kept", kib * 3 / 2) else {
        return;
    };
    // Each evaluation is better than one that did not count.
    let flags = [
        "--model-dir",
        "kept/model",
        "--save-model",
        "last",
        "--epochs",
        "1",
    ];
    assert!(tiny.run(&flags).status.success());
    let first = std::fs::read(disk.0.join("model/model.safetensors")).unwrap();
    std::fs::write(disk.0.join("ballast"), vec![0; (kib / 4 * 1024) as usize]).unwrap();
    let full = tiny.run(
        &[
            &flags[..],
            &["--save-model", "best", "--eval-every", "1", "--objective", "loss"],
        ]
        .concat(),
    );
    assert_full(&full, "model");
    let kept = disk.0.join("model/model.safetensors");
    assert!(
        !kept.exists() || std::fs::read(kept).unwrap() != first,
        "a run of its own begins without it"
    );
    assert!(!disk.0.join(".model.new").exists(), "a part of a model is left");
}
