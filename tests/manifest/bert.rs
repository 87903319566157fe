//! What is wrong with a manifest of the built-in fine-tuner; the examples.

use super::{faults, refused};
use tuning_operator::api::{check, parse};

#[test]
fn what_bert_does_not_know_is_no_parameter_of_it() {
    let edits = [
        ("name: learning_rate, double", "name: lr, double"),
        ("data: d}", "data: d, learningRate: 1.0e-4}"),
    ];
    let faults = faults(&edits);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with(
        "spec.parameters[0].name: \"lr\" is not a parameter of bert, which knows learning_rate"
    ));
}

#[test]
fn faults_of_the_fine_tuner() {
    let field = |rest: &str| format!("data: d, {rest}}}");
    for (rest, path, text) in [
        ("learningRate: 0", "learningRate", "0 is too small: above 0"),
        ("weightDecay: 11", "weightDecay", "11 is too large: at most 10"),
        ("dropout: 1", "dropout", "1 is too large: below 1"),
        (
            "warmupRatio: 0.1, warmupSteps: 100",
            "warmupSteps",
            "so does warmup_ratio in spec.trial.bert.warmupRatio: remove one of them",
        ),
        (
            "gradientAccumulationSteps: 0",
            "gradientAccumulationSteps",
            "at least 1",
        ),
        (
            "scheduler: poly",
            "scheduler",
            "expected one of: linear, cosine, constant",
        ),
        (
            "classWeights: '1,2,3'",
            "classWeights",
            "write balanced, or 2 numbers above 0 with commas between, such as 1,1.5",
        ),
    ] {
        let path = format!("spec.trial.bert.{path}");
        refused("data: d}", &field(rest), &path, text);
    }
    let squad = "task: squad, labelSmoothing: 0.1";
    refused(
        "task: mrpc",
        squad,
        "spec.trial.bert.labelSmoothing",
        "is for tasks with classes, and squad has none: remove it",
    );
    refused(
        "max: 5.0e-4",
        "max: 2",
        "spec.parameters[0].double.max",
        "2 is not a value of learning_rate: choose above 0 and at most 1",
    );
}

#[test]
fn a_second_parameter_of_bert_has_words_and_ranges_too() {
    let rate = "{name: learning_rate, double: {min: 5.0e-6, max: 5.0e-4, scale: Log}}";
    let beside = |second: &str| format!("{rate}\n    - {second}");
    for (second, path, text) in [
        (
            "{name: max_length, discrete: {values: [4, 64]}}",
            "spec.parameters[1].discrete.values[0]",
            "4 is not a value of max_length: choose at least 8 and at most 4096",
        ),
        (
            "{name: scheduler, categorical: {values: [linear, poly]}}",
            "spec.parameters[1].categorical.values[1]",
            "choose among linear, cosine, constant",
        ),
        (
            "{name: class_weights, discrete: {values: [1, 2]}}",
            "spec.parameters[1]",
            "class_weights takes words: use categorical",
        ),
    ] {
        refused(rate, &beside(second), path, text);
    }
    let sound = [
        "{name: scheduler, categorical: {values: [linear, cosine]}}",
        "{name: class_weights, categorical: {values: [balanced, '1,2.5']}}",
        "{name: label_smoothing, double: {min: 0, max: 0.2}}",
        "{name: gradient_accumulation_steps, integer: {min: 1, max: 4}}",
        "{name: max_grad_norm, discrete: {values: [0, 1]}}",
        "{name: warmup_steps, integer: {min: 0, max: 100}}",
        "{name: eval_every, discrete: {values: [0, 50]}}",
    ];
    for second in sound {
        assert_eq!(
            faults(&[(rate, &beside(second))]),
            Vec::<String>::new(),
            "{second}"
        );
    }
}

#[test]
fn the_examples_are_sound_and_called_as_their_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut n = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let checked = parse(&std::fs::read_to_string(&path).unwrap()).map(|manifest| check(&manifest));
        let checked = checked
            .unwrap()
            .unwrap_or_else(|faults| panic!("{path:?}: {faults:#?}"));
        assert_eq!(
            path.file_stem().unwrap().to_str(),
            Some(checked.job.name.as_str())
        );
        n += 1;
    }
    assert!(n >= 5, "{n} examples");
}
