//! The model that a trial hands over: what its folder holds, and that it is the model of the evaluation that it says.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use tiny::Tiny;

/// A rate at which the evaluations go up and down.
const WILD: [&str; 6] = [
    "--learning-rate",
    "0.02",
    "--epochs",
    "6",
    "--scheduler",
    "constant",
];

fn trained(tiny: &Tiny, arguments: &[&str]) -> Value {
    let output = tiny.run(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    tiny.report()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names and shapes of the tensors of the folder, and its bytes.
fn tensors(tiny: &Tiny, folder: &str) -> (BTreeMap<String, Vec<usize>>, Vec<u8>) {
    let bytes = std::fs::read(tiny.dir.join(folder).join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let shapes = file
        .iter()
        .map(|(name, view)| (name.to_owned(), view.shape().to_vec()));
    (shapes.collect(), bytes)
}

fn tensor(bytes: &[u8], name: &str) -> Vec<f32> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let data = file.tensor(name).unwrap().data().to_vec();
    let (values, _) = data.as_chunks();
    values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn the_folder_has_what_transformers_looks_for() {
    let tiny = Tiny::new("model-folder");
    let report = trained(&tiny, &["--trial", "mrpc-0003", "--job", "mrpc"]);
    let (shapes, _) = tensors(&tiny, "out/model");
    let (given, _) = tensors(&tiny, "model");
    for (name, shape) in &given {
        assert_eq!(shapes.get(name), Some(shape), "{name}");
    }
    assert_eq!(shapes["classifier.weight"], [2, 32]);
    assert_eq!(shapes["classifier.bias"], [2]);
    assert_eq!(shapes.len(), given.len() + 2);
    let config: Value = serde_json::from_str(&tiny.read("out/model/config.json")).unwrap();
    assert_eq!(config["architectures"], json!(["BertForSequenceClassification"]));
    assert_eq!(
        config["id2label"],
        json!({"0": "not_equivalent", "1": "equivalent"})
    );
    assert_eq!(config["hidden_size"], 32);
    assert_eq!(tiny.read("out/model/vocab.txt"), tiny.read("model/vocab.txt"));
    let card = tiny.read("out/model/README.md");
    for part in [
        "# mrpc-0003: mrpc",
        "job mrpc",
        "| learning_rate | 0.001 |",
        "this model",
        "AutoModelForSequenceClassification",
    ] {
        assert!(card.contains(part), "{part} is not in\n{card}");
    }
    assert_eq!(report["model"]["folder"], "out/model");
    let mode = |name: &str| {
        tiny.dir
            .join("out/model")
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
    };
    assert_eq!(
        mode("model.safetensors"),
        mode("config.json"),
        "who may read the one may read the other"
    );
    assert_eq!(report["model"]["evaluation"], "best");
    let entries = std::fs::read_dir(tiny.dir.join("out")).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["message", "model", "report.json"]);
}

#[test]
fn the_model_is_that_of_the_best_evaluation_and_goes_back_in() {
    let tiny = Tiny::new("model-best");
    let report = trained(&tiny, &[&WILD[..], &["--objective", "loss"]].concat());
    let curve = report["curve"].as_array().unwrap();
    let rank = |point: &Value| (point["collapsed"].as_bool(), point["loss"].as_f64());
    let best = curve
        .iter()
        .min_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap())
        .unwrap();
    assert_ne!(
        best["step"], report["step"],
        "the last one is not the best, or this shows nothing: {curve:?}"
    );
    assert_ne!(best["step"], curve[0]["step"], "nor is the first: {curve:?}");
    assert_eq!(report["model"]["step"], best["step"]);
    for name in ["f1", "accuracy", "loss", "collapsed"] {
        assert_eq!(report[name], best[name], "{name}");
    }
    assert_eq!(
        report["step"],
        curve.last().unwrap()["step"],
        "it trained to the end"
    );
    // Nothing is learned on the way back in.
    let again = trained(
        &tiny,
        &["--model", "out/model", "--epochs", "0", "--save-model", "none"],
    );
    for name in ["f1", "accuracy", "loss"] {
        assert_eq!(again[name], best[name], "{name}");
    }
}

#[test]
fn the_last_one_is_kept_where_it_is_asked_for_and_none_where_none_is() {
    let tiny = Tiny::new("model-last");
    let report = trained(
        &tiny,
        &[&WILD[..], &["--save-model", "last", "--model-dir", "kept/here"]].concat(),
    );
    let last = report["curve"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&report["model"]["step"], &report["f1"]),
        (&last["step"], &last["f1"])
    );
    let kept = tensors(&tiny, "kept/here").1;
    let again = trained(
        &tiny,
        &["--model", "kept/here", "--epochs", "0", "--save-model", "none"],
    );
    assert_eq!(again["loss"], last["loss"]);
    assert!(again.get("model").is_none() && !tiny.dir.join("out/model").exists());
    // A model that is there is replaced.
    let report = trained(
        &tiny,
        &[&WILD[..], &["--model-dir", "kept/here", "--objective", "loss"]].concat(),
    );
    assert_ne!(report["model"]["step"], last["step"]);
    assert_ne!(tensors(&tiny, "kept/here").1, kept);
}

