//! Which changes to the manifest of a job that has begun are allowed?
//!
//! A budget may grow, and what does not touch the meaning of past trials may change, such as on which nodes the next ones run.
//! Everything else would mix trials of two different questions in one history.

use super::convert::duration;
use super::fault::Fault;
use super::schema::join;
use serde_json::{Map, Value};

/// How a field may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// As a person likes.
    Free,
    /// It is a limit and may grow; an absent one is the largest of all.
    Grows,
    /// Not at all.
    Never,
}

use Change::{Free, Grows, Never};

/// Every field of the manifest's `spec`, or the section that it stands in. The rules of the CRD say the same, as far as they
/// can: a test compares them.
pub const CHANGES: [(&str, Change); 47] = [
    ("spec.parameters", Never),
    ("spec.objective.metric", Never),
    ("spec.objective.goal", Never),
    ("spec.objective.target", Free),
    ("spec.objective.value", Never),
    ("spec.budget.maxTrials", Grows),
    ("spec.budget.parallelTrials", Free),
    ("spec.budget.maxFailedTrials", Grows),
    ("spec.budget.maxDuration", Grows),
    ("spec.budget.maxTrialDuration", Grows),
    ("spec.budget.maxTrialsWithoutImprovement", Grows),
    ("spec.budget.endWhenConverged", Free),
    ("spec.budget.maxGpuHours", Grows),
    ("spec.strategy", Never),
    ("spec.earlyStopping", Free),
    ("spec.trial.bert", Never),
    ("spec.trial.container", Never),
    ("spec.trial.sagemaker", Never),
    ("spec.trial.command", Never),
    ("spec.trial.env", Never),
    ("spec.trial.envFrom", Never),
    ("spec.trial.resources", Free),
    ("spec.trial.resourceClaims", Free),
    ("spec.trial.initContainers", Never),
    ("spec.trial.volumes", Never),
    ("spec.trial.checkpointVolume", Never),
    ("spec.trial.affinity", Free),
    ("spec.trial.nodeSelector", Free),
    ("spec.trial.tolerations", Free),
    ("spec.trial.imagePullSecrets", Free),
    ("spec.trial.serviceAccountName", Never),
    ("spec.trial.runtimeClassName", Never),
    ("spec.trial.priorityClassName", Free),
    ("spec.trial.queueName", Free),
    ("spec.trial.queuePriorityClassName", Free),
    ("spec.trial.podLabels", Never),
    ("spec.trial.podAnnotations", Never),
    ("spec.trial.podSecurityContext", Never),
    ("spec.trial.containerSecurityContext", Never),
    ("spec.trial.imagePullPolicy", Never),
    ("spec.trial.schedulerName", Never),
    ("spec.trial.terminationGracePeriodSeconds", Never),
    ("spec.metrics", Never),
    ("spec.warmStart", Never),
    ("spec.suspend", Free),
    ("spec.retain", Free),
    ("spec.ttlSecondsAfterFinished", Free),
];

/// A fault for each change that is refused.
pub fn refused_changes(old: &Value, new: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    compare("spec", &old["spec"], &new["spec"], &mut faults);
    faults
}

fn compare(path: &str, old: &Value, new: &Value, faults: &mut Vec<Fault>) {
    if old == new {
        return;
    }
    match CHANGES.iter().find(|(field, _)| *field == path) {
        Some((_, Free)) => return,
        Some((_, Grows)) => return refuse_smaller(path, old, new, faults),
        Some((_, Never)) | None => {}
    }
    let empty = Map::new();
    match (old, new) {
        (Value::Object(_) | Value::Null, Value::Object(_) | Value::Null)
            if old.is_object() || new.is_object() =>
        {
            let (a, b) = (
                old.as_object().unwrap_or(&empty),
                new.as_object().unwrap_or(&empty),
            );
            for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
                let of = |m: &Map<String, Value>| m.get(key).cloned().unwrap_or(Value::Null);
                compare(&join(path, key), &of(a), &of(b), faults);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{i}]"), x, y, faults);
            }
        }
        _ => {
            let message =
                format!("was {old} and is {new}: the job has begun, start another for another question");
            faults.push(Fault::new(path, message));
        }
    }
}

