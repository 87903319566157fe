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
        if text.len() > Self::MAX_BYTES {
            return Err(format!(
                "the report has {} bytes, at most {} are read",
                text.len(),
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
        })
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
fn quote_bare_numbers(text: &str) -> String {
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_trial_contract() {
        let report = TrialReport::parse(
            r#"{"f1": 0.9178, "step": 345, "task": "mrpc", "collapsed": false, "device": {"id": 0},
                "curve": [{"step": 230, "f1": 0.9}, {"step": 115, "f1": 0.81, "loss": 0.4}, 7]}"#,
        );
        let report = report.unwrap();
        assert_eq!(
            report.metrics,
            BTreeMap::from([("collapsed".into(), 0.0), ("f1".into(), 0.9178)])
        );
        assert_eq!(report.step, Some(345));
        assert_eq!(report.curve_of("f1"), [(115, 0.81), (230, 0.9)]);
        assert_eq!(report.curve_of("loss"), [(115, 0.4)]);
    }

    #[test]
    fn what_is_no_number_is_nan_in_every_dialect() {
        for dialect in ["NaN", "null", "\"NaN\"", "\"nan\""] {
            let report =
                TrialReport::parse(&format!("{{\"f1\": {dialect}, \"say\": \"a \\\"NaN\\\" here\"}}"))
                    .unwrap();
            assert!(report.metrics["f1"].is_nan(), "{dialect}");
            assert_eq!(report.metrics.len(), 1);
        }
        let report = TrialReport::parse(r#"{"a": -Infinity, "b": Infinity, "c": "12"}"#).unwrap();
        assert_eq!(report.metrics["a"], f64::NEG_INFINITY);
        assert_eq!(report.metrics["b"], f64::INFINITY);
        assert_eq!(report.metrics.get("c"), None);
    }

    #[test]
    fn chatter_before_the_report_does_no_harm() {
        let report = TrialReport::parse("saving model\n{\"f1\": 0.5}\n{\"f1\": 0.75}\n\n").unwrap();
        assert_eq!(report.metrics["f1"], 0.75);
    }

    #[test]
    fn curve_points_without_step_are_numbered() {
        let report = TrialReport::parse(r#"{"curve": [{"f1": 0.5}, {"f1": 0.6}]}"#).unwrap();
        assert_eq!(report.curve_of("f1"), [(1, 0.5), (2, 0.6)]);
    }

    #[test]
    fn what_is_no_report_says_why() {
        assert_eq!(
            TrialReport::parse("[1]").unwrap_err(),
            "the report is not a JSON object"
        );
        assert!(
            TrialReport::parse("Traceback")
                .unwrap_err()
                .starts_with("the report is not JSON: ")
        );
        assert!(
            TrialReport::parse(&" ".repeat(TrialReport::MAX_BYTES + 1))
                .unwrap_err()
                .contains("at most 65536")
        );
        assert!(TrialReport::parse(&"[".repeat(TrialReport::MAX_BYTES)).is_err());
    }

    proptest! {
        #[test]
        fn quoting_changes_no_valid_json(
            text in "([ \\[\\]{},:a-z0-9]|\"([^\"\\\\]|\\\\[\"\\\\n]|NaN)*\"){0,20}"
        ) {
            prop_assert_eq!(quote_bare_numbers(&text), text);
        }

        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,60}") {
            let _ = TrialReport::parse(&text);
        }
    }
}
