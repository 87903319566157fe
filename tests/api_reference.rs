//! docs/api.md is what the types say: `BLESS=1 cargo test --no-default-features --features operator --test api_reference` writes it.
#![cfg(feature = "operator")]

use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use tuning_operator::api::{CHANGES, Change};
use tuning_operator::operator::crds;

#[test]
fn the_reference_is_what_the_types_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
    let text = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "{path} is not what the types say: bless it");
}

#[test]
fn a_field_is_one_row_with_its_bounds_and_an_object_a_table_of_its_own() {
    let schema = serde_json::json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "array", "maxItems": 3, "description": "Some | of\nthem.", "items": {"type": "object",
            "properties": {"b": {"type": "integer", "minimum": 1.0, "maximum": 9.0}}}},
        "c": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
    }, "x-kubernetes-validations": [{"rule": "x", "message": "give b"}]});
    let mut page = Page::default();
    page.section("spec", &schema);
    let expected = "
### spec

| field | type | meaning |
|---|---|---|
| `a` (required) | list of [objects](#speca), at most 3 | Some \\| of them. |
| `c` | map of texts, at most 2 | |

- give b

### spec.a[]

| field | type | meaning |
|---|---|---|
| `b` | whole number, 1 to 9 | |
";
    assert_eq!(page.text, expected);
}

fn page() -> String {
    let mut page = Page::default();
    page.text += "# The API, field by field\n\nMade from the types, as the CRDs in `crds/` are. `kubectl explain tuningjob.spec.trial` says \
                  the same of a cluster's own version. The lines under a table are what else has to hold; `kubectl apply` refuses all else.\n";
    for crd in crds() {
        let version = &crd.spec.versions[0];
        let kind = &crd.spec.names.kind;
        writeln!(page.text, "\n## {kind}\n").unwrap();
        let root = kind.to_lowercase();
        let columns = version.additional_printer_columns.iter().flatten();
        let columns: Vec<String> = columns.map(|c| format!("`{}`", c.name)).collect();
        let short = crd.spec.names.short_names.iter().flatten();
        let short: Vec<String> = short.map(|name| format!("`kubectl get {name}`")).collect();
        let selectable = version.selectable_fields.iter().flatten();
        let selectable: Vec<String> = selectable
            .map(|f| format!("`{}`", f.json_path.trim_start_matches('.')))
            .collect();
        let apiversion = format!("{}/{}", crd.spec.group, version.name);
        writeln!(
            page.text,
            "`apiVersion: {apiversion}`, `kind: {kind}`. Columns of {}: {}. `--field-selector` takes {}.",
            short.join(", "),
            columns.join(", "),
            selectable.join(", ")
        )
        .unwrap();
        let schema = version
            .schema
            .as_ref()
            .unwrap()
            .open_api_v3_schema
            .as_ref()
            .unwrap();
        let schema = serde_json::to_value(schema).unwrap();
        page.rules(&schema);
        for part in ["spec", "status"] {
            page.section(&format!("{root}.{part}"), &schema["properties"][part]);
        }
        if kind == "TuningJob" {
            page.changes();
        }
    }
    page.text
}

/// The page as far as it is written, and where each object of it is explained.
#[derive(Default)]
struct Page {
    text: String,
    explained: HashMap<String, String>,
}

