//! Whether the cluster serves the CRDs as this operator knows them.
//!
//! The CRDs may be installed by another tool than the operator, and so at another time. A field that the cluster does not know is dropped
//! without a word from whatever a person applies; one that the operator does not know would be ignored.

use super::crd::crds;
use crate::api;
use kube::{Client, ResourceExt};
use serde_json::Value;
use std::collections::BTreeSet;

/// Most fields that a sentence names.
const MOST_NAMED: usize = 5;

/// What is different, each as a sentence; empty if nothing is.
pub async fn differences(client: &Client) -> Result<Vec<String>, kube::Error> {
    let path = format!("/openapi/v3/apis/{}/{}", api::GROUP, api::VERSION);
    let request = axum::http::Request::get(path)
        .body(Vec::new())
        .unwrap_or_default();
    let document: Value = match client.request(request).await {
        Ok(document) => document,
        Err(kube::Error::Api(status)) if status.is_not_found() => Value::Null,
        Err(error) => return Err(error),
    };
    Ok(compare(&document))
}

fn compare(document: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for crd in crds() {
        let (kind, name) = (&crd.spec.names.kind, crd.name_any());
        let ours = serde_json::to_value(&crd.spec.versions[0].schema).unwrap_or_default();
        let ours = fields(&ours["openAPIV3Schema"]);
        let Some(served) = schema(document, kind) else {
            all.push(format!(
                "{name} is not served as {}: apply the CRDs of this version",
                api::VERSION
            ));
            continue;
        };
        let served = fields(served);
        let missing: Vec<&String> = ours.difference(&served).collect();
        let unknown: Vec<&String> = served.difference(&ours).collect();
        if !missing.is_empty() {
            all.push(format!(
                "{name} is older than this operator, it has no {}: apply the CRDs of this version",
                named(&missing)
            ));
        }
        if !unknown.is_empty() {
            all.push(format!(
                "{name} is newer than this operator, which ignores {}: upgrade the operator",
                named(&unknown)
            ));
        }
    }
    all
}

/// The schema of a kind, as the API server publishes it.
fn schema<'a>(document: &'a Value, kind: &str) -> Option<&'a Value> {
    let schemas = document.pointer("/components/schemas")?.as_object()?;
    schemas.values().find(|schema| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|k| k["kind"] == kind))
    })
}

/// The fields of a kind by their paths, without what every object has.
fn fields(schema: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for part in ["spec", "status"] {
        gather(&schema["properties"][part], part, &mut all);
    }
    all
}

fn gather(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    all.insert(path.to_owned());
    for inner in [&schema["items"], &schema["additionalProperties"]] {
        if inner.is_object() {
            gather(inner, &format!("{path}[]"), all);
        }
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        gather(inner, &format!("{path}.{name}"), all);
    }
}

fn named(fields: &[&String]) -> String {
    // A field says it for those in it.
    let is_inner = |field: &&&String| {
        fields.iter().any(|outer| {
            let rest = field.strip_prefix(outer.as_str());
            rest.is_some_and(|rest| rest.starts_with(['.', '[']))
        })
    };
    let outer: Vec<&str> = fields
        .iter()
        .filter(|field| !is_inner(field))
        .map(|field| field.as_str())
        .collect();
    let more = outer.len().saturating_sub(MOST_NAMED);
    let some = outer[..outer.len() - more].join(", ");
    match more {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What the API server publishes where the CRDs are ours.
    fn published() -> Value {
        let mut schemas = serde_json::Map::new();
        for crd in crds() {
            let kind = crd.spec.names.kind.clone();
            let mut schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
            let schema = schema["openAPIV3Schema"].as_object_mut().unwrap();
            schema.insert("x-kubernetes-group-version-kind".into(), json!([{"kind": kind}]));
            schemas.insert(format!("io.tuning-operator.v1alpha1.{kind}"), json!(schema));
        }
        json!({"components": {"schemas": schemas}})
    }

    #[test]
    fn what_is_missing_and_what_would_be_ignored_is_named() {
        assert_eq!(compare(&published()), Vec::<String>::new());
        let mut other = published();
        let spec = "/components/schemas/io.tuning-operator.v1alpha1.TuningJob/properties/spec/properties";
        let spec = other.pointer_mut(spec).unwrap().as_object_mut().unwrap();
        assert!(spec.remove("warmStart").is_some());
        spec.insert(
            "colour".into(),
            json!({"type": "object", "properties": {"hue": {}}}),
        );
        assert_eq!(
            compare(&other),
            [
                "tuningjobs.tuning-operator.io is older than this operator, it has no spec.warmStart: apply the CRDs of this version",
                "tuningjobs.tuning-operator.io is newer than this operator, which ignores spec.colour: upgrade the operator",
            ]
        );
        let none = compare(&Value::Null);
        assert_eq!(none.len(), 2);
        assert!(none[0].contains("is not served as v1alpha1"), "{none:?}");
    }
}