#[test]
fn a_word_that_the_data_does_not_have_stays_and_decays_with_the_rest() {
    let tiny = Tiny::new("model-words");
    let flags = [
        "--weight-decay",
        "0.5",
        "--scheduler",
        "constant",
        "--warmup-ratio",
        "0",
        "--save-model",
        "last",
    ];
    let report = trained(&tiny, &flags);
    let name = "bert.embeddings.word_embeddings.weight";
    let (before, after) = (tensors(&tiny, "model").1, tensors(&tiny, "out/model").1);
    let (before, after) = (tensor(&before, name), tensor(&after, name));
    // [MASK] is in no sentence; the rate is 0.001.
    let left = (1.0 - 0.5 * 1e-3_f64).powi(report["step"].as_i64().unwrap() as i32);
    for at in 4 * 32..5 * 32 {
        let expected = f64::from(before[at]) * left;
        assert!(
            (f64::from(after[at]) - expected).abs() < 1e-6,
            "{} is not {expected}",
            after[at]
        );
    }
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let tiny = Tiny::new("model-foreign");
    let output = tiny.run(&["--model-dir", "data"]);
    assert_eq!(output.status.code(), Some(46), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("choose another folder with --model-dir"),
        "{}",
        stderr(&output)
    );
    assert!(tiny.dir.join("data/train.tsv").exists());
}

/// Runs a command of the program on texts, and gives what it ends with, what it says and its answers.
fn ask(tiny: &Tiny, arguments: &[&str], input: &str) -> (Option<i32>, String, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bert-trainer"));
    command
        .args(arguments)
        .args(["--device", "cpu", "--precision", "fp32"]);
    command
        .current_dir(&tiny.dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answers = String::from_utf8(output.stdout.clone()).unwrap();
    let answers = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (output.status.code(), stderr(&output), answers)
}

#[test]
fn it_is_evaluated_without_training_as_it_was_while_it_trained() {
    let tiny = Tiny::new("model-evaluate");
    let report = trained(&tiny, &[]);
    let (code, said, answers) = ask(&tiny, &["evaluate", "--model", "out/model", "--data", "data"], "");
    assert_eq!(code, Some(0), "{said}");
    for name in ["f1", "accuracy", "loss", "majority_f1"] {
        assert_eq!(answers[0][name], report[name], "{name}");
    }
    // A checkpoint that has learned nothing has nothing to evaluate.
    let flags = ["evaluate", "--model", "model", "--data", "data"];
    let (code, said, _) = ask(&tiny, &flags, "");
    assert_eq!(code, Some(42), "{said}");
    assert!(said.contains("name it with --task"), "{said}");
    let (code, said, _) = ask(&tiny, &[&flags[..], &["--task", "mrpc"]].concat(), "");
    assert_eq!(code, Some(43), "{said}");
    assert!(said.contains("has not learned mrpc"), "{said}");
}

#[test]
fn it_answers_line_by_line_and_what_can_not_be_read_stops_no_other() {
    let tiny = Tiny::new("model-predict");
    trained(&tiny, &[]);
    let input = concat!(
        "The cat sleeps in the house\tA cat rests in a house\n",
        "{\"id\": \"x\", \"text\": \"The cat sleeps in the house\", \"text_pair\": \"A cat rests in a house\"}\n",
        "no second text\n",
        "\n",
        "The dog runs\tA fish sleeps"
    );
    let (code, said, answers) = ask(&tiny, &["predict", "--model", "out/model"], input);
    assert_eq!(code, Some(44), "{said}");
    assert!(said.contains("2 of 5 lines could not be read"), "{said}");
    assert_eq!(answers.len(), 5);
    assert_eq!((&answers[2]["line"], &answers[3]["line"]), (&json!(3), &json!(4)));
    assert_eq!(answers[1]["id"], "x");
    for key in ["label", "probability", "logits"] {
        assert_eq!(answers[0][key], answers[1][key], "{key}");
    }
    for answer in [&answers[0], &answers[4]] {
        let label = answer["label"].as_str().unwrap();
        assert!(["equivalent", "not_equivalent"].contains(&label), "{label}");
        let each = answer["probabilities"].as_object().unwrap();
        let sum: f64 = each.values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9 && each[label] == answer["probability"]);
    }
    // Into a file, and back out of it.
    tiny.write(
        "pairs.tsv",
        "The cat sleeps in the house\tA cat rests in a house\n",
    );
    let files = [
        "predict",
        "--model",
        "out/model",
        "--input",
        "pairs.tsv",
        "--output",
        "answers.jsonl",
    ];
    assert_eq!(ask(&tiny, &files, "").0, Some(0));
    let found: Value = serde_json::from_str(&tiny.read("answers.jsonl")).unwrap();
    assert_eq!(found["label"], answers[0]["label"]);
    let help = ask(
        &tiny,
        &["predict", "--model", "out/model", "--output", "no/such/folder"],
        "a\tb\n",
    );
    assert_eq!(help.0, Some(46), "{}", help.1);
}

