//! A manifest that was wrong is mended, and the same command goes on; where that can't be, it says what can.
#![cfg(feature = "local")]

mod common;

use common::Run;
use std::process::Output;

fn run(run: &Run) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = run.tuning(&[]).output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code(), said)
}

#[test]
fn a_program_that_was_mistyped_is_put_right_in_the_manifest() {
    let job = Run::new("mistyped", 2, 1, "echo f1=0.5");
    job.edit("command: [bash", "command: [bash3.99");
    let (code, said) = run(&job);
    assert!(
        code == Some(2) && said.contains("bash3.99: can't be started"),
        "{said}"
    );
    job.edit("command: [bash3.99", "command: [bash");
    let (code, said) = run(&job);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(job.summary()["counts"]["succeeded"], 2);
}

#[test]
fn what_had_failed_is_run_again_from_the_beginning_by_the_program_that_was_mended() {
    let script = "echo mine > $TUNING_CHECKPOINT_DIR/state; exit 7";
    let job = Run::new("rerun", 3, 1, script);
    let (code, said) = run(&job);
    assert!(code == Some(1) && said.contains("none succeeded"), "{said}");
    job.edit(script, "ls $TUNING_CHECKPOINT_DIR | grep . || echo f1=0.5");
    let (code, said) = run(&job);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 trials that had failed were run again"), "{said}");
    assert_eq!(job.summary()["counts"]["succeeded"], 3);
    let aside = job.dir.join("trials/rerun-0001/checkpoint.attempt-1/state");
    assert!(aside.exists(), "what was there is kept");
}

#[test]
fn what_only_a_cluster_looks_at_may_change_whatever_trials_have_said() {
    let job = Run::new(
        "elsewhere",
        4,
        1,
        "mkdir failed 2>/dev/null && exit 7; echo f1=0.5",
    );
    job.edit("maxTrials: 4", "maxTrials: 2");
    assert_eq!(run(&job).0, Some(0));
    job.edit("maxTrials: 2", "maxTrials: 4");
    job.edit(
        "  metrics:",
        "    nodeSelector: {zone: a}\n    resources: {requests: {cpu: 2}}\n  metrics:",
    );
    let (code, said) = run(&job);
    assert!(
        code == Some(0) && !said.contains("spec.trial was changed"),
        "{said}"
    );
    let counts = job.summary()["counts"].clone();
    assert_eq!((&counts["succeeded"], &counts["failed"]), (&3.into(), &1.into()));
    job.edit("name: EXTRA", "name: OTHER");
    let (code, said) = run(&job);
    assert!(
        code == Some(2) && said.contains("spec.trial.env[0].name"),
        "{said}"
    );
}

#[test]
fn a_mended_expression_is_applied_to_the_logs_that_were_kept() {
    let job = Run::new(
        "reread",
        3,
        1,
        "echo ran >> ran; echo F1 is 0.$((RANDOM % 5)); echo F1 is 0.7",
    );
    let (code, said) = run(&job);
    assert!(code == Some(1) && said.contains("said no f1"), "{said}");
    job.edit("f1=([0-9.]+|nan)", "F1 is ([0-9.]+)");
    let (code, said) = run(&job);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 got a value from the log"), "{said}");
    assert_eq!(job.summary()["best"]["value"], 0.7);
    assert_eq!(job.summary()["counts"]["succeeded"], 3);
    let ran = std::fs::read_to_string(job.base.join("ran")).unwrap();
    assert_eq!(ran.lines().count(), 3, "nothing ran again");
}

#[test]
fn once_a_trial_has_a_value_a_change_is_refused_with_the_way_out() {
    let job = Run::new("settled", 1, 1, "echo f1=0.5");
    assert_eq!(run(&job).0, Some(0));
    job.edit("echo f1=0.5", "echo f1=0.6");
    let (code, said) = run(&job);
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "spec.trial.command[2]: was \"echo f1=0.5\"",
        "since trials have values by it: put it back",
        "--run FOLDER",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
