//! Unit tests of `schema`.

use super::*;
use crate::api::TuningJobSpec;
use serde_json::json;

/// The first fault of a spec that is otherwise empty.
fn fault(key: &str, value: Value) -> String {
    let schema = schema_of::<TuningJobSpec>();
    let mut faults = Vec::new();
    check_against(&schema["properties"][key], &value, key, &mut faults);
    faults.first().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn each_fault_says_what_would_be_right() {
    for (key, value, says) in [
        (
            "suspend",
            json!("yes"),
            "suspend: expected true or false, found the text \"yes\"",
        ),
        (
            "budget",
            json!({"maxTrial": 3}),
            "budget.maxTrial: unknown field: did you mean maxTrials?",
        ),
        (
            "budget",
            json!({"maxTrialCount": 3}),
            "budget.maxTrialCount: unknown field: it is Katib's name, here it is spec.budget.maxTrials",
        ),
        (
            "objective",
            json!({"metric": 1, "goal": "Maximize"}),
            "objective.metric: expected a text, found 1: put it in quotes: the bare word is a number in YAML",
        ),
        ("budget", json!({}), "budget.maxTrials: is missing"),
        (
            "budget",
            json!({"maxTrials": 0}),
            "budget.maxTrials: 0 is too small: at least 1",
        ),
        (
            "objective",
            json!({"metric": "f1", "goal": "Best"}),
            "expected one of: Maximize, Minimize",
        ),
        (
            "retain",
            json!("Some"),
            "retain: found the text \"Some\", expected one of: All, Failed, None",
        ),
        (
            "trial",
            json!({"resources": {"limits": {"nvidia.com/gpu": 1.5}}}),
            "limits[\"nvidia.com/gpu\"]: expected a whole number or a text",
        ),
    ] {
        let fault = fault(key, value);
        assert!(fault.contains(says), "{fault}");
    }
    assert_eq!(
        fault(
            "objective",
            json!({"metric": "f1", "goal": "Maximize", "target": null})
        ),
        ""
    );
}

#[test]
fn letters_apart_are_counted_without_regard_to_case() {
    assert_eq!(distance("maxTrials", "maxtrial"), 1);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("kitten", "sitting"), 3);
}
