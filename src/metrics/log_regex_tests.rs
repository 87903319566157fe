//! Unit tests of `log_regex`.

use super::*;
use proptest::prelude::*;

fn metrics(definitions: &[(&str, &str)]) -> LogMetrics {
    LogMetrics::new(definitions.iter().copied()).unwrap()
}

fn fault(regex: &str) -> String {
    LogMetrics::new([("f1", regex)]).unwrap_err().remove(0).1
}

/// The numbers of a line; of what is no number why.
fn values(log: &LogMetrics, line: &str) -> Vec<(String, Result<f64, String>)> {
    let value = |found: LogValue| (found.name, found.value.map_err(|why| why.sentence().to_owned()));
    log.feed(line).into_iter().map(value).collect()
}

fn f1(values: &[f64]) -> Vec<(String, Result<f64, String>)> {
    values.iter().map(|value| ("f1".to_owned(), Ok(*value))).collect()
}

#[test]
fn every_match_is_a_point() {
    let log = metrics(&[("f1", r"f1[=:]\s*(\S+)"), ("loss", r"loss=([0-9.e+-]+)")]);
    assert_eq!(values(&log, "epoch 1"), []);
    let mut expected = f1(&[0.87]);
    expected.push(("loss".to_owned(), Ok(1e-3)));
    assert_eq!(values(&log, "step 115 loss=1e-3 f1=0.87"), expected);
    assert_eq!(values(&log, "f1=0.5 f1: 0.6"), f1(&[0.5, 0.6]));
    assert_eq!(values(&log, "f1=0.4784."), f1(&[0.4784]), "it ends a sentence");
    assert!(values(&log, "f1=nan")[0].1.as_ref().unwrap().is_nan());
    assert_eq!(values(&log, "f1=-inf"), f1(&[f64::NEG_INFINITY]));
}

#[test]
fn a_name_may_have_several_definitions() {
    let log = metrics(&[("f1", "eval_f1 (.*)$"), ("f1", "final f1 is (.*)$")]);
    assert_eq!(values(&log, "final f1 is 0.91"), f1(&[0.91]));
}

#[test]
fn a_part_of_a_number_is_no_number() {
    let narrow = "f1=([0-9.]+)";
    for (regex, line, part) in [
        (
            narrow,
            "f1=4.8e-05",
            "captures only \"4.8\": let its group take the whole number",
        ),
        (narrow, "f1=5E3", "only \"5\""),
        (narrow, "f1=0,4784", "without commas"),
        (narrow, "f1=1,234.5", "without commas"),
        (narrow, "f1=1_000", "only \"1\""),
        (
            "f1=([0-9]+)",
            "f1=0.5",
            "of \"f1=0.5\" the expression captures only \"0\"",
        ),
        ("f1=([0-9.]{3})", "f1=0.4784", "only \"0.4\""),
        ("f1=-?([0-9.]+)", "f1=-0.4", "only \"0.4\""),
        (r"f1=0\.([0-9]+)", "f1=0.87", "only \"87\""),
    ] {
        let found = metrics(&[("f1", regex)]).feed(line);
        let Err(Unread::Part(sentence)) = &found[0].value else {
            panic!("{line}: {found:?}");
        };
        assert!(sentence.contains(part), "{sentence}");
    }
    for line in [
        "f1=0.5, loss=1",
        "f1=0.5,0.6",
        "f1=0.5e",
        "f1=3, 4",
        "f1=0.5-0.6",
        "f1=0.5-rc1",
    ] {
        let found = metrics(&[("f1", narrow)]).feed(line);
        assert!(found[0].value.is_ok(), "{line}: {found:?}");
    }
}

#[test]
fn what_is_no_number_is_said_with_its_place_and_in_short() {
    let log = metrics(&[("f1", r"f1: (.*)$")]);
    for text in ["26.57%", "", "pending", &"x".repeat(100_000)] {
        let found = log.feed(&format!("epoch 3, f1: {text}"));
        let Err(Unread::NoNumber(sentence)) = &found[0].value else {
            panic!("{found:?}");
        };
        assert!(
            sentence.contains("f1: ") && sentence.contains("no number"),
            "{sentence}"
        );
        assert!(sentence.len() < 400, "{} bytes", sentence.len());
    }
}

proptest! {
    #[test]
    fn the_advised_expression_reads_every_number_that_programs_print(
        value in any::<f64>(), form in 0..4_usize, before in "[ ,;({]{0,2}", after in "([ ;)}%][^\\p{C}]{0,5}|, [a-z]{0,3})?",
    ) {
        let text = match form {
            0 => format!("{value}"),
            1 => format!("{value:e}"),
            2 => format!("{value:?}"),
            _ => format!("{value:+.3}"),
        };
        let expected: f64 = text.parse().unwrap();
        let log = metrics(&[("f1", r"f1=([-+.\w]+)")]);
        let found = log.feed(&format!("{before}f1={text}{after}"));
        let read = found[0].value.clone().unwrap();
        prop_assert!(read == expected || read.is_nan() && expected.is_nan(), "{} {}", text, read);
    }

    #[test]
    fn no_line_breaks_the_reading(line in "\\PC{0,40}", digits in "[0-9.,eE+_-]{0,12}") {
        for regex in ["([0-9.]+)", r"(\S*)", "f1=?(.?)"] {
            let _ = metrics(&[("f1", regex)]).feed(&format!("{line}f1={digits}{line}"));
        }
    }
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
