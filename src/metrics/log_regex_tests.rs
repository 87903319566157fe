//! Unit tests of `log_regex`.

use super::*;

fn metrics(definitions: &[(&str, &str)]) -> LogMetrics {
    LogMetrics::new(definitions.iter().copied()).unwrap()
}

fn fault(regex: &str) -> String {
    LogMetrics::new([("f1", regex)]).unwrap_err().remove(0).1
}

#[test]
fn every_match_is_a_point() {
    let log = metrics(&[("f1", r"f1[=:]\s*(\S+)"), ("loss", r"loss=([0-9.e+-]+)")]);
    assert_eq!(log.feed("epoch 1"), []);
    let pairs = |values: &[(&str, f64)]| {
        values
            .iter()
            .map(|(n, v)| ((*n).to_owned(), *v))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        log.feed("step 115 loss=1e-3 f1=0.87"),
        pairs(&[("f1", 0.87), ("loss", 1e-3)])
    );
    assert_eq!(log.feed("f1=0.5 f1: 0.6"), pairs(&[("f1", 0.5), ("f1", 0.6)]));
    assert_eq!(log.feed("f1=87%"), []);
    assert_eq!(log.feed("f1=0,87"), []);
    assert!(log.feed("f1=nan")[0].1.is_nan());
    assert_eq!(log.feed("f1=-inf")[0].1, f64::NEG_INFINITY);
}

#[test]
fn a_name_may_have_several_definitions() {
    let log = metrics(&[("f1", "eval_f1 (.*)$"), ("f1", "final f1 is (.*)$")]);
    assert_eq!(log.feed("final f1 is 0.91"), [("f1".to_owned(), 0.91)]);
}

#[test]
fn faults_name_their_cure() {
    assert!(fault("f1=[0-9.]+").contains("put the number in parentheses"));
    assert!(fault("(f1|F1)=([0-9.]+)").contains("write (?:…)"));
    assert_eq!(
        fault("f1=([0-9.]+"),
        "the expression cannot be read: unclosed group"
    );
    assert!(fault("(?=f1)([0-9.]+)").contains("look-around"));
    assert!(fault(r"((?:\w{100}){100}){100}").contains("smaller repetition counts"));
}

#[test]
fn every_fault_is_said_at_once() {
    let faults = LogMetrics::new(["(a", "(a)", "a"].map(|r| ("f1", r))).unwrap_err();
    assert_eq!(faults.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn what_the_same_manifest_gives_is_equal() {
    let one = metrics(&[("f1", "f1=(.*)")]);
    assert_eq!(one, metrics(&[("f1", "f1=(.*)")]));
    assert_ne!(one, metrics(&[("f1", "F1=(.*)")]));
}
