//! Each task by a small file in its published form.

use super::super::glue_file::{Fault, Row};
use super::*;
use proptest::prelude::*;

fn task(name: &str) -> &'static Glue {
    GLUE.iter().find(|task| task.name == name).unwrap()
}

fn rows(name: &str, text: &str) -> std::result::Result<Vec<Row>, Fault> {
    task(name).form.parse(text.as_bytes()).map(|(rows, _)| rows)
}

const MRPC: &str = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";

#[test]
fn every_task_reads_the_files_that_glue_publishes() {
    // The label and both sentences of the last line.
    let cases = [
        ("mrpc", format!("\u{feff}{MRPC}1\t1\t2\tHe said \"no.\tShe said \"no\" too.\r\n"), Label::Class(1), "He said \"no.", Some("She said \"no\" too.")),
        ("cola", "gj04\t1\t\tThe sailors rode the breeze.\ngj04\t0\t*\tIt that is.\n".into(), Label::Class(0), "It that is.", None),
        ("sst2", "sentence\tlabel\na joyous film \t1\n".into(), Label::Class(1), "a joyous film ", None),
        ("stsb", "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n0\tm\tM\t2012\t1\tn\tn\tA plane.\tAn air plane.\t3.800\n".into(), Label::Score(3.8), "A plane.", Some("An air plane.")),
        ("qqp", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tbroken\n1\t3\t4\tWhy?\tHow?\t0\n".into(), Label::Class(0), "Why?", Some("How?")),
        ("mnli", "index\tpromptID\tpairID\tgenre\ts1bp\ts2bp\ts1p\ts2p\tsentence1\tsentence2\tlabel1\tgold_label\n0\t1\t1n\tfiction\t(\t(\t(\t(\tIt rains.\tIt is dry.\tneutral\tcontradiction\n".into(), Label::Class(2), "It rains.", Some("It is dry.")),
        ("qnli", "index\tquestion\tsentence\tlabel\n0\tWho?\tShe did.\tentailment\n".into(), Label::Class(0), "Who?", Some("She did.")),
        ("rte", "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tnot_entailment\n".into(), Label::Class(1), "A.", Some("B.")),
        ("wnli", "index\tsentence1\tsentence2\tlabel\n0\tHe fell.\tBob fell.\t1\n".into(), Label::Class(1), "He fell.", Some("Bob fell.")),
    ];
    assert_eq!(cases.len(), GLUE.len());
    for (name, text, label, first, second) in cases {
        let last = rows(name, &text).unwrap().pop().unwrap();
        assert_eq!(
            (last.first.as_str(), last.second.as_deref(), last.label),
            (first, second, label),
            "{name}"
        );
    }
}

/// Task, text, and the line and a part of the sentence that name what is wrong.
type BadFile = (&'static str, String, Option<usize>, &'static str);

fn bad_files() -> [BadFile; 12] {
    let sst2 = "sentence\tlabel\n";
    [
        (
            "mrpc",
            format!("{MRPC}1\t1\t2\ta\tb\n1\t1\t2\ta\n"),
            Some(3),
            "4 columns where 5 belong",
        ),
        (
            "mrpc",
            format!("{MRPC}yes\t1\t2\ta\tb\n"),
            Some(2),
            "\"yes\", and only 0 and 1 are labels",
        ),
        (
            "mrpc",
            "Quality\t#1 ID\n".into(),
            Some(1),
            "must name the columns #1 String, #2 String, Quality",
        ),
        (
            "sst2",
            format!("{sst2}{}\t{}\n", "x".repeat(1_000_000), "y".repeat(1_000_000)),
            Some(2),
            "and so on",
        ),
        (
            "sst2",
            format!("{}\n", "header".repeat(100_000)),
            Some(1),
            "and so on",
        ),
        ("cola", "a\t2\t\tb\n".into(), Some(1), "\"2\", and only 0 and 1"),
        (
            "stsb",
            "sentence1\tsentence2\tscore\na\tb\t5.1\n".into(),
            Some(2),
            "from 0 to 5",
        ),
        (
            "stsb",
            "sentence1\tsentence2\tscore\na\tb\tNaN\n".into(),
            Some(2),
            "from 0 to 5",
        ),
        (
            "mnli",
            "sentence1\tsentence2\tgold_label\na\tb\t-\n".into(),
            Some(2),
            "entailment and neutral and contradiction",
        ),
        ("sst2", sst2.into(), None, "no examples"),
        ("sst2", String::new(), None, "no examples"),
        (
            "qqp",
            "question1\tquestion2\tis_duplicate\na\tb\n".into(),
            None,
            "no examples",
        ),
    ]
}

#[test]
fn a_bad_line_is_named_by_its_number_and_told_in_short() {
    for (name, text, line, part) in bad_files() {
        let fault = rows(name, &text).unwrap_err();
        assert_eq!(fault.line, line, "{name}: {}", fault.sentence);
        assert!(fault.sentence.contains(part), "{name}: {}", fault.sentence);
        assert!(fault.sentence.len() < 600, "{} bytes", fault.sentence.len());
    }
    let latin = task("cola").form.parse(b"a\t1\t\t\xe9\n").unwrap_err();
    assert!(latin.sentence.contains("UTF-8"));
}

proptest! {
    #[test]
    fn whatever_a_file_holds_its_reading_ends_in_rows_or_in_a_short_sentence(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'0'), any::<u8>()], 0..300),
        name in proptest::sample::select(GLUE.iter().map(|t| t.name).collect::<Vec<_>>()),
    ) {
        match task(name).form.parse(&bytes) {
            Ok((rows, _)) => prop_assert!(!rows.is_empty()),
            Err(fault) => prop_assert!(fault.sentence.len() < 1000),
        }
    }
}

