//! The table of a TuningJob's fields, tests/data/fields.yaml: what each one does, and where that can be seen.

use serde::Deserialize;
use serde_json::{Value, json};

/// A field, a value for it, and what becomes of that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub leaf: String,
    #[serde(default)]
    base: Option<Base>,
    #[serde(default)]
    set: Option<Value>,
    core: Option<String>,
    job: Option<String>,
    is: Option<Value>,
    says: Option<String>,
    refused: Option<String>,
    test: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Base {
    Bert,
    Sagemaker,
    Hyperband,
    Asha,
}

/// Where a field's effect is seen.
pub enum Seen<'a> {
    /// In what the core decides on.
    Core(&'a str),
    /// In the trial's Job.
    Job(&'a str, &'a Value),
    /// Somewhere in the Job's spec.
    Says(&'a str),
    /// In the API server's refusal.
    Refused(&'a str),
    /// In a test of its own.
    Elsewhere,
}

/// Every row.
pub fn rows() -> Vec<Row> {
    serde_saphyr::from_str(include_str!("../data/fields.yaml")).unwrap()
}

impl Row {
    pub fn seen(&self) -> Seen<'_> {
        match self {
            Self { core: Some(text), .. } => Seen::Core(text),
            Self {
                job: Some(pointer),
                is: Some(value),
                ..
            } => Seen::Job(pointer, value),
            Self { says: Some(text), .. } => Seen::Says(text),
            Self {
                refused: Some(text), ..
            } => Seen::Refused(text),
            Self { test: Some(_), .. } => Seen::Elsewhere,
            _ => panic!("{}: where is it seen?", self.leaf),
        }
    }

    /// The job without the field.
    pub fn base(&self) -> Value {
        let mut manifest = super::manifest("job", 1, 1);
        let spec = &mut manifest["spec"];
        merge(
            spec,
            &json!({"strategy": {"bayesian": null, "random": {"seed": 7}}}),
        );
        let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]);
        match self.base {
            None => {}
            Some(Base::Bert) => {
                let bert = json!({"task": "mrpc", "model": "/m", "data": "/d"});
                merge(spec, &json!({"trial": {"container": null, "bert": bert}}));
            }
            Some(Base::Sagemaker) => {
                let channel =
                    json!({"name": "train", "volume": "v", "subPath": "sub/path", "contentType": "text/csv"});
                let sagemaker = json!({"image": "example.org/sm", "channels": [channel]});
                merge(
                    spec,
                    &json!({"trial": {"container": null, "sagemaker": sagemaker, "volumes": volumes}}),
                );
            }
            Some(Base::Hyperband) => merge(spec, &rationed("hyperband")),
            Some(Base::Asha) => merge(spec, &rationed("asha")),
        }
        manifest
    }

    /// The job with it.
    pub fn manifest(&self, name: &str) -> Value {
        let mut manifest = self.base();
        manifest["metadata"]["name"] = json!(name);
        if let Some(change) = &self.set {
            merge(&mut manifest["spec"], change);
        }
        manifest
    }
}

/// What makes a job one of a strategy that says what each trial may spend.
fn rationed(strategy: &str) -> Value {
    let spec = json!({"resource": "epochs", "minResource": 1, "maxResource": 27, "eta": 3});
    json!({"strategy": {"random": null, strategy: spec}, "budget": {"maxTrials": 500}})
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// Paths of everything in a schema that has no parts.
pub fn leaves(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, String::new(), &mut found);
    found
}

fn walk(schema: &Value, path: String, found: &mut Vec<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, part) in properties {
            let dot = if path.is_empty() { "" } else { "." };
            walk(part, format!("{path}{dot}{name}"), found);
        }
    } else if schema["items"].is_object() {
        walk(&schema["items"], path + "[]", found);
    } else if schema["additionalProperties"].is_object() {
        walk(&schema["additionalProperties"], path + ".*", found);
    } else {
        found.push(path);
    }
}
