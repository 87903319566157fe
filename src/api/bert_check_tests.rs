//! Unit tests of `bert_check`.

use super::*;
use serde_json::{Value, json};

/// What is wrong with a job of the built-in fine-tuner after a change to its `spec`.
fn faults(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "loss", "goal": "Minimize"},
            "parameters": [{"name": "batch_size", "discrete": {"values": [16.0, 32.0]}}],
            "budget": {"maxTrials": 3},
            "trial": {"bert": {"task": "mrpc", "model": "m", "data": "d", "learningRate": 1e-5}},
        },
    });
    change(&mut manifest["spec"]);
    let faults = check(&manifest).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// The same with these fields of the fine-tuner.
fn with(fields: Value) -> Vec<String> {
    faults(|spec| {
        for (key, value) in fields.as_object().unwrap() {
            spec["trial"]["bert"][key] = value.clone();
        }
    })
}

#[test]
fn what_the_fine_tuner_takes_is_no_fault() {
    for fields in [
        json!({}),
        json!({"learningRate": 1, "weightDecay": 10, "warmupRatio": 1, "dropout": 0, "maxGradNorm": 0}),
        json!({"warmupSteps": 1_000_000_000, "gradientAccumulationSteps": 4096, "labelSmoothing": 0.999}),
        json!({"scheduler": "constant", "classWeights": "balanced", "maxLength": 8}),
        json!({"task": "mnli", "classWeights": "1,2.5,1e-3"}),
        json!({"task": "squad", "maxLength": 100}),
    ] {
        assert_eq!(with(fields.clone()), Vec::<String>::new(), "{fields}");
    }
}

#[test]
fn values_out_of_range_are_refused_by_their_field() {
    for (field, value, says) in [
        ("learningRate", json!(0), "0 is too small: above 0"),
        ("learningRate", json!(-0.5), "-0.5 is too small: at least 0"),
        ("learningRate", json!(1.5), "1.5 is too large: at most 1"),
        ("weightDecay", json!(11), "11 is too large: at most 10"),
        ("warmupRatio", json!(1.1), "1.1 is too large: at most 1"),
        ("warmupSteps", json!(-1), "-1 is too small: at least 0"),
        ("warmupSteps", json!(0.5), "expected a whole number"),
        ("dropout", json!(1), "1 is too large: below 1"),
        (
            "gradientAccumulationSteps",
            json!(0),
            "0 is too small: at least 1",
        ),
        ("maxGradNorm", json!(2e6), "at most 1000000"),
        ("labelSmoothing", json!(1.0), "1 is too large: below 1"),
        (
            "scheduler",
            json!("poly"),
            "expected one of: linear, cosine, constant",
        ),
        ("maxLength", json!(7), "7 is too small: at least 8"),
    ] {
        let faults = with(json!({field: value}));
        let begins = format!("spec.trial.bert.{field}: ");
        assert!(
            faults.len() == 1 && faults[0].starts_with(&begins) && faults[0].contains(says),
            "{says}: {faults:#?}"
        );
    }
}

#[test]
fn a_question_needs_room_beside_its_text() {
    assert_eq!(
        with(json!({"task": "squad", "maxLength": 99})),
        ["spec.trial.bert.maxLength: 99 is too small: squad needs at least 100"]
    );
    assert_eq!(
        with(json!({"task": "squad", "maxLength": 7})),
        ["spec.trial.bert.maxLength: 7 is too small: at least 8"]
    );
}

#[test]
fn a_warm_up_has_one_length() {
    let says = "warmup_steps says how long the warm-up is, and so does warmup_ratio in";
    let both = with(json!({"warmupRatio": 0.1, "warmupSteps": 100}));
    assert_eq!(
        both,
        [format!(
            "spec.trial.bert.warmupSteps: {says} spec.trial.bert.warmupRatio: remove one of them"
        )]
    );
    let tune = |spec: &mut Value, name: &str, values: Value| {
        let parameters = spec["parameters"].as_array_mut().unwrap();
        parameters.push(json!({"name": name, "discrete": {"values": values}}));
    };
    let steps_fixed = faults(|spec| {
        spec["trial"]["bert"]["warmupSteps"] = json!(100);
        tune(spec, "warmup_ratio", json!([0.0, 0.1]));
    });
    assert_eq!(
        steps_fixed,
        [format!(
            "spec.trial.bert.warmupSteps: {says} spec.parameters[1]: remove one of them"
        )]
    );
    let both_tuned = faults(|spec| {
        tune(spec, "warmup_ratio", json!([0.0, 0.1]));
        tune(spec, "warmup_steps", json!([0, 100]));
    });
    assert_eq!(
        both_tuned,
        [format!(
            "spec.parameters[2]: {says} spec.parameters[1]: remove one of them"
        )]
    );
    // What is tuned wins over what is fixed, as for every parameter.
    let tuned_over_fixed = faults(|spec| {
        spec["trial"]["bert"]["warmupSteps"] = json!(100);
        tune(spec, "warmup_steps", json!([0, 100]));
    });
    assert_eq!(tuned_over_fixed, Vec::<String>::new());
}

#[test]
fn what_is_for_classes_needs_classes() {
    for task in ["squad", "stsb"] {
        let faults = with(json!({"task": task, "labelSmoothing": 0.1, "classWeights": "balanced"}));
        let says = format!("is for tasks with classes, and {task} has none: remove it");
        assert_eq!(
            faults,
            [
                format!("spec.trial.bert.labelSmoothing: {says}"),
                format!("spec.trial.bert.classWeights: {says}")
            ]
        );
    }
    for (weights, says) in [
        (
            "1",
            "\"1\" does not have a weight for each of the 2 classes of mrpc",
        ),
        ("1,2,3", "write balanced, or 2 numbers above 0"),
        ("1,-2", "\"-2\" is not above 0 and at most 1000000"),
        ("even", "\"even\" is not above 0 and at most 1000000"),
        ("0,1", "\"0\" is not above 0 and at most 1000000"),
    ] {
        let faults = with(json!({"classWeights": weights}));
        assert!(
            faults.len() == 1
                && faults[0].starts_with("spec.trial.bert.classWeights: ")
                && faults[0].contains(says),
            "{says}: {faults:#?}"
        );
    }
}

#[test]
fn what_is_rationed_or_reported_is_the_fine_tuners_own() {
    for strategy in ["hyperband", "asha"] {
        let rationed = |resource: &str, most: u32| {
            faults(|spec| spec["strategy"] = json!({strategy: {"resource": resource, "maxResource": most}}))
        };
        assert_eq!(rationed("epochs", 1000), Vec::<String>::new());
        assert_eq!(
            rationed("steps", 9),
            [format!(
                "spec.strategy.{strategy}.resource: \"steps\" is not what bert can ration: epochs"
            )]
        );
        assert_eq!(
            rationed("epochs", 1001),
            [format!(
                "spec.strategy.{strategy}.maxResource: 1001 is too large: bert takes at most 1000 epochs"
            )]
        );
    }
    let metric = |task: &str, metric: &str| {
        faults(|spec| {
            spec["objective"]["metric"] = json!(metric);
            spec["trial"]["bert"]["task"] = json!(task);
        })
    };
    assert_eq!(metric("squad", "exact_match"), Vec::<String>::new());
    assert_eq!(
        metric("squad", "accuracy"),
        [
            "spec.objective.metric: \"accuracy\" is not reported by bert, which reports f1, exact_match, loss for squad"
        ]
    );
}