#[test]
fn no_model_is_written_where_another_trial_has_a_better_one() {
    let tiny = Tiny::new("model-bar");
    let by_loss = [&WILD[..], &["--objective", "loss"]].concat();
    let report = trained(&tiny, &by_loss);
    let loss = report["loss"].to_string();
    std::fs::remove_dir_all(tiny.dir.join("out/model")).unwrap();
    let mut beside = trained(&tiny, &[&by_loss[..], &["--model-above", &loss]].concat());
    assert!(!tiny.dir.join("out/model").exists(), "it is as good, not better");
    assert!(beside.get("model").is_none());
    // Its value is what it would be with its model.
    beside["model"] = report["model"].clone();
    assert_eq!(beside, report);
    let collapsed = report["collapsed"] == true;
    trained(&tiny, &[&by_loss[..], &["--model-above", "99"]].concat());
    assert_eq!(
        tiny.dir.join("out/model").exists(),
        !collapsed,
        "what collapsed is never better"
    );
}

#[test]
fn whoever_goes_on_without_a_model_is_worth_what_it_was() {
    let tiny = Tiny::new("model-resumed");
    let flags = [&WILD[..], &["--objective", "loss"]].concat();
    let expected = trained(&tiny, &flags);
    let best = expected["model"]["step"].as_u64().unwrap();
    let last = expected["step"].as_u64().unwrap();
    assert!(
        best + 1 < last,
        "there is something to go on with after the best: {best} of {last}"
    );
    // Another trial is better than any of this one's, or somebody has removed the model: the value is the best evaluation's all the same.
    for (flag, removes) in [(Some("0"), false), (None, true)] {
        let bar = flag.map_or(vec![], |bar| vec!["--model-above", bar]);
        let all = [
            &flags[..],
            &bar,
            &["--checkpoint-minutes", "1e-9", "--log-every", "1"],
        ]
        .concat();
        let command = || {
            let mut command = tiny.command(&all);
            command.env("TUNING_CHECKPOINT_DIR", "state");
            command
        };
        let mut child = command().spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let after = format!("saved the state after step {}", best + 1);
        assert!(lines.any(|line| line.unwrap().starts_with(&after)), "{after}");
        child.kill().unwrap();
        child.wait().unwrap();
        if removes {
            std::fs::remove_dir_all(tiny.dir.join("out/model")).unwrap();
        }
        let output = command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("resumed after step"),
            "{said}{}",
            stderr(&output)
        );
        let mut report = tiny.report();
        assert!(report.get("model").is_none());
        report["model"] = expected["model"].clone();
        assert_eq!(report, expected);
    }
}
