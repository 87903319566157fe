//! Which changes to the manifest of a job that has begun are allowed?
//!
//! A budget may grow, and what does not touch the meaning of past trials may change. Everything else would mix trials of
//! two different questions in one history.

use super::convert::duration;
use super::fault::Fault;
use super::schema::join;
use serde_json::{Map, Value};

/// Fields that may change freely.
const FREE: [&str; 6] = [
    "spec.suspend",
    "spec.retain",
    "spec.ttlSecondsAfterFinished",
    "spec.budget.parallelTrials",
    "spec.earlyStopping",
    "spec.objective.target",
];

/// A fault for each change that is refused.
pub fn refused_changes(old: &Value, new: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    compare("spec", &old["spec"], &new["spec"], &mut faults);
    faults
}

fn compare(path: &str, old: &Value, new: &Value, faults: &mut Vec<Fault>) {
    if old == new || FREE.contains(&path) {
        return;
    }
    if path == "spec.budget" {
        return compare_budget(old, new, faults);
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

fn compare_budget(old: &Value, new: &Value, faults: &mut Vec<Fault>) {
    let keys = [
        "maxTrials",
        "maxFailedTrials",
        "maxTrialsWithoutImprovement",
        "maxGpuHours",
    ];
    for key in keys {
        // An absent limit is the largest of all.
        let limit = |v: &Value| v[key].as_f64().unwrap_or(f64::INFINITY);
        refuse_smaller(key, limit(old), limit(new), &old[key], &new[key], faults);
    }
    for key in ["maxDuration", "maxTrialDuration"] {
        let limit = |v: &Value| {
            let parsed = duration(key, v[key].as_str(), &mut Vec::new());
            parsed.map_or(f64::INFINITY, |d| d.as_secs_f64())
        };
        refuse_smaller(key, limit(old), limit(new), &old[key], &new[key], faults);
    }
}

fn refuse_smaller(
    key: &str,
    old: f64,
    new: f64,
    old_text: &Value,
    new_text: &Value,
    faults: &mut Vec<Fault>,
) {
    if new < old {
        let was = if old_text.is_null() {
            "without limit".to_owned()
        } else {
            old_text.to_string()
        };
        let message =
            format!("was {was} and is {new_text}: a budget may grow, not shrink, once the job has begun");
        faults.push(Fault::new(format!("spec.budget.{key}"), message));
    }
}
