//! Models of `trial.bert` in a run's folder: the best stay, the others go, and the run says where the best one is. A program of a few
//! lines stands in for the fine-tuner, whose own models `trainer_model` looks at.
#![cfg(feature = "local")]

mod common;

use common::Run;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Leaves a model of 100 kB and a value that rises and falls with the learning rate; fails above 2e-4, with its model half written.
const TRAINER: &str = r#"#!/bin/bash
set -e
out=$TUNING_OUTPUT_DIR rate=$TUNING_PARAM_LEARNING_RATE
mkdir -p "$out/.model.new"
head -c 100000 /dev/zero > "$out/.model.new/model.safetensors"
awk "BEGIN { exit !($rate > 2e-4) }" && exit 1
echo "{\"job\": \"$TUNING_JOB\"}" > "$out/.model.new/config.json"
mv "$out/.model.new" "$out/model"
awk "BEGIN { printf \"{\\\"f1\\\": %.6f, \\\"step\\\": 1}\\n\", 0.9 - (log($rate) + 9.5) ^ 2 / 100 }" > "$out/report.json"
printf '%s ' "$@" > "$out/arguments"
"#;

fn run(name: &str, bert: &str) -> (Run, PathBuf) {
    let run = Run::new(name, 12, 3, "");
    let trainer = run.base.join("trainer");
    std::fs::write(&trainer, TRAINER).unwrap();
    std::fs::set_permissions(&trainer, PermissionsExt::from_mode(0o755)).unwrap();
    let manifest = format!(
        "apiVersion: tuning-operator.io/v1alpha1\nkind: TuningJob\nmetadata: {{name: {name}}}\nspec:\n  \
         objective: {{metric: f1, goal: Maximize}}\n  \
         parameters: [{{name: learning_rate, double: {{min: 5.0e-6, max: 5.0e-4, scale: Log}}}}]\n  \
         budget: {{maxTrials: 12, parallelTrials: 3}}\n  trial: {{bert: {{task: mrpc, model: m, data: d{bert}}}}}\n"
    );
    std::fs::write(run.base.join("job.yaml"), manifest).unwrap();
    (run, trainer)
}

/// Names of the trials that have something of a model left.
fn with_models(run: &Run) -> BTreeSet<String> {
    let trials = std::fs::read_dir(run.dir.join("trials")).unwrap();
    let trials = trials.map(|entry| entry.unwrap().path());
    let names = ["model", ".model.new"];
    let kept = trials.filter(|trial| names.iter().any(|name| trial.join(name).exists()));
    kept.map(|trial| trial.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// Trials that succeeded, the best first.
fn ranked(run: &Run) -> Vec<String> {
    let output = run
        .command(&["export", run.dir.to_str().unwrap(), "--format", "json"])
        .output()
        .unwrap();
    let trials: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut valued: Vec<(f64, String)> = trials
        .iter()
        .filter_map(|t| Some((t["value"].as_f64()?, t["trial"].as_str()?.to_owned())))
        .collect();
    valued.sort_by(|a, b| b.0.total_cmp(&a.0));
    valued.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn the_best_models_stay_and_the_others_make_room() {
    for (name, bert, n) in [("one", "", 1), ("three", ", keepModels: 3", 3)] {
        let (run, trainer) = run(name, bert);
        let output = run
            .tuning(&["--trainer", trainer.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let ranked = ranked(&run);
        assert!(
            ranked.len() < 12 && ranked.len() > n,
            "some fail, and more succeed than stay"
        );
        assert_eq!(with_models(&run), ranked[..n].iter().cloned().collect());
        let best = run.dir.join("trials").join(&ranked[0]);
        let model = best.join("model").display().to_string();
        assert_eq!(run.summary()["best"]["model"], model.as_str());
        let shown = run
            .command(&["show", run.dir.to_str().unwrap()])
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains(&format!("model        {model}\n")), "{shown}");
        let config = std::fs::read_to_string(best.join("model/config.json")).unwrap();
        assert_eq!(config, format!("{{\"job\": \"{name}\"}}\n"));
        let arguments = std::fs::read_to_string(best.join("arguments")).unwrap();
        assert!(
            arguments.contains("--save-model best --objective f1 --goal maximize"),
            "{arguments}"
        );
    }
}
