//! A manifest against the schema of its types: unknown fields, missing fields, wrong types, every fault at once.

use super::fault::Fault;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Write;

/// The schema of a type, with every part inlined, as Kubernetes wants it.
pub(super) fn schema_of<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::openapi3().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// A section, if it is there and of the right shape; the schema check says what is wrong with its shape.
pub(super) fn section<T: DeserializeOwned>(spec: &Value, key: &str) -> Option<T> {
    serde_json::from_value(spec.get(key)?.clone()).ok()
}

/// Adds a fault for everything in `value` that the schema does not allow.
pub(super) fn check_against(schema: &Value, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    if value.is_null() && schema["nullable"] == Value::Bool(true) {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == Value::Bool(true) {
        if !value.is_string() && !value.is_i64() {
            faults.push(Fault::new(
                path,
                format!("expected a whole number or a text, found {}", describe(value)),
            ));
        }
        return;
    }
    if let Some(branches) = composition(schema) {
        return check_composition(branches, value, path, faults);
    }
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(map)) => check_object(schema, map, path, faults),
        (Some("array"), Value::Array(items)) => check_array(schema, items, path, faults),
        (Some("string"), Value::String(text)) => check_text(schema, text, path, faults),
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some("number"), Value::Number(_)) => check_bounds(schema, value, path, faults),
        (Some("integer"), Value::Number(n)) if is_whole(n) => check_bounds(schema, value, path, faults),
        (Some(kind), _) => {
            let expected = match kind {
                "object" => "an object",
                "array" => "a list",
                "string" => "a text",
                "boolean" => "true or false",
                "integer" => "a whole number",
                _ => "a number",
            };
            let cure = if kind == "string" {
                in_quotes(value, path)
            } else {
                ""
            };
            faults.push(Fault::new(
                path,
                format!("expected {expected}, found {}{cure}", describe(value)),
            ));
        }
    }
}

/// How a word is written that YAML takes for something else.
fn in_quotes(value: &Value, path: &str) -> &'static str {
    match value {
        Value::Number(_) if path.contains(".categorical.values[") => {
            ": put it in quotes: the bare word is a number in YAML; numbers that have an order belong in discrete"
        }
        Value::Number(_) => ": put it in quotes: the bare word is a number in YAML",
        Value::Bool(_) => {
            ": put it in quotes: the bare word is a boolean in YAML, as are yes, no, on, off, y and n"
        }
        Value::Null => ": put it in quotes: the bare word is null in YAML, as is no word at all",
        _ => "",
    }
}

/// Enumerations with documented variants become `oneOf` or `anyOf` of single values; a documented reference, `allOf`.
fn composition(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf", "allOf"]
        .iter()
        .find_map(|key| schema[key].as_array())
}

fn check_composition(branches: &[Value], value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let allowed: Vec<&str> = branches.iter().flat_map(allowed_texts).collect();
    if !allowed.is_empty() {
        return check_choice(&allowed, value, path, faults);
    }
    if let [only] = branches {
        check_against(only, value, path, faults);
    }
}

/// The words that an enumeration allows; one that may be absent stands a composition deeper.
fn allowed_texts(schema: &Value) -> Vec<&str> {
    if let Some(branches) = composition(schema) {
        return branches.iter().flat_map(allowed_texts).collect();
    }
    let listed = schema["enum"].as_array().into_iter().flatten();
    listed
        .chain(schema.get("const"))
        .filter_map(Value::as_str)
        .collect()
}

fn check_choice(allowed: &[&str], value: &Value, path: &str, faults: &mut Vec<Fault>) {
    if value.as_str().is_none_or(|text| !allowed.contains(&text)) {
        faults.push(Fault::new(
            path,
            format!(
                "found {}, expected one of: {}",
                describe(value),
                allowed.join(", ")
            ),
        ));
    }
}

fn check_object(schema: &Value, map: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true) {
        return;
    }
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let others = &schema["additionalProperties"];
    for (key, value) in map {
        let here = join(path, key);
        match properties.get(key) {
            Some(_) if value.is_null() => {}
            Some(property) => check_against(property, value, &here, faults),
            None if others.is_object() => check_against(others, value, &here, faults),
            None => faults.push(Fault::new(here, unknown_field(key, properties))),
        }
    }
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if map.get(name).is_none_or(Value::is_null) {
            let what = properties
                .get(name)
                .and_then(|p| p["description"].as_str())
                .unwrap_or_default();
            faults.push(Fault::new(
                join(path, name),
                format!("is missing: {}", first_sentence(what)),
            ));
        }
    }
}

