//! Questions to a Prometheus server, and its answers.
//!
//! Source: Prometheus' HTTP API, `/api/v1/query_range`, and its expression language. The text of a question is made here and
//! nowhere else: every value is quoted, so that no name or label can say more than it is.

use super::number;
use serde_json::Value;

/// Most bytes of an answer that are read.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The selector of one pod's series: the metric, the labels that the manifest names, and the pod.
pub fn selector<'a>(
    metric: &'a str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    namespace: &'a str,
    pod: &'a str,
) -> String {
    let own = [("__name__", metric), ("namespace", namespace), ("pod", pod)];
    let pairs = own.into_iter().chain(labels);
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

/// A string of the expression language.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // Nothing that Prometheus stores has other control characters in it.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The series of an answer as (seconds since 1970, value); nothing where there is no series yet.
///
/// # Errors
/// A sentence: the server refused, its answer is none, or more than one series fits.
pub fn series(answer: &str) -> Result<Vec<(f64, f64)>, String> {
    let answer: Value = serde_json::from_str(answer)
        .map_err(|e| format!("the Prometheus server's answer is no JSON: {e}"))?;
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("it gave no reason");
        return Err(format!("the Prometheus server refused: {why}"));
    }
    let found = answer["data"]["result"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    match found {
        [] => Ok(Vec::new()),
        [one] => {
            let values = one["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            let point = |pair: &Value| Some((pair[0].as_f64()?, number(pair[1].as_str()?)?));
            Ok(values.iter().filter_map(point).collect())
        }
        many => Err(format!(
            "{} series fit: add labels to spec.metrics.promQuery.labels that only one of them has",
            many.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_says_stays_inside_its_quotes() {
        let labels = [("split", "dev\"} or vector(1) #"), ("path", "a\\b\nc\u{7}")];
        assert_eq!(
            selector("train_f1", labels, "team", "mrpc-0001-x"),
            r#"{__name__="train_f1",namespace="team",pod="mrpc-0001-x",split="dev\"} or vector(1) #",path="a\\b\nc�"}"#
        );
    }

    #[test]
    fn one_series_is_read_and_two_are_ambiguous() {
        let one = r#"{"metric": {}, "values": [[1700000000, "0.5"], [1700000005.5, "NaN"], [1, 2]]}"#;
        let answer = |result: &str| format!(r#"{{"status": "success", "data": {{"result": [{result}]}}}}"#);
        let points = series(&answer(one)).unwrap();
        assert_eq!(points[0], (1_700_000_000.0, 0.5));
        assert!(points.len() == 2 && points[1].1.is_nan());
        assert_eq!(series(&answer("")), Ok(vec![]));
        assert!(
            series(&answer(&format!("{one},{one}")))
                .unwrap_err()
                .contains("2 series fit")
        );
    }

    #[test]
    fn a_refusal_is_said() {
        let refusal = r#"{"status": "error", "errorType": "bad_data", "error": "parse error"}"#;
        assert_eq!(
            series(refusal).unwrap_err(),
            "the Prometheus server refused: parse error"
        );
        assert!(series("<html>").unwrap_err().contains("no JSON"));
    }
}
