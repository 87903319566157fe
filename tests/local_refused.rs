//! What is refused before a trial runs.
#![cfg(feature = "local")]

mod common;

use common::Run;
use serde_json::json;
use std::process::Command;

/// What a command says, and how it ends.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), said)
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
