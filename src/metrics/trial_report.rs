//! The final report of a trial: one JSON object with its metrics.
//!
//! `{"f1": 0.9178, "step": 345, "curve": [{"step": 115, "f1": 0.81}, …]}`. Python writes `NaN` and `Infinity` bare, which
//! is no JSON: they are understood all the same, as is `null` for NaN.

use super::{MAX_METRICS, MAX_NAME_BYTES, count, number};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a trial says of itself at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialReport {
    /// Every number of the report but `step`, by its name; `true` is 1 and `false` is 0. A value may be NaN.
    pub metrics: BTreeMap<String, f64>,
    /// Training steps done.
    pub step: Option<u64>,
    /// The metrics at earlier steps, by ascending step.
    pub curve: Vec<ReportPoint>,
    /// What stands under other names, in short: no numbers.
    others: BTreeMap<String, String>,
}

/// The metrics at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportPoint {
    /// Training step; the place in the curve, from 1, where the report names no step.
    pub step: u64,
    /// Every number that it has for this step, by its name.
    pub metrics: BTreeMap<String, f64>,
}

impl TrialReport {
    /// Largest report that is read.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Reads a report: the whole text, or else its last line that is an object. The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > Self::MAX_BYTES {
            return Err(format!(
                "of a report at most {} bytes are read, and it is longer: leave its curve out",
                Self::MAX_BYTES
            ));
        }
        let whole = object(text);
        let last_line = || text.lines().rev().find_map(|line| object(line).ok());
        let object = whole.or_else(|fault| last_line().ok_or(fault))?;
        let points = object
            .get("curve")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let mut curve: Vec<_> = points
            .iter()
            .zip(1..)
            .filter_map(|(v, place)| point(v, place))
            .collect();
        curve.sort_by_key(|p| p.step);
        Ok(Self {
            metrics: metrics(&object),
            step: step(&object),
            curve,
            others: others(&object),
        })
    }

    /// Why it has no value of this metric, where it has none.
    pub fn why_not(&self, metric: &str) -> Option<String> {
        if self.metrics.contains_key(metric) {
            return None;
        }
        if let Some(found) = self.others.get(metric) {
            return Some(format!("its {metric} is {found}, which is no number"));
        }
        let names: Vec<&str> = self.metrics.keys().take(5).map(String::as_str).collect();
        Some(match names.is_empty() {
            true => "it has no number".into(),
            false => format!("it has {}", names.join(", ")),
        })
    }

    /// The text under this name, if there is one, of at most 58 characters.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.others.get(name)?).ok()
    }

    /// Steps and values of one metric, by ascending step.
    pub fn curve_of(&self, metric: &str) -> Vec<(u64, f64)> {
        self.curve
            .iter()
            .filter_map(|p| Some((p.step, *p.metrics.get(metric)?)))
            .collect()
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(&quote_bare_numbers(text)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the report is not a JSON object".into()),
        Err(e) => Err(format!("the report is not JSON: {e}")),
    }
}

fn point(value: &Value, place: u64) -> Option<ReportPoint> {
    let object = value.as_object()?;
    Some(ReportPoint {
        step: step(object).unwrap_or(place),
        metrics: metrics(object),
    })
}

fn step(object: &Map<String, Value>) -> Option<u64> {
    object.get("step").and_then(as_number).and_then(count)
}

fn metrics(object: &Map<String, Value>) -> BTreeMap<String, f64> {
    let numbers = object
        .iter()
        .filter(|(name, _)| *name != "step" && name.len() <= MAX_NAME_BYTES);
    numbers
        .filter_map(|(name, v)| Some((name.clone(), as_number(v)?)))
        .take(MAX_METRICS)
        .collect()
}

/// Texts, lists and objects by their names, as long as an excerpt.
fn others(object: &Map<String, Value>) -> BTreeMap<String, String> {
    const MAX_CHARS: usize = 60;
    let rest = object.iter().filter(|(name, value)| {
        *name != "curve" && name.len() <= MAX_NAME_BYTES && as_number(value).is_none()
    });
    let short = |value: &Value| value.to_string().chars().take(MAX_CHARS).collect();
    rest.map(|(name, value)| (name.clone(), short(value)))
        .take(MAX_METRICS)
        .collect()
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(x) => x.as_f64(),
        Value::Bool(x) => Some(f64::from(u8::from(*x))),
        Value::Null => Some(f64::NAN),
        // Only the numbers that JSON cannot write: "12" is a word.
        Value::String(x) => number(x).filter(|v| !v.is_finite()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Puts quotes around `NaN`, `Infinity` and `-Infinity` outside of strings.
pub(crate) fn quote_bare_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|w| !in_string && rest.starts_with(w));
        if let Some(word) = word {
            out.extend(["\"", word, "\""]);
            rest = &rest[word.len()..];
            continue;
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
#[path = "trial_report_tests.rs"]
mod tests;
