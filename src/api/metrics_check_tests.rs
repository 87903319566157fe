//! Unit tests of `metrics_check`.

use super::*;
use crate::api::check;
use serde_json::json;

/// A manifest in which this is all that is looked for in logs.
fn manifest(definition: serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 3},
            "trial": {"command": ["train", "$(params.lr)"]},
            "metrics": {"logs": {"definitions": [definition]}},
        },
    })
}

/// What a manifest with this expression makes, or what is wrong with it.
fn checked(regex: &str) -> Result<LogMetrics, Vec<String>> {
    match check(&manifest(json!({"name": "f1", "regex": regex}))) {
        Ok(checked) => Ok(checked.log_metrics.unwrap()),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

#[test]
fn what_passes_the_check_works() {
    // The longest that the schema allows.
    let longest = format!("{}f1=([0-9.]+)", "(?:)".repeat(253));
    assert_eq!(longest.len(), 1024);
    assert_eq!(checked(&longest).unwrap().feed("f1=0.5")[0].value, Ok(0.5));
}

#[test]
fn what_would_not_work_is_refused_once() {
    for (regex, says) in [
        ("f1=[0-9.]+", "put the number in parentheses"),
        ("f1=([0-9.]+|(nan))", "write (?:…)"),
        ("f1=((?:a{100}){1000})", "smaller repetition counts"),
        ("f1=([0-9.]+", "unclosed group"),
        (&format!("f1=([0-9.]+){}", "a".repeat(1013)), "1024"),
    ] {
        let faults = checked(regex).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let place = "spec.metrics.logs.definitions[0].regex: ";
        assert!(
            faults[0].starts_with(place) && faults[0].contains(says),
            "{}",
            faults[0]
        );
    }
}

#[test]
fn one_name_has_one_definition_and_one_is_the_objectives() {
    let check = |definitions: serde_json::Value| {
        let spec = json!({"objective": {"metric": "f1", "goal": "Maximize"}, "metrics": {"logs": {"definitions": definitions}}});
        let mut faults = Vec::new();
        check_metrics(&spec, &mut faults);
        faults
            .iter()
            .map(|fault| fault.message.clone())
            .collect::<Vec<_>>()
    };
    let loss = json!({"name": "loss", "regex": "(.)"});
    assert_eq!(
        check(json!([loss, loss])),
        ["\"loss\" is defined already", "none defines the objective \"f1\""]
    );
}

#[test]
fn a_name_alone_is_a_definition_and_a_narrow_group_is_noted_and_not_refused() {
    let named = |definition: serde_json::Value| check(&manifest(definition)).unwrap();
    let plain = named(json!({"name": "f1"}));
    assert_eq!(plain.notes, []);
    let read = plain
        .log_metrics
        .unwrap()
        .feed(r#"{"f1": -4.8e-05, "eval_f1": 1}"#);
    assert_eq!((read.len(), read[0].value.clone()), (1, Ok(-4.8e-5)));
    assert_eq!(named(json!({"name": "f1", "regex": r"f1=([-+.\w]+)"})).notes, []);
    let narrow = named(json!({"name": "f1", "regex": "f1=([0-9.]+)"}));
    assert_eq!(narrow.notes.len(), 1);
    assert!(
        narrow.notes[0]
            .to_string()
            .starts_with("spec.metrics.logs.definitions[0].regex: \"f1=([0-9.]+)\": its group takes no sign"),
        "{}",
        narrow.notes[0]
    );
}
