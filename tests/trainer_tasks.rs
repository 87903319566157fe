//! Every task is learned from small files in its published form, by the program.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use serde_json::{Value, json};
use tiny::Tiny;
use tuning_operator::api::{Task, check};
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
        let mut names: Vec<String> = learned.metrics().into_iter().map(str::to_owned).collect();
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
    let mut command = tiny.command(&["--task", "rte", "--epochs", "0"]);
    let output = command.env("TUNING_CHECKPOINT_DIR", "state").output().unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && log.contains("this state belongs to another run"),
        "{log}"
    );
}

/// Whether a manifest in which `name` has this value alone is sound.
fn manifest_takes(task: &str, metric: &str, name: &str, value: &Value) -> bool {
    let domain = match value {
        Value::String(_) => json!({"categorical": {"values": [value]}}),
        _ => json!({"discrete": {"values": [value]}}),
    };
    let mut parameter = domain;
    parameter["name"] = json!(name);
    let mut bert = json!({"task": task, "model": "m", "data": "d"});
    if name != "learning_rate" {
        bert["learningRate"] = json!(1e-4);
    }
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "limits"},
        "spec": {"objective": {"metric": metric, "goal": "Maximize"}, "parameters": [parameter],
            "budget": {"maxTrials": 1}, "trial": {"bert": bert}},
    });
    check(&manifest).is_ok()
}

/// The same by the program, which looks at its parameters before it looks into the folders.
fn trainer_takes(tiny: &Tiny, task: &str, name: &str, value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut command = tiny.command(&["--task", task, "--model", "empty", "--data", "empty"]);
    let output = command
        .env(format!("TUNING_PARAM_{}", name.to_uppercase()), text)
        .output()
        .unwrap();
    match output.status.code() {
        Some(42) => false,
        Some(43) => true,
        other => panic!("{name} {value}: {other:?}"),
    }
}

#[test]
fn a_manifest_refuses_what_the_trainer_would_refuse_and_nothing_else() {
    let tiny = Tiny::new("limits");
    std::fs::create_dir_all(tiny.dir.join("empty")).unwrap();
    let share = [-0.1, 0.0, 0.5, 1.0, 1.1].map(|v| json!(v)).to_vec();
    let whole = |values: &[i64]| values.iter().map(|v| json!(v)).collect::<Vec<_>>();
    let words = |values: &[&str]| values.iter().map(|v| json!(v)).collect::<Vec<_>>();
    let cases: [(&str, Vec<Value>); 15] = [
        (
            "learning_rate",
            [-1.0, 0.0, 1e-300, 1.0, 1.1].map(|v| json!(v)).to_vec(),
        ),
        ("weight_decay", [-0.1, 0.0, 10.0, 10.1].map(|v| json!(v)).to_vec()),
        (
            "max_grad_norm",
            [-0.1, 0.0, 1e6, 1e6 + 1.0].map(|v| json!(v)).to_vec(),
        ),
        ("warmup_ratio", share.clone()),
        ("dropout", share.clone()),
        ("label_smoothing", share),
        ("batch_size", whole(&[0, 1, 4096, 4097])),
        ("gradient_accumulation_steps", whole(&[0, 1, 4096, 4097])),
        ("epochs", whole(&[-1, 1, 1000, 1001])),
        ("max_length", whole(&[7, 8, 4096, 4097])),
        ("warmup_steps", whole(&[-1, 0, 1_000_000_000, 1_000_000_001])),
        ("eval_every", whole(&[-1, 0, 4_294_967_295, 4_294_967_296])),
        ("seed", whole(&[-1, 0, 1 << 53])),
        (
            "scheduler",
            words(&["linear", "cosine", "constant", "poly", "Linear", ""]),
        ),
        (
            "class_weights",
            words(&[
                "balanced", "1,2", " 1 , 2.5", "1,2,3", "0,1", "1e6,1", "2e6,1", "nan,1", "1,", "",
            ]),
        ),
    ];
    for (name, values) in cases {
        for value in values {
            assert_eq!(
                manifest_takes("mrpc", "f1", name, &value),
                trainer_takes(&tiny, "mrpc", name, &value),
                "{name} {value}"
            );
        }
    }
    for value in [json!(99), json!(100)] {
        let taken = manifest_takes("squad", "f1", "max_length", &value);
        assert_eq!(
            taken,
            trainer_takes(&tiny, "squad", "max_length", &value),
            "{value}"
        );
    }
}
