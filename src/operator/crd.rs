//! The CRDs: the schemas of the API's types, with what types can't say.

use super::crd_rules::{RULES, Rule, TRIAL_RULES, unchanging};
use crate::api::{Trial, TuningJob};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, SelectableField,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

type Column = (&'static str, &'static str, &'static str, i32);

const COLUMNS: &[Column] = &[
    ("Phase", "string", ".status.phase", 0),
    ("Trials", "string", ".status.progress", 0),
    ("Running", "integer", ".status.trials.running", 0),
    ("Failed", "integer", ".status.trials.failed", 1),
    ("Waiting-For", "string", ".status.waitingFor", 0),
    ("Best", "string", ".status.best.valueText", 0),
    ("Best-Point", "string", ".status.best.point", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", ".status.message", 1),
];

/// By what `kubectl get --field-selector` finds them.
const SELECTABLE: &[&str] = &[".status.phase"];
const TRIAL_SELECTABLE: &[&str] = &[".spec.job", ".status.phase"];

const TRIAL_COLUMNS: &[Column] = &[
    ("Job", "string", ".spec.job", 0),
    ("Phase", "string", ".status.phase", 0),
    ("Value", "string", ".status.valueText", 0),
    ("Point", "string", ".status.point", 0),
    ("Step", "integer", ".status.step", 0),
    ("Attempts", "integer", ".status.attempts", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", ".status.message", 1),
];

/// Both CRDs, as `crds/` and the chart have them.
pub fn crds() -> [CustomResourceDefinition; 2] {
    let unchanging = unchanging();
    let unchanging = unchanging
        .iter()
        .map(|(rule, message)| ("spec/trial", rule.as_str(), message.as_str()));
    let rules: Vec<Rule<'_>> = RULES.iter().copied().chain(unchanging).collect();
    [
        finish(TuningJob::crd(), COLUMNS, SELECTABLE, &rules),
        finish(Trial::crd(), TRIAL_COLUMNS, TRIAL_SELECTABLE, TRIAL_RULES),
    ]
}

fn finish(
    crd: CustomResourceDefinition,
    columns: &[Column],
    selectable: &[&str],
    rules: &[Rule<'_>],
) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(&crd).unwrap_or_default();
    if let Some(schema) = value.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        for rule in rules {
            add_rule(schema, rule);
        }
        if let Some(parameters) = schema
            .pointer_mut("/properties/spec/properties/parameters")
            .filter(|p| p["type"] == "array")
        {
            parameters["x-kubernetes-list-type"] = json!("map");
            parameters["x-kubernetes-list-map-keys"] = json!(["name"]);
        }
        tidy(schema);
        // Who has no status yet is on its way, not done: as Flux's own kinds say it.
        schema["properties"]["status"]["default"] = json!({"observedGeneration": -1});
    }
    let mut crd: CustomResourceDefinition = serde_json::from_value(value).unwrap_or(crd);
    let column = |(name, type_, path, priority): &Column| CustomResourceColumnDefinition {
        name: (*name).into(),
        type_: (*type_).into(),
        json_path: (*path).into(),
        priority: (*priority > 0).then_some(*priority),
        ..CustomResourceColumnDefinition::default()
    };
    if let Some(version) = crd.spec.versions.first_mut() {
        version.additional_printer_columns = Some(columns.iter().map(column).collect());
        let field = |path: &&str| SelectableField {
            json_path: (*path).to_owned(),
        };
        version.selectable_fields = Some(selectable.iter().map(field).collect());
    }
    crd
}

fn add_rule(schema: &mut Value, (path, rule, message): &Rule<'_>) {
    let mut at = schema;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        at = &mut at["properties"][part.trim_end_matches("[]")];
        if part.ends_with("[]") {
            at = &mut at["items"];
        }
    }
    debug_assert!(at.is_object(), "{path}");
    let rule = json!({"rule": rule, "message": message});
    match at["x-kubernetes-validations"].as_array_mut() {
        Some(rules) => rules.push(rule),
        None => at["x-kubernetes-validations"] = json!([rule]),
    }
}

/// Formats that Kubernetes does not know, and bounds for texts and lists without any, which CEL's budget needs.
fn tidy(schema: &mut Value) {
    if let Some(map) = schema.as_object_mut() {
        if map
            .get("format")
            .is_some_and(|f| f.as_str().is_some_and(|f| f.starts_with("uint")))
        {
            map.remove("format");
        }
        // A default written into the spec by the server is one that Git does not have.
        if map
            .get("default")
            .is_some_and(|d| !d.is_object() || d.get("type").is_none())
        {
            map.remove("default");
        }
        let kind = map
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if kind == "string"
            && !map.contains_key("maxLength")
            && !map.contains_key("enum")
            && !map.contains_key("format")
        {
            map.insert("maxLength".into(), json!(4096));
        }
        if kind == "array" && !map.contains_key("maxItems") {
            map.insert("maxItems".into(), json!(100));
        }
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(tidy),
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
