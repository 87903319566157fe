//! Unit tests of `trial_check`.

use super::*;
use serde_json::json;

/// What is wrong with a job of the built-in fine-tuner that tunes this, reports this, and rations this.
fn faults(parameter: Value, metric: &str, resource: &str) -> Vec<String> {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": metric, "goal": "Maximize"},
            "parameters": [parameter],
            "strategy": {"hyperband": {"resource": resource, "maxResource": 9}},
            "budget": {"maxTrials": 3},
            "trial": {"bert": {"task": "mrpc", "model": "m", "data": "d", "learningRate": 1e-5}},
        },
    });
    let faults = check(&manifest).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn what_the_fine_tuner_does_not_understand_is_refused() {
    let whole = json!({"name": "batch_size", "discrete": {"values": [16.0, 32.0]}});
    assert_eq!(faults(whole.clone(), "f1", "epochs"), Vec::<String>::new());
    for (faults, says) in [
        (
            faults(
                json!({"name": "batch_size", "double": {"min": 1.0, "max": 9.0}}),
                "f1",
                "epochs",
            ),
            "spec.parameters[0]: batch_size takes whole numbers",
        ),
        (
            faults(
                json!({"name": "depth", "integer": {"min": 1, "max": 9}}),
                "f1",
                "epochs",
            ),
            "spec.parameters[0].name: \"depth\" is not a parameter of bert",
        ),
        (
            faults(whole.clone(), "bleu", "epochs"),
            "spec.objective.metric: \"bleu\" is not reported by bert",
        ),
        (
            faults(whole.clone(), "f1", "steps"),
            "spec.strategy.hyperband.resource: \"steps\" is not what bert can ration",
        ),
    ] {
        assert!(
            faults.len() == 1 && faults[0].starts_with(says),
            "{says}: {faults:#?}"
        );
    }
}

#[test]
fn references_are_found_in_any_text() {
    let names: Vec<&str> = references("$(params.a)$(date) $(params.b) $(params.c").collect();
    assert_eq!(names, ["a", "b"]);
}
