//! Recorded states: objects as the operator leaves them, where Argo CD looks for the test data of its scripts.
//!
//! `BLESS=1` writes them; otherwise they have to be what the operator still writes: no tool is asked about a state that is no
//! more. What differs from one run to the next is left out or made the same: times, namespaces, ports, numbers of a run.

use crate::cluster::{Space, within};
use crate::lua::FOLDER;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

const TIME: &str = "2026-01-01T00:00:00Z";
/// What tools read of a status, and people: the rest are the numbers of a run.
const READ: [&str; 6] = [
    "conditions",
    "message",
    "observedGeneration",
    "phase",
    "progress",
    "waitingFor",
];

/// The states of one run.
#[derive(Default)]
pub struct States {
    seen: Mutex<BTreeSet<String>>,
}

impl States {
    /// An object is in this state, or comes to it: the condition with this reason holds, or none where it is empty.
    pub async fn record(&self, space: &Space, kind: &str, object: &str, state: &str, reason: &str) {
        self.seen.lock().unwrap().insert(format!("{kind}/{state}"));
        let path = format!("{FOLDER}/{kind}/testdata/{state}.yaml");
        let mut last = Value::Null;
        let blesses = std::env::var_os("BLESS").is_some();
        let recorded: Value = match std::fs::read_to_string(&path) {
            Ok(text) if !blesses => serde_saphyr::from_str(&text).unwrap(),
            _ => Value::Null,
        };
        assert!(blesses || !recorded.is_null(), "{path} is not there: bless it");
        let what = format!("{kind} {object} is in the state {state}");
        let mut n_same = 0;
        // Generous: others wait for the same two processors.
        within(180, &what, async || {
            let now = normal(&get(space, kind, object).await);
            n_same = if now == last { n_same + 1 } else { 0 };
            let stands = held(&now).as_deref().unwrap_or_default() == reason;
            if now != last && stands && !blesses && now != recorded {
                eprintln!("{what}, and it is not what was recorded:\n{now:#}");
            }
            last = now;
            // Nobody knows yet what it comes to: it has to stay for two seconds.
            let is_there = if blesses { n_same >= 40 } else { last == recorded };
            stands && is_there
        })
        .await;
        if blesses {
            std::fs::create_dir_all(format!("{FOLDER}/{kind}/testdata")).unwrap();
            std::fs::write(&path, serde_saphyr::to_string(&last).unwrap()).unwrap();
        }
    }

    /// No file is there of a state that was not seen.
    pub fn are_all(&self) {
        let seen = self.seen.lock().unwrap();
        let files: BTreeSet<String> = ["TuningJob", "Trial"].into_iter().flat_map(files_of).collect();
        assert_eq!(*seen, files);
    }
}

fn files_of(kind: &str) -> impl Iterator<Item = String> {
    let folder = std::fs::read_dir(format!("{FOLDER}/{kind}/testdata")).unwrap();
    folder.map(move |file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        format!("{kind}/{}", name.trim_end_matches(".yaml"))
    })
}

/// An object with all that the API server says of it.
pub async fn get(space: &Space, kind: &str, name: &str) -> DynamicObject {
    let kind = GroupVersionKind::gvk("tuning-operator.io", "v1alpha1", kind);
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &resource);
    for _ in 0..100 {
        if let Some(object) = api.get_opt(name).await.unwrap() {
            return object;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("there is no {} {name}", kind.kind)
}

fn normal(object: &DynamicObject) -> Value {
    let whole = serde_json::to_value(object).unwrap();
    let mut metadata = json!({"namespace": "default", "creationTimestamp": TIME});
    for field in ["name", "generation", "finalizers"] {
        if let Some(value) = whole["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    if object.metadata.deletion_timestamp.is_some() {
        metadata["deletionTimestamp"] = json!(TIME);
    }
    let mut spec = whole["spec"].clone();
    spec.as_object_mut().unwrap().remove("why");
    if let Some(port) = spec.pointer_mut("/metrics/prometheus/port") {
        *port = json!(9090);
    }
    let mut status = whole["status"].clone();
    status
        .as_object_mut()
        .unwrap()
        .retain(|field, _| READ.contains(&field.as_str()));
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        // It is advice, and when it comes depends on how long a proposal takes.
        conditions.retain(|condition| condition["type"] != "NarrowRange");
        for condition in conditions {
            condition["lastTransitionTime"] = json!(TIME);
        }
    }
    // How much more than its budget a job has spent, and whether the page was asked in time, is a matter of moments.
    let alike = [
        ("\"[0-9.]+ GPU-hours are spent", "\"0.01 GPU-hours are spent"),
        (r"metrics page \(.*?\) nor", "metrics page nor"),
    ];
    let said = alike.iter().fold(status.to_string(), |said, (what, instead)| {
        Regex::new(what)
            .unwrap()
            .replace_all(&said, *instead)
            .into_owned()
    });
    let status: Value = serde_json::from_str(&said).unwrap();
    json!({
        "apiVersion": whole["apiVersion"], "kind": whole["kind"], "metadata": metadata, "spec": spec, "status": status,
    })
}

/// The reason for which a condition holds.
fn held(object: &Value) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|c| c["status"] == "True")?;
    found["reason"].as_str().map(str::to_owned)
}
