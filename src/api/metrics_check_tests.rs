//! Unit tests of `metrics_check`.

use super::*;
use crate::api::check;
use serde_json::json;

/// What a manifest with this expression makes, or what is wrong with it.
fn checked(regex: &str) -> Result<LogMetrics, Vec<String>> {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 3},
            "trial": {"command": ["train"]},
            "metrics": {"logs": {"definitions": [{"name": "f1", "regex": regex}]}},
        },
    });
    match check(&manifest) {
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
