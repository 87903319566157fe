//! Every task is learned from small files in its published form, by the program.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use serde_json::{Value, json};
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

const ANIMALS: [&str; 6] = ["cat", "dog", "horse", "bird", "fish", "mouse"];
const PLACES: [&str; 6] = ["house", "garden", "river", "forest", "street", "field"];

/// A file of SQuAD: who sleeps? Every eighth text is longer than a window.
fn questions(numbers: std::ops::Range<usize>) -> String {
    let paragraphs = numbers.map(|i| {
        let (animal, place) = (ANIMALS[i % 6], PLACES[i / 6 % 6]);
        let lead = "quietly ".repeat(if i.is_multiple_of(8) { 150 } else { i % 4 });
        let context = format!("{lead}the {animal} sleeps in the {place}");
        let answer = |word: &str| json!([{"text": word, "answer_start": context.rfind(word).unwrap()}]);
        json!({"context": context, "qas": [
            {"id": format!("{i}"), "question": "a", "answers": answer(animal)},
        ]})
    });
    json!({"version": "1.1", "data": [{"title": "T", "paragraphs": paragraphs.collect::<Vec<_>>()}]})
        .to_string()
}

const SQUAD: [&str; 6] = ["--task", "squad", "--max-length", "100", "--dropout", "0"];

fn reading(name: &str) -> Tiny {
    let tiny = Tiny::new(name);
    tiny.write("data/train-v1.1.json", &questions(0..48));
    tiny.write("data/dev-v1.1.json", &questions(50..60));
    tiny
}

#[test]
fn answers_are_found_in_texts_and_written_beside_the_report() {
    let tiny = reading("squad");
    let output = tiny.run(&[&SQUAD[..], &["--epochs", "12", "--learning-rate", "3e-3"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let report = tiny.report();
    let metric = |name: &str| report[name].as_f64().unwrap();
    assert!(
        metric("loss") < 0.5 * report["curve"][0]["loss"].as_f64().unwrap(),
        "{report}"
    );
    assert!(
        metric("exact_match") > 0.8 && metric("f1") >= metric("exact_match"),
        "{report}"
    );
    assert_eq!(report["collapsed"], false);
    let document = |name: &str| -> Value { serde_json::from_str(&tiny.read(name)).unwrap() };
    let (predictions, n_best) = (document("out/predictions.json"), document("out/nbest.json"));
    let predictions = predictions.as_object().unwrap();
    assert_eq!(predictions.len(), 10);
    let right = predictions
        .iter()
        .filter(|(id, text)| *text == ANIMALS[id.parse::<usize>().unwrap() % 6]);
    assert_eq!(right.count() as f64 / 10.0, metric("exact_match"));
    for (id, text) in predictions {
        let candidates = n_best[id].as_array().unwrap();
        assert!(!candidates.is_empty() && candidates.len() <= 20);
        assert_eq!(&candidates[0]["text"], text);
        let sum: f64 = candidates
            .iter()
            .map(|c| c["probability"].as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
}

#[test]
fn without_epochs_a_checkpoint_is_evaluated_as_it_is() {
    let tiny = reading("evaluate");
    let output = tiny.run(&[&SQUAD[..], &["--epochs", "0"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = tiny.report();
    assert_eq!(
        (report["step"].as_u64(), report["curve"].as_array().unwrap().len()),
        (Some(0), 1)
    );
    assert!(tiny.read("out/predictions.json").contains("\"50\""));
}

#[test]
fn a_file_that_is_no_squad_is_refused_with_its_place() {
    let good = questions(0..1);
    let cases: [(&str, String, &str); 6] = [
        (
            "train-v1.1.json",
            good.replace("\"answer_start\":", "\"answer_start\":9"),
            ":1:",
        ),
        ("dev-v1.1.json", "{\"data\": 1".into(), "dev-v1.1.json:1:"),
        (
            "dev-v1.1.json",
            good.replace("\"context\":\"", "\"context\":\"\u{1}"),
            "is not JSON",
        ),
        ("train-v1.1.json", "x".repeat(20_000_000), "is not JSON"),
        (
            "train-v1.1.json",
            json!({"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": "q", "question": "a",
            "answers": [{"text": "a b c", "answer_start": 0}]}]}]}]})
            .to_string(),
            "its context ends at 3",
        ),
        (
            "train-v1.1.json",
            json!({"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": "q", "question": "a",
            "answers": [{"text": "b", "answer_start": 0}]}]}]}]})
            .to_string(),
            "nothing to learn from",
        ),
    ];
    for (number, (file, text, part)) in cases.iter().enumerate() {
        let tiny = reading(&format!("no-squad-{number}"));
        tiny.write(&format!("data/{file}"), text);
        let output = tiny.run(&SQUAD);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(44), "{said}");
        assert!(
            said.contains(part) && said.contains(file) && said.len() < 900,
            "{said}"
        );
        assert_eq!(said, format!("bert-trainer: {}\n", tiny.read("out/message")));
    }
}

#[test]
fn a_text_of_a_million_characters_is_read_in_windows() {
    let tiny = reading("long");
    let context = "quietly ".repeat(125_000) + "cat";
    let answers = json!([{"text": "cat", "answer_start": 1_000_000}]);
    let qas = json!([{"id": "q", "question": "a", "answers": answers}]);
    tiny.write(
        "data/dev-v1.1.json",
        &json!({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}).to_string(),
    );
    let output = tiny.run(&[&SQUAD[..], &["--epochs", "0"]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(tiny.read("out/predictions.json").contains("\"q\""));
}