#[test]
fn each_task_measures_what_glue_does_and_says_what_the_majority_is_worth() {
    let judged = |name: &str, answers: &[f64], labels: &[f64]| {
        let judgement = task(name).judge(answers, labels);
        let names: Vec<&str> = judgement.metrics.iter().map(|(name, _)| *name).collect();
        (names, judgement.metrics[0].1, judgement.collapsed)
    };
    let (answers, labels) = ([1.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]);
    for name in ["mrpc", "qqp"] {
        assert_eq!(
            judged(name, &answers, &labels),
            (vec!["f1", "accuracy", "majority_f1"], 4.0 / 6.0, false)
        );
    }
    for name in ["sst2", "mnli", "qnli", "rte", "wnli"] {
        assert_eq!(
            judged(name, &answers, &labels),
            (vec!["accuracy", "majority_accuracy"], 0.6, false)
        );
    }
    assert_eq!(judged("cola", &answers, &labels).0, ["matthews", "accuracy"]);
    let scores = judged("stsb", &[1.0, 2.0, 4.0], &[0.0, 1.0, 3.0]);
    assert_eq!((scores.0, scores.2), (vec!["pearson", "spearman"], false));
    assert!((scores.1 - 1.0).abs() < 1e-12);
}

#[test]
fn one_answer_to_unlike_examples_is_a_collapse() {
    let mrpc: Vec<f64> = (0..408).map(|i| f64::from(u8::from(i < 279))).collect();
    let judgement = task("mrpc").judge(&[1.0; 408], &mrpc);
    let named = |name: &str| judgement.metrics.iter().find(|m| m.0 == name).unwrap().1;
    assert!(judgement.collapsed);
    assert_eq!(named("f1"), named("majority_f1"));
    // Known to four decimals.
    assert!((named("f1") - 0.8122).abs() < 5e-5 && (named("accuracy") - 0.6838).abs() < 5e-5);
    assert_eq!(
        task("mrpc").judge(&[0.0; 3], &[0.0, 1.0, 0.0]).metrics[2],
        ("majority_f1", 0.0)
    );
    assert!(
        task("stsb")
            .judge(&[2.5, 2.500_1, 2.5], &[0.0, 5.0, 2.0])
            .collapsed
    );
    assert!(!task("stsb").judge(&[2.5, 2.6, 2.5], &[0.0, 5.0, 2.0]).collapsed);
    for name in ["mrpc", "stsb"] {
        assert!(
            !task(name).judge(&[1.0, 1.0], &[1.0, 1.0]).collapsed,
            "labels of one kind"
        );
    }
}

#[test]
fn classes_are_learned_by_cross_entropy_and_scores_by_squares() {
    let outputs = Tensor::from_slice(&[0.0_f32, 0.0, 2.0, 2.0]).view([2, 2]);
    let loss = task("sst2").loss(
        &outputs,
        &Tensor::from_slice(&[0_i64, 1]),
        &Criterion::default(),
        Reduction::Mean,
    );
    assert!((loss.double_value(&[]) - std::f64::consts::LN_2).abs() < 1e-6);
    let outputs = Tensor::from_slice(&[1.0_f32, 4.0]).view([2, 1]);
    let loss = task("stsb").loss(
        &outputs,
        &Tensor::from_slice(&[2.0_f32, 2.0]),
        &Criterion::default(),
        Reduction::Mean,
    );
    assert_eq!(loss.double_value(&[]), 2.5);
    assert_eq!(
        (task("stsb").answer(&[1.5]), task("mnli").answer(&[0.0, 2.0, 2.0])),
        (1.5, 1.0)
    );
}

#[test]
fn smoothing_and_weights_change_the_loss_of_classes() {
    // softmax (1/4, 3/4).
    let outputs = Tensor::from_slice(&[0.0_f32, 3.0_f32.ln(), 0.0, 3.0_f32.ln()]).view([2, 2]);
    let labels = Tensor::from_slice(&[0_i64, 1]);
    let loss = |criterion: Criterion| {
        let loss = task("sst2").loss(&outputs, &labels, &criterion, Reduction::Mean);
        loss.double_value(&[])
    };
    let (rare, common) = (4.0_f64.ln(), (4.0_f64 / 3.0).ln());
    let weighted = Criterion {
        class_weights: Some(Tensor::from_slice(&[3.0_f32, 1.0])),
        ..Criterion::default()
    };
    assert!((loss(weighted) - (3.0 * rare + common) / 4.0).abs() < 1e-6);
    let smoothed = Criterion {
        label_smoothing: 0.2,
        ..Criterion::default()
    };
    // Of each example a tenth goes to the other class.
    assert!((loss(smoothed) - (rare + common) / 2.0).abs() < 1e-6);
    let smoothed = Criterion {
        label_smoothing: 0.2,
        ..Criterion::default()
    };
    let one = task("sst2").loss(
        &outputs.narrow(0, 1, 1),
        &labels.narrow(0, 1, 1),
        &smoothed,
        Reduction::Mean,
    );
    assert!((one.double_value(&[]) - (0.9 * common + 0.1 * rare)).abs() < 1e-6);
}
