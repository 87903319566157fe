//! Unit tests of `trial_report`.

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
            TrialReport::parse(&format!("{{\"f1\": {dialect}, \"say\": \"a \\\"NaN\\\" here\"}}")).unwrap();
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

#[test]
fn what_is_missing_is_explained() {
    let why = |text: &str| TrialReport::parse(text).unwrap().why_not("f1");
    assert_eq!(why("\u{feff}{\"f1\": 0.25}"), None);
    assert_eq!(
        why(r#"{"f1": "0.25"}"#).unwrap(),
        r#"its f1 is "0.25", which is no number"#
    );
    assert_eq!(
        why(r#"{"f1": [0.25]}"#).unwrap(),
        "its f1 is [0.25], which is no number"
    );
    assert_eq!(why(r#"{"loss": 1, "F1": 0.5}"#).unwrap(), "it has F1, loss");
    assert_eq!(why("{}").unwrap(), "it has no number");
}

#[test]
fn a_text_is_no_metric_and_is_found_by_its_name() {
    let report = TrialReport::parse(r#"{"f1": 0.5, "device": "cuda:0 \"H100\"", "note": ["x"]}"#).unwrap();
    assert_eq!(report.text("device").as_deref(), Some("cuda:0 \"H100\""));
    assert_eq!(
        (report.text("note"), report.text("f1"), report.text("none")),
        (None, None, None)
    );
    let long = format!(r#"{{"device": "{}"}}"#, "x".repeat(100));
    assert_eq!(TrialReport::parse(&long).unwrap().text("device"), None);
}
