//! What is wrong with a manifest is said at once, each fault with its path, its value and the cure.

#[path = "manifest/bert.rs"]
mod bert;
#[path = "manifest/rationed.rs"]
mod rationed;
#[path = "manifest/words.rs"]
mod words;

use serde_json::{Value, json};
use tuning_operator::api::{check, parse, refused_changes};

const SOUND: &str = r#"
apiVersion: tuning-operator.io/v1alpha1
kind: TuningJob
metadata: {name: mrpc}
spec:
  objective: {metric: f1, goal: Maximize, target: 0.93}
  parameters:
    - {name: learning_rate, double: {min: 5.0e-6, max: 5.0e-4, scale: Log}}
  strategy: {bayesian: {seed: 42}}
  budget: {maxTrials: 30, parallelTrials: 3, maxFailedTrials: 5, maxDuration: 6h, maxTrialDuration: 30m}
  earlyStopping: {medianStop: {minCompletedTrials: 3, startStep: 1}}
  trial:
    bert: {task: mrpc, model: m, data: d}
    resources: {limits: {nvidia.com/gpu: 2}}
"#;

/// The faults of the sound manifest after some replacements.
fn faults(edits: &[(&str, &str)]) -> Vec<String> {
    let text = edits.iter().fold(SOUND.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    match parse(&text)
        .map_err(|f| vec![f])
        .and_then(|manifest| check(&manifest))
    {
        Ok(_) => vec![],
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// One edit gives one fault, with this text in it.
#[track_caller]
fn refused(old: &str, new: &str, path: &str, text: &str) {
    let faults = faults(&[(old, new)]);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].starts_with(&format!("{path}: ")), "{}", faults[0]);
    assert!(faults[0].contains(text), "{}", faults[0]);
}

#[test]
fn a_sound_manifest_becomes_a_job() {
    let checked = check(&parse(SOUND).unwrap()).unwrap();
    assert_eq!(checked.job.budget.max_duration.unwrap().as_hours(), 6);
    assert_eq!((checked.job.seed, checked.job.gpus_per_trial), (42, 2));
    let json = serde_json::to_string(&checked.manifest).unwrap();
    assert_eq!(
        check(&parse(&json).unwrap()).unwrap(),
        checked,
        "JSON says the same as YAML"
    );
}

#[test]
fn faults_of_shape() {
    refused(
        "maxTrials: 30",
        "maxTrails: 30, maxTrials: 30",
        "spec.budget.maxTrails",
        "did you mean maxTrials?",
    );
    refused("maxTrials: 30, ", "", "spec.budget.maxTrials", "is missing");
    refused(
        "maxTrials: 30",
        "maxTrials: many",
        "spec.budget.maxTrials",
        "expected a whole number, found the text \"many\"",
    );
    refused(
        "maxTrials: 30",
        "maxTrials: 0",
        "spec.budget.maxTrials",
        "0 is too small: at least 1",
    );
    refused(
        "parallelTrials: 3",
        "parallelTrials: -1",
        "spec.budget.parallelTrials",
        "-1 is too small",
    );
    refused(
        "goal: Maximize",
        "goal: maximise",
        "spec.objective.goal",
        "expected one of: Maximize, Minimize",
    );
    refused(
        "scale: Log",
        "scale: log",
        "spec.parameters[0].double.scale",
        "Linear, Log, ReverseLog",
    );
    refused(
        "min: 5.0e-6",
        "min: low",
        "spec.parameters[0].double.min",
        "expected a number",
    );
    refused(
        "nvidia.com/gpu: 2",
        "nvidia.com/gpu: 1.5",
        "spec.trial.resources.limits[\"nvidia.com/gpu\"]",
        "whole number",
    );
}

#[test]
fn faults_of_the_envelope_and_of_words() {
    refused(
        "kind: TuningJob",
        "kind: Experiment",
        "kind",
        "found \"Experiment\", expected TuningJob",
    );
    refused(
        "v1alpha1",
        "v1",
        "apiVersion",
        "expected tuning-operator.io/v1alpha1",
    );
    refused("{name: mrpc}", "{name: MRPC}", "metadata.name", "lower-case");
    refused(
        "task: mrpc",
        "task: swag",
        "spec.trial.bert.task",
        "expected one of: mrpc",
    );
}

#[test]
fn faults_of_meaning() {
    refused(
        "min: 5.0e-6",
        "min: 5.0e-3",
        "spec.parameters[0].double.min",
        "0.005 is not below max (0.0005)",
    );
    refused(
        "min: 5.0e-6",
        "min: 0",
        "spec.parameters[0].double.min",
        "scale Log needs min > 0",
    );
    refused(
        "{bayesian: {seed: 42}}",
        "{bayesian: {seed: 42, replicates: 16}}",
        "spec.strategy.bayesian.replicates",
        "16 is more than half of spec.budget.maxTrials: choose at most 15",
    );
    refused(
        "maxDuration: 6h",
        "maxDuration: six",
        "spec.budget.maxDuration",
        "write it like 90s, 30m, 6h",
    );
    refused(
        "maxDuration: 6h",
        "maxDuration: 0s",
        "spec.budget.maxDuration",
        "not a duration",
    );
    refused(
        "bayesian: {seed: 42}",
        "bayesian: {}, random: {}",
        "spec.strategy",
        "exactly one",
    );
    refused(
        "bayesian: {seed: 42}",
        "grid: {}",
        "spec.strategy.grid.pointsPerDouble",
        "learning_rate is a double",
    );
    refused(
        "bayesian: {seed: 42}",
        "grid: {pointsPerDouble: 31}",
        "spec.strategy.grid",
        "31 points, the budget 30 trials",
    );
    refused(
        "metric: f1",
        "metric: bleu",
        "spec.objective.metric",
        "f1, accuracy, loss",
    );
}

#[test]
fn faults_of_other_trials() {
    let bert = "bert: {task: mrpc, model: m, data: d}";
    let command = "command: [train, --lr, $(params.lr)]";
    refused(
        bert,
        command,
        "spec.trial.command[2]",
        "$(params.lr) names no parameter: there are learning_rate",
    );
    refused(
        bert,
        &format!("{bert}\n    command: [train]"),
        "spec.trial",
        "bert and command at once",
    );
    refused(
        bert,
        "env: []",
        "spec.trial",
        "exactly one of bert, container, sagemaker, command",
    );
    refused(
        bert,
        &format!("{bert}\n    env: [{{name: TUNING_TRIAL}}]"),
        "spec.trial.env[0].name",
        "the tuner's own",
    );
    let logs = |regex: &str| {
        format!("  metrics: {{logs: {{definitions: [{{name: f1, regex: '{regex}'}}]}}}}\n  trial:")
    };
    refused(
        "  trial:",
        &logs("f1=(["),
        "spec.metrics.logs.definitions[0].regex",
        "unclosed",
    );
    refused(
        "  trial:",
        &logs("f1=[0-9]+"),
        "spec.metrics.logs.definitions[0].regex",
        "put the number in parentheses",
    );
}

#[test]
fn faults_of_volumes_and_of_sagemakers_images() {
    let bert = "bert: {task: mrpc, model: m, data: d}";
    let sagemaker = |rest: &str| {
        format!(
            "sagemaker: {{image: i, {rest}}}\n    volumes: [{{name: data, mountPath: /data, emptyDir: {{}}}}]"
        )
    };
    for (rest, path, text) in [
        (
            "channels: [{name: a/b, volume: data}]",
            "channels[0].name",
            "letters, digits",
        ),
        (
            "channels: [{name: a, volume: data}, {name: a, volume: data}]",
            "channels[1].name",
            "an earlier channel",
        ),
        (
            "channels: [{name: a, volume: b}]",
            "channels[0].volume",
            "is no volume",
        ),
        (
            "channels: [{name: a, volume: data, subPath: ../x}]",
            "channels[0].subPath",
            "inside the volume",
        ),
        ("modelVolume: none", "modelVolume", "is no volume"),
        (
            "hyperparameters: {learning_rate: '1'}",
            "hyperparameters.learning_rate",
            "is a parameter of the job",
        ),
        (
            "hyperparameters: {a: $(params.b)}",
            "hyperparameters.a",
            "names no parameter",
        ),
    ] {
        refused(
            bert,
            &sagemaker(rest),
            &format!("spec.trial.sagemaker.{path}"),
            text,
        );
    }
    let unseen = format!("{bert}\n    volumes: [{{name: data, emptyDir: {{}}}}]");
    refused(
        bert,
        &unseen,
        "spec.trial.volumes[0].mountPath",
        "would not see \"data\" anywhere",
    );
}

#[test]
fn every_fault_is_said_at_once() {
    let faults = faults(&[
        ("maxTrials: 30", "maxTrials: 0"),
        ("min: 5.0e-6", "min: 1"),
        ("goal: Maximize", "goal: Up"),
        ("maxTrialDuration: 30m", "maxTrialDuration: soon"),
        ("spec:", "spec:\n  objectives: {}"),
    ]);
    let paths: Vec<&str> = faults.iter().map(|f| f.split(": ").next().unwrap()).collect();
    for path in [
        "spec.budget.maxTrials",
        "spec.parameters[0].double.min",
        "spec.objective.goal",
        "spec.budget.maxTrialDuration",
        "spec.objectives",
    ] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
}

#[test]
fn names_twice_are_refused() {
    let twice = "    - {name: learning_rate, double: {min: 5.0e-6, max: 5.0e-4, scale: Log}}\n";
    refused(
        twice,
        &twice.repeat(2),
        "spec.parameters[1].name",
        "the name of an earlier parameter",
    );
}

#[test]
fn what_is_not_a_manifest_is_refused_with_a_sentence() {
    for (text, expected) in [
        ("", "is empty"),
        ("a: [", "is not YAML or JSON"),
        ("a: 1\n---\nb: 2", "holds 2 documents"),
        ("a: 1\na: 2", "has a twice, the second time at line 2"),
    ] {
        let fault = parse(text).unwrap_err().to_string();
        assert!(fault.contains(expected), "{text:?}: {fault}");
    }
    for value in [Value::Null, json!([1]), json!({"spec": 3})] {
        assert!(!check(&value).unwrap_err().is_empty());
    }
}

#[test]
fn only_changes_that_leave_the_question_alone_are_allowed() {
    let old = parse(SOUND).unwrap();
    let changed = |a: &str, b: &str| {
        assert!(SOUND.contains(a), "{a}");
        let new = parse(&SOUND.replace(a, b)).unwrap();
        refused_changes(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert!(changed("maxTrials: 30", "maxTrials: 40").is_empty());
    // No limit is the largest.
    assert!(changed(", maxDuration: 6h", "").is_empty());
    assert!(changed("parallelTrials: 3", "parallelTrials: 1").is_empty());
    assert!(changed("target: 0.93", "target: 0.94").is_empty());
    assert!(
        changed("maxDuration: 6h", "maxDuration: 5h")[0].starts_with("spec.budget.maxDuration: was \"6h\"")
    );
    assert!(
        changed("max: 5.0e-4", "max: 4.0e-4")[0].starts_with("spec.parameters[0].double.max: was 0.0005")
    );
    assert!(changed("seed: 42", "seed: 43")[0].starts_with("spec.strategy.bayesian.seed"));
    assert!(changed("goal: Maximize", "goal: Minimize")[0].starts_with("spec.objective.goal"));
}
