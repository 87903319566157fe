//! Unit tests of `command`.

use super::*;
use crate::api::check;
use crate::optimizer::Why;
use crate::space::{Point, Value};
use serde_json::json;

/// What a trial of this manifest's `trial` starts.
fn launched(trial: serde_json::Value) -> Launch {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "learning_rate", "double": {"min": 0.125, "max": 1.0}}],
            "budget": {"maxTrials": 3},
            "trial": trial,
        },
    });
    let checked = check(&manifest).unwrap();
    let created = "2026-01-02T03:04:05Z".parse().unwrap();
    let trial = Trial::new(7, Point(vec![Value::Double(0.25)]), None, Why::manual(), created);
    let place = Place {
        trial_dir: Path::new("/run/a-0007"),
        base: Path::new("/jobs"),
        trainer: Path::new("/bin/bert-trainer"),
        threads: 2,
        bar: None,
        gpus: "1",
        metrics_port: Some(20_000),
    };
    launch(&checked.job, None, &checked.spec.trial, &trial, &place)
}

#[test]
fn a_program_of_the_manifests_folder_is_told_its_parameters_and_its_place() {
    let env = json!([{"name": "OMP_NUM_THREADS", "value": "5"}, {"name": "LR", "value": "$(params.learning_rate)"}]);
    let launch = launched(json!({"command": ["./train.sh", "--lr=$(params.learning_rate)"], "env": env}));
    assert_eq!(launch.program, Path::new("/jobs/./train.sh"));
    assert_eq!(launch.args, ["--lr=0.25"]);
    for (name, value) in [
        ("OMP_NUM_THREADS", "5"),
        ("MKL_NUM_THREADS", "2"),
        ("LR", "0.25"),
        ("TUNING_PARAM_LEARNING_RATE", "0.25"),
        (variables::TRIAL, "a-0007"),
        ("CUDA_VISIBLE_DEVICES", "1"),
        (variables::CHECKPOINT_DIR, "/run/a-0007/checkpoint"),
        (variables::METRICS_PORT, "20000"),
    ] {
        assert_eq!(launch.env[name], value, "{name}");
    }
    assert_eq!(
        launched(json!({"command": ["python3"]})).program,
        Path::new("python3")
    );
}

#[test]
fn python_says_each_line_at_once_unless_the_manifest_wants_otherwise() {
    let said = |env| launched(json!({"command": ["python3"], "env": env})).env["PYTHONUNBUFFERED"].clone();
    assert_eq!(said(json!([])), "1");
    assert_eq!(said(json!([{"name": "PYTHONUNBUFFERED", "value": ""}])), "");
}

#[test]
fn the_fine_tuner_finds_folders_beside_the_manifest() {
    let launch = launched(json!({"bert": {"task": "mrpc", "model": "model", "data": "/data"}}));
    assert_eq!(launch.program, Path::new("/bin/bert-trainer"));
    let after =
        |flag: &str| launch.args[launch.args.iter().position(|arg| arg == flag).unwrap() + 1].as_str();
    assert_eq!(
        [after("--model"), after("--data"), after("--threads")],
        ["/jobs/model", "/data", "2"]
    );
}