fn refuse_smaller(path: &str, old: &Value, new: &Value, faults: &mut Vec<Fault>) {
    let limit = |value: &Value| match value.as_str() {
        Some(text) => duration(path, Some(text), &mut Vec::new()).map(|d| d.as_secs_f64()),
        None => value.as_f64(),
    };
    let [was, is] = [old, new].map(|value| limit(value).unwrap_or(f64::INFINITY));
    if is < was {
        let was = match old {
            Value::Null => "without limit".to_owned(),
            old => old.to_string(),
        };
        let message =
            format!("was {was} and is {new}: a budget may grow, not shrink, once the job has begun");
        faults.push(Fault::new(path, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The paths that may not change so, from one spec to another.
    fn refused(old: Value, new: Value) -> Vec<String> {
        let [old, new] = [old, new].map(|spec| json!({"spec": spec}));
        let faults = refused_changes(&old, &new);
        faults.into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn limits_grow_and_an_absent_one_is_the_largest() {
        let budget = |budget: Value| json!({"budget": budget});
        for (small, large) in [
            (json!({"maxTrials": 3}), json!({"maxTrials": 4})),
            (json!({"maxGpuHours": 0.5}), json!({})),
            (json!({"maxDuration": "90m"}), json!({"maxDuration": "2h"})),
            (json!({"maxTrialDuration": "10s"}), json!({})),
        ] {
            assert_eq!(
                refused(budget(small.clone()), budget(large.clone())),
                Vec::<String>::new()
            );
            let field = small.as_object().unwrap().keys().next().unwrap();
            assert_eq!(
                refused(budget(large), budget(small.clone())),
                [format!("spec.budget.{field}")]
            );
        }
        let same = refused(
            budget(json!({"maxDuration": "120m"})),
            budget(json!({"maxDuration": "2h"})),
        );
        assert_eq!(same, Vec::<String>::new());
    }

    #[test]
    fn what_is_not_named_as_free_is_refused_at_its_place() {
        assert_eq!(
            refused(json!({}), json!({"suspend": true, "earlyStopping": {}})),
            Vec::<String>::new()
        );
        assert_eq!(refused(json!({}), json!({"new": 1})), ["spec.new"]);
        let trial = |arg: &str| json!({"trial": {"command": ["train", arg]}});
        assert_eq!(refused(trial("a"), trial("b")), ["spec.trial.command[1]"]);
        assert_eq!(refused(trial("a"), json!({})), ["spec.trial.command"]);
    }

    #[test]
    fn where_the_next_trials_run_is_not_the_question() {
        let trial = |field: &str, value: Value| json!({"trial": {"command": ["a"], field: value}});
        for (field, was, is) in [
            (
                "resources",
                json!({"limits": {"memory": "1Gi"}}),
                json!({"limits": {"memory": "2Gi"}}),
            ),
            ("nodeSelector", json!({"zone": "a"}), json!({"zone": "b"})),
            ("tolerations", json!([]), json!([{"key": "gpu"}])),
            ("queueName", json!("a"), json!("b")),
        ] {
            assert_eq!(refused(trial(field, was.clone()), trial(field, is)), [""; 0]);
            assert_eq!(
                refused(trial(field, was), json!({"trial": {"command": ["a"]}})),
                [""; 0]
            );
        }
        let image = |image: &str| trial("container", json!({"image": image}));
        assert_eq!(refused(image("a"), image("b")), ["spec.trial.container.image"]);
        assert_eq!(
            refused(
                trial("podLabels", json!({})),
                trial("podLabels", json!({"a": "b"}))
            ),
            ["spec.trial.podLabels.a"]
        );
    }
}
