//! Every task of GLUE is learned from small files in its published form, by the program.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use tiny::Tiny;
use tuning_operator::api::Task;
use tuning_operator::trainer::tasks;

/// A task, the first line of its files, a line of them, and the metrics that it reports.
type Case = (
    &'static str,
    &'static str,
    fn(usize) -> String,
    &'static [&'static str],
);

const FIRST: [&str; 3] = [
    "The cat sleeps in the house",
    "A dog runs in a garden",
    "The bird rests",
];
const SECOND: [&str; 3] = [
    "A cat rests",
    "The horse hurries quietly",
    "A fish sleeps in the river",
];

fn first(i: usize) -> &'static str {
    FIRST[i % 3]
}

fn second(i: usize) -> &'static str {
    SECOND[i / 3 % 3]
}

fn yes(i: usize) -> usize {
    usize::from(!i.is_multiple_of(3))
}

fn follows(i: usize, label: &str) -> String {
    format!("{i}\t{}\t{}\t{label}\n", first(i), second(i))
}

const CASES: [Case; 8] = [
    (
        "cola",
        "",
        |i| format!("s\t{}\t\t{}\n", yes(i), first(i)),
        &["matthews", "accuracy"],
    ),
    (
        "sst2",
        "sentence\tlabel\n",
        |i| format!("{}\t{}\n", first(i), yes(i)),
        &["accuracy", "majority_accuracy"],
    ),
    (
        "stsb",
        "index\tsentence1\tsentence2\tscore\n",
        |i| format!("{i}\t{}\t{}\t{}.5\n", first(i), second(i), i % 4),
        &["pearson", "spearman"],
    ),
    (
        "qqp",
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n",
        |i| format!("{i}\t1\t2\t{}\t{}\t{}\n", first(i), second(i), yes(i)),
        &["f1", "accuracy", "majority_f1"],
    ),
    (
        "mnli",
        "index\tsentence1\tsentence2\tgold_label\n",
        |i| follows(i, ["entailment", "neutral", "contradiction"][i % 3]),
        &[
            "accuracy",
            "accuracy_mismatched",
            "loss_mismatched",
            "majority_accuracy",
        ],
    ),
    (
        "qnli",
        "index\tquestion\tsentence\tlabel\n",
        |i| follows(i, ["entailment", "not_entailment"][yes(i)]),
        &["accuracy"],
    ),
    (
        "rte",
        "index\tsentence1\tsentence2\tlabel\n",
        |i| follows(i, ["entailment", "not_entailment"][yes(i)]),
        &["accuracy"],
    ),
    (
        "wnli",
        "index\tsentence1\tsentence2\tlabel\n",
        |i| format!("{i}\t{}\t{}\t{}\n", first(i), second(i), yes(i)),
        &["accuracy"],
    ),
];

#[test]
fn every_task_is_learned_and_reports_what_glue_measures() {
    for (task, head, line, metrics) in CASES {
        let tiny = Tiny::new(task);
        let text = |places: std::ops::Range<usize>| head.to_owned() + &places.map(line).collect::<String>();
        tiny.write("data/train.tsv", &text(0..36));
        for file in ["dev.tsv", "dev_matched.tsv", "dev_mismatched.tsv"] {
            tiny.write(&format!("data/{file}"), &text(36..54));
        }
        let output = tiny.run(&["--task", task, "--epochs", "15", "--dropout", "0"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{task}: {said}");
        let report = tiny.report();
        for metric in metrics.iter().chain(&["loss", "train_loss"]) {
            assert!(
                report[*metric].as_f64().is_some_and(f64::is_finite),
                "{task}: {metric} in {report}"
            );
        }
        // The sentence tells the label: less is lost at the end than at the beginning.
        let (begin, end) = (&report["curve"][0]["loss"], &report["loss"]);
        assert!(end.as_f64() < begin.as_f64(), "{task}: {begin} {end}");
        if task == "mnli" {
            assert_eq!(
                report["accuracy"], report["accuracy_mismatched"],
                "both files are alike here"
            );
        }
    }
}

#[test]
fn the_manifests_tasks_are_the_programs() {
    for word in Task::ALL {
        let learned = tasks::find(word.word()).unwrap();
        let judged = learned.judge(&[0.0, 1.0], &[0.0, 1.0]).metrics;
        let mut names: Vec<String> = judged.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.push("loss".into());
        let suffixed = learned
            .dev_files()
            .iter()
            .flat_map(|(_, suffix)| names.iter().map(move |n| format!("{n}{suffix}")));
        let names: Vec<String> = suffixed.collect();
        for metric in word.metrics() {
            assert!(
                names.iter().any(|name| name == metric),
                "{metric} of {word:?} is none of {names:?}"
            );
        }
    }
}

#[test]
fn a_state_of_one_task_is_no_state_of_another() {
    let tiny = Tiny::new("other-task");
    let lines: String = (0..36)
        .map(|i| format!("{i}\t{}\t{}\t{}\n", first(i), second(i), yes(i)))
        .collect();
    for file in ["train.tsv", "dev.tsv"] {
        tiny.write(
            &format!("data/{file}"),
            &format!("index\tsentence1\tsentence2\tlabel\n{lines}"),
        );
    }
    std::fs::create_dir_all(tiny.dir.join("state")).unwrap();
    let mut command = tiny.command(&[
        "--task",
        "wnli",
        "--epochs",
        "1000",
        "--checkpoint-minutes",
        "0.0001",
    ]);
    let mut child = command.env("TUNING_CHECKPOINT_DIR", "state").spawn().unwrap();
    while !tiny.dir.join("state/state.safetensors").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = tiny
        .read("data/train.tsv")
        .replace("\t0\n", "\tentailment\n")
        .replace("\t1\n", "\tnot_entailment\n");
    for file in ["train.tsv", "dev.tsv"] {
        tiny.write(&format!("data/{file}"), &text);
    }
    let mut command = tiny.command(&[
        "--task",
        "rte",
        "--epochs",
        "1000",
        "--checkpoint-minutes",
        "0.0001",
    ]);
    let output = command.env("TUNING_CHECKPOINT_DIR", "state").output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(49),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