impl Page {
    /// The table of an object, and then those of its parts.
    fn section(&mut self, path: &str, schema: &Value) {
        writeln!(
            self.text,
            "\n### {path}\n\n| field | type | meaning |\n|---|---|---|"
        )
        .unwrap();
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut parts = Vec::new();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let place = format!("{path}.{name}");
            let (type_, part) = self.type_of(&place, field);
            let mark = if required.contains(&name.as_str()) {
                " (required)"
            } else {
                ""
            };
            let meaning = field["description"].as_str().unwrap_or_default();
            let meaning = meaning
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace('|', "\\|");
            let meaning = if meaning.is_empty() {
                meaning
            } else {
                meaning + " "
            };
            writeln!(self.text, "| `{name}`{mark} | {type_} | {meaning}|").unwrap();
            parts.extend(part);
        }
        self.rules(schema);
        for (place, schema) in parts {
            self.section(&place, schema);
        }
    }

    /// What else has to hold.
    fn rules(&mut self, schema: &Value) {
        let rules = schema["x-kubernetes-validations"].as_array();
        let rules = rules.into_iter().flatten().filter_map(|r| r["message"].as_str());
        // What may change has a table of its own.
        let of_changes = |m: &&str| m.contains(" can't change once ") || m.ends_with("may grow, not shrink");
        let rules = rules.filter(|message| !of_changes(message));
        for (i, message) in rules.enumerate() {
            let space = if i == 0 { "\n" } else { "" };
            writeln!(self.text, "{space}- {message}").unwrap();
        }
    }

    /// A field's type in words, and the object in it that is not explained yet.
    fn type_of<'a>(&mut self, place: &str, field: &'a Value) -> (String, Option<(String, &'a Value)>) {
        let bounds = bounds(field);
        let (before, inner, place) = match field["type"].as_str() {
            Some("array") => ("list of ", &field["items"], format!("{place}[]")),
            Some("object") if field["additionalProperties"].is_object() => {
                ("map of ", &field["additionalProperties"], format!("{place}.*"))
            }
            _ => ("", field, place.to_owned()),
        };
        let many = !before.is_empty();
        if let Some(words) = inner["enum"].as_array() {
            let words = words.iter().filter_map(Value::as_str).map(|w| format!("`{w}`"));
            return (
                format!("{before}{}{bounds}", words.collect::<Vec<_>>().join(", ")),
                None,
            );
        }
        if !inner["properties"].is_object() {
            return (format!("{before}{}{bounds}", plain(inner, many)), None);
        }
        let known = self.explained.get(&parts_of(inner)).cloned();
        let target = known.clone().unwrap_or_else(|| place.clone());
        let word = if many { "objects" } else { "object" };
        let type_ = format!("{before}[{word}](#{}){bounds}", anchor(&target));
        if known.is_some() {
            return (type_, None);
        }
        self.explained.insert(parts_of(inner), place.clone());
        (type_, Some((place, inner)))
    }

    /// Which fields may change while a job runs.
    fn changes(&mut self) {
        self.text += "\n### What may change in a TuningJob that has begun\n\nWhat is not the question that its trials answer. It holds for \
                      the trials that start from then on; a trial that waits with what it was started with gets it once \
                      `spec.suspend` was true for a moment.\n\n| field | may |\n|---|---|\n";
        for (path, change) in CHANGES {
            let may = match change {
                Change::Free => "change",
                Change::Grows => "grow",
                Change::Never => continue,
            };
            writeln!(self.text, "| `{path}` | {may} |").unwrap();
        }
    }
}

/// What an object is, whatever it is there for.
fn parts_of(schema: &Value) -> String {
    let mut parts = schema.clone();
    parts["description"] = Value::Null;
    parts.to_string()
}

/// The heading's address in the page, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_');
    kept.collect::<String>().to_lowercase()
}

fn plain(schema: &Value, many: bool) -> &'static str {
    let words = match schema["type"].as_str() {
        _ if schema["x-kubernetes-int-or-string"] == true => ["quantity", "quantities"],
        Some("string") if schema["format"] == "date-time" => ["time", "times"],
        Some("string") => ["text", "texts"],
        Some("integer") => ["whole number", "whole numbers"],
        Some("number") => ["number", "numbers"],
        Some("boolean") => ["true or false", "true or false"],
        Some("object") => ["object, as Kubernetes has it", "objects"],
        Some("array") => ["list", "lists"],
        _ => ["number or text", "numbers or texts"],
    };
    words[usize::from(many)]
}

fn bounds(schema: &Value) -> String {
    let number = |key: &str| schema[key].as_f64();
    let (min, max) = (number("minimum"), number("maximum"));
    let most = ["maxLength", "maxItems", "maxProperties"]
        .iter()
        .find_map(|key| number(key));
    match (min, max, most) {
        (Some(min), Some(max), _) => format!(", {min} to {max}"),
        (Some(min), None, _) => format!(", at least {min}"),
        (None, Some(max), _) => format!(", at most {max}"),
        (_, _, Some(most)) => format!(", at most {most}"),
        _ => String::new(),
    }
}
