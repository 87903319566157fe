//! What is refused before a trial runs, and what may still be read of a run that an earlier version began with it.
#![cfg(feature = "local")]

mod common;

use common::Run;
use serde_json::{Value, json};
use std::process::Command;

/// What a command says, and how it ends.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), said)
}

/// A finished run over two parameters, whose manifest in the journal is then what an earlier version took.
fn begun_before(name: &str, edit: impl Fn(&mut Value)) -> Run {
    let run = Run::new(name, 3, 1, "echo f1=$1");
    run.edit(
        "{name: x, double: {min: 0.1, max: 1.0}}",
        "{name: x, double: {min: 0.1, max: 1.0}}, {name: z, double: {min: 0.1, max: 1.0}}",
    );
    assert_eq!(said(&mut run.tuning(&[])).0, Some(0));
    let mut events = run.journal();
    events.iter_mut().for_each(edit);
    let lines: Vec<String> = events.iter().map(|event| format!("{event}\n")).collect();
    std::fs::write(run.dir.join("journal.jsonl"), lines.concat()).unwrap();
    run
}

/// Every command that reads a run reads this one.
#[track_caller]
fn is_read(run: &Run, trial: &str) {
    let dir = run.dir.to_str().unwrap();
    for (args, part) in [
        (vec!["show", dir], "3 succeeded trials came within"),
        (vec!["show", dir, "--output", "json"], "\"succeeded\": 3"),
        (vec!["plot", dir], "f1"),
        (vec!["export", dir, "--format", "csv"], "Succeeded"),
        (vec!["explain", trial, "--run", dir], trial),
        (vec!["replay", dir], "3 of 3 proposals are the same"),
    ] {
        let (code, said) = said(&mut run.command(&args));
        assert!(code == Some(0) && said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn a_run_with_names_that_are_refused_now_is_read_and_does_not_go_on() {
    let run = begun_before("capitals", |event| {
        let text = event.to_string().replace("\"z\"", "\"X\"");
        *event = serde_json::from_str(&text).unwrap();
    });
    is_read(&run, "capitals-0002");
    let dir = run.dir.to_str().unwrap();
    // The same manifest again: it says why not, and what can still be done.
    run.edit("{name: z,", "{name: X,");
    let (code, again) = said(&mut run.tuning(&[]));
    assert_eq!(code, Some(2), "{again}");
    for part in [
        "spec.parameters[1].name: \"X\" would be told in the same variable",
        "this run was begun when that was allowed",
        &format!("`tuning show {dir}` still tells all of it"),
    ] {
        assert!(again.contains(part), "{part}: {again}");
    }
    // Of another run that is only wrong there is nothing more to say.
    let (_, elsewhere) = said(run.tuning(&[]).args(["--run", &format!("{dir}-2")]));
    assert!(!elsewhere.contains("begun when"), "{elsewhere}");
    // Mended it is another search; to put it back would not help.
    run.edit("{name: X,", "{name: z,");
    let (code, mended) = said(&mut run.tuning(&[]));
    assert!(
        code == Some(2) && mended.contains("begin another run") && !mended.contains("put it back"),
        "{mended}"
    );
    let (code, added) = said(&mut run.command(&["add", dir, "x=0.5", "X=0.5"]));
    assert!(
        code != Some(0) && added.contains("the run can't go on") && !run.dir.join("added").exists(),
        "{added}"
    );
}

#[test]
fn a_run_with_a_whole_line_as_its_program_is_read() {
    let run = begun_before("line", |event| {
        if event["event"] == "manifest" {
            event["manifest"]["spec"]["trial"]["command"] = json!(["python3 train.py"]);
        }
    });
    is_read(&run, "line-0001");
}

#[test]
fn a_manifest_that_says_nothing_any_more_is_told_with_its_fault() {
    let run = begun_before("empty", |event| {
        if event["event"] == "manifest" {
            event["manifest"]["spec"]["objective"] = json!({});
        }
    });
    let (code, said) = said(&mut run.command(&["show", run.dir.to_str().unwrap()]));
    assert!(code != Some(0) && said.contains("spec.objective"), "{said}");
}

#[test]
fn what_only_a_cluster_can_look_up_is_refused_with_a_way_out() {
    let run = Run::new("looked-up", 1, 1, "echo f1=1");
    let plain = "env: [{name: EXTRA, value: x=$(params.x)}]";
    for (instead, place, cure) in [
        (
            "env: [{name: A, value: b}, {name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            "spec.trial.env[1].valueFrom: ",
            "to look TOKEN up in: write its value here",
        ),
        (
            "envFrom: [{configMapRef: {name: c}}]",
            "spec.trial.envFrom[0]: ",
            "set their variables in the environment of tuning run",
        ),
    ] {
        run.edit(plain, instead);
        let (code, told) = said(&mut run.tuning(&[]));
        assert!(
            code == Some(2) && told.contains(place) && told.contains(cure),
            "{told}"
        );
        assert!(!run.dir.join("trials").exists(), "nothing ran");
        run.edit(instead, plain);
    }
}

#[test]
fn a_length_beyond_the_positions_of_the_checkpoint_is_refused_where_its_folder_is() {
    let run = Run::new("long", 1, 1, "");
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "long"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [
                {"name": "learning_rate", "double": {"min": 1e-5, "max": 1e-3}},
                {"name": "max_length", "discrete": {"values": [32, 96]}},
            ],
            "budget": {"maxTrials": 2},
            "trial": {"bert": {"task": "mrpc", "model": "model", "data": "data"}},
        },
    });
    let job = run.base.join("job.yaml");
    std::fs::write(&job, manifest.to_string()).unwrap();
    let validate = |args: &[&str]| said(run.command(&["validate"]).arg(&job).args(args));
    let (code, without) = validate(&[]);
    assert!(code == Some(0) && without.contains("sound"), "{without}");
    for (folder, n) in [("model", 64), ("other", 96)] {
        let folder = run.base.join(folder);
        std::fs::create_dir(&folder).unwrap();
        let config = json!({"max_position_embeddings": n}).to_string();
        std::fs::write(folder.join("config.json"), config).unwrap();
    }
    let refused = "spec.parameters[1].discrete.values[1]: 96 is more than the 64 positions of the checkpoint";
    for (code, told) in [validate(&[]), said(&mut run.tuning(&["--trainer", "/bin/true"]))] {
        assert!(
            code == Some(2) && told.contains(refused) && told.contains("choose at most 64"),
            "{told}"
        );
    }
    assert!(!run.dir.exists(), "nothing ran");
    let other = run.base.join("other");
    let (code, other) = validate(&["--model", other.to_str().unwrap()]);
    assert!(code == Some(0) && other.contains("sound"), "{other}");
}