/// Fields of Katib's Experiments, and what they are called here.
const KATIBS_NAMES: [(&str, &str); 9] = [
    ("maxTrialCount", "spec.budget.maxTrials"),
    ("parallelTrialCount", "spec.budget.parallelTrials"),
    ("maxFailedTrialCount", "spec.budget.maxFailedTrials"),
    ("objectiveMetricName", "spec.objective.metric"),
    ("algorithm", "spec.strategy"),
    ("trialTemplate", "spec.trial"),
    ("metricsCollectorSpec", "spec.metrics"),
    (
        "parameterType",
        "one of double, integer, discrete and categorical, instead of feasibleSpace",
    ),
    (
        "feasibleSpace",
        "one of double, integer, discrete and categorical, with its min and max or its values",
    ),
];

fn unknown_field(key: &str, known: &Map<String, Value>) -> String {
    let near = known
        .keys()
        .min_by_key(|k| distance(k, key))
        .filter(|k| distance(k, key) <= 1 + key.len() / 4);
    let mut message = "unknown field".to_owned();
    let katibs = KATIBS_NAMES.iter().find(|(name, _)| *name == key);
    match near {
        _ if katibs.is_some() => write!(
            message,
            ": it is Katib's name, here it is {}",
            katibs.map(|(_, ours)| *ours).unwrap_or_default()
        ),
        Some(name) => write!(message, ": did you mean {name}?"),
        None => write!(
            message,
            ": known here are {}",
            known.keys().cloned().collect::<Vec<_>>().join(", ")
        ),
    }
    .unwrap_or_default();
    message
}

fn check_array(schema: &Value, items: &[Value], path: &str, faults: &mut Vec<Fault>) {
    check_length(
        schema,
        ["minItems", "maxItems"],
        items.len(),
        "entries",
        path,
        faults,
    );
    for (i, item) in items.iter().enumerate() {
        check_against(&schema["items"], item, &format!("{path}[{i}]"), faults);
    }
}

fn check_text(schema: &Value, text: &str, path: &str, faults: &mut Vec<Fault>) {
    let allowed = allowed_texts(schema);
    if !allowed.is_empty() {
        return check_choice(&allowed, &Value::String(text.into()), path, faults);
    }
    check_length(
        schema,
        ["minLength", "maxLength"],
        text.chars().count(),
        "characters",
        path,
        faults,
    );
}

fn check_length(schema: &Value, keys: [&str; 2], n: usize, unit: &str, path: &str, faults: &mut Vec<Fault>) {
    let (min, max) = (
        schema[keys[0]].as_u64().unwrap_or(0),
        schema[keys[1]].as_u64().unwrap_or(u64::MAX),
    );
    if (n as u64) < min {
        faults.push(Fault::new(path, format!("has {n} {unit}, needs at least {min}")));
    } else if n as u64 > max {
        faults.push(Fault::new(
            path,
            format!("has {n} {unit}, at most {max} are allowed"),
        ));
    }
}

fn check_bounds(schema: &Value, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let x = value.as_f64().unwrap_or(f64::NAN);
    let unsigned = schema["format"].as_str().is_some_and(|f| f.starts_with("uint"));
    let largest = match schema["format"].as_str() {
        Some("uint32") => Some(f64::from(u32::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        _ => None,
    };
    let min = schema["minimum"].as_f64().or(unsigned.then_some(0.0));
    let max = schema["maximum"].as_f64().or(largest);
    if min.is_some_and(|min| x < min) {
        faults.push(Fault::new(
            path,
            format!("{value} is too small: at least {}", min.unwrap_or_default()),
        ));
    } else if max.is_some_and(|max| x > max) {
        faults.push(Fault::new(
            path,
            format!("{value} is too large: at most {}", max.unwrap_or_default()),
        ));
    }
}

fn is_whole(n: &serde_json::Number) -> bool {
    n.is_i64() || n.is_u64()
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) if text.chars().count() > 60 => {
            format!("the text {:?}…", text.chars().take(60).collect::<String>())
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        other => other.to_string(),
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(['.', ':', ';'])
        .next()
        .unwrap_or(text)
        .trim_end_matches(['.', ':', ';'])
}

/// Path of a member: `spec.budget`, or `limits["nvidia.com/gpu"]` where the name is not a plain word.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !key.is_empty();
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{:?}]", key.chars().take(80).collect::<String>()),
    }
}

/// Number of letters to insert, delete or replace (Levenshtein), without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
