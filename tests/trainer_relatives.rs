//! RoBERTa, DistilBERT and a second BERT compute what transformers computes, from every form of a checkpoint's folder.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/scratch.rs"]
mod scratch;
#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use scratch::Scratch;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use tiny::Tiny;
use tuning_operator::trainer::batches::{Batch, Words};
use tuning_operator::trainer::bert_config::BertConfig;
use tuning_operator::trainer::checkpoint_files::CheckpointFile;
use tuning_operator::trainer::config::Precision;
use tuning_operator::trainer::example::{Example, Label};
use tuning_operator::trainer::model::Model;
use tuning_operator::trainer::setting::{Recipe, Setting};
use tuning_operator::trainer::tasks;
use tuning_operator::trainer::tokens::Tokens;

const NAMES: [&str; 3] = ["bert", "roberta", "distilbert"];

// One pass of two or three layers of width 24 or less: some 40 roundings of numbers up to 2, u = 2^-24 each.
const LOGITS: f64 = 1e-5;
const LOSS: f64 = 2e-6;
/// Of a gradient's length.
const GRADIENT: f64 = 2e-6;
/// Of one parameter's gradient's length, some of which are sums that nearly cancel.
const ONE_GRADIENT: f64 = 2e-5;

#[derive(Deserialize)]
struct Golden {
    rate: f64,
    weight_decay: f64,
    classes: Course,
    spans: Course,
}

#[derive(Deserialize)]
struct Course {
    answer: Answer,
    steps: Vec<GoldenStep>,
}

#[derive(Deserialize)]
struct Answer {
    ids: Vec<Vec<u32>>,
    types: Vec<Vec<u8>>,
    labels: Vec<Vec<u32>>,
    outputs: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct GoldenStep {
    #[serde(flatten)]
    batch: Answer,
    loss: f64,
    gradient_norm: f64,
    gradient_norms: Option<std::collections::BTreeMap<String, f64>>,
}

impl Answer {
    fn batch(&self, words: &Words) -> Batch {
        let example = |row: usize| Example {
            ids: self.ids[row].clone(),
            types: self.types[row].clone(),
            label: match self.labels[row][..] {
                [class] => Label::Class(class as u8),
                [first, last] => Label::Span(first, last),
                _ => unreachable!("a label is a class or two places"),
            },
        };
        let examples: Vec<Example> = (0..self.ids.len()).map(example).collect();
        Batch::new(
            &examples.iter().collect::<Vec<_>>(),
            words,
            Kind::Float,
            Device::Cpu,
        )
    }

    fn worst(&self, outputs: &Tensor) -> f64 {
        let rows = self.outputs.len() as i64;
        let found = Vec::<Vec<f64>>::try_from(outputs.reshape([rows, -1]).to_kind(Kind::Double)).unwrap();
        assert_eq!(found[0].len(), self.outputs[0].len());
        let pairs = found.iter().flatten().zip(self.outputs.iter().flatten());
        pairs
            .map(|(found, expected)| (found - expected).abs())
            .fold(0.0, f64::max)
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/trainer/relatives")
        .join(name)
}

fn golden(name: &str) -> Golden {
    serde_json::from_str(&std::fs::read_to_string(folder(name).join("golden.json")).unwrap()).unwrap()
}

fn model(folder: &Path, golden: &Golden, task: &str, padding: u32) -> (Model, Words) {
    tch::set_num_threads(1);
    let config = BertConfig::read(folder).unwrap();
    let mut words = Words::all(config.n_tokens);
    if task == "squad" {
        words = words.with_padding(padding);
    }
    let setting = Setting {
        task: tasks::find(task).unwrap(),
        words: &words,
        precision: Precision::Fp32,
        device: Device::Cpu,
        recipe: Recipe {
            weight_decay: golden.weight_decay,
            ..Recipe::default()
        },
        seed: 1,
    };
    let file = CheckpointFile::read(folder).unwrap();
    let model = Model::load(&file, config, &setting).unwrap();
    (model, words)
}

fn relative(found: f64, expected: f64) -> f64 {
    (found - expected).abs() / expected.abs().max(1e-6)
}

/// The lengths of every parameter's gradient, sorted, since the families name them differently.
fn sorted(norms: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut norms: Vec<f64> = norms.collect();
    norms.sort_by(f64::total_cmp);
    norms
}

#[test]
fn every_relative_computes_what_transformers_computes() {
    println!("checkpoint  head        outputs     losses      gradient    each parameter's");
    for name in NAMES {
        let golden = golden(name);
        for (task, course) in [("mrpc", &golden.classes), ("squad", &golden.spans)] {
            let (mut model, words) = model(&folder(name), &golden, task, u32::from(name == "roberta"));
            let answer = course.answer.worst(&model.predict(&course.answer.batch(&words)));
            let (mut loss, mut gradient, mut each) = (0.0_f64, 0.0_f64, 0.0_f64);
            for (expected, number) in course.steps.iter().zip(0..) {
                let step = model
                    .train(&[expected.batch.batch(&words)], golden.rate, number)
                    .read();
                loss = loss.max((step.loss - expected.loss).abs());
                gradient = gradient.max(relative(step.gradient_norm, expected.gradient_norm));
                let Some(norms) = &expected.gradient_norms else {
                    continue;
                };
                // The optimizer has clipped them, as it clips all alike.
                let clipped = 1.0 / expected.gradient_norm.max(1.0);
                let expected = sorted(norms.values().map(|norm| norm * clipped));
                let slots = &model.weights.layout.slots;
                let found = slots
                    .iter()
                    .map(|slot| model.weights.gradient(slot).norm().double_value(&[]));
                let found = sorted(found);
                assert_eq!(found.len(), expected.len(), "{name} {task}");
                let apart = found.iter().zip(&expected);
                // The gradient of the keys' biases is zero but for rounding.
                let apart = apart.map(|(found, expected)| (found - expected).abs() / expected.max(1e-2));
                each = each.max(apart.fold(0.0, f64::max));
            }
            println!("{name:11} {task:11} {answer:<11.1e} {loss:<11.1e} {gradient:<11.1e} {each:.1e}");
            assert!(answer < LOGITS, "{name} {task}: outputs off by {answer:e}");
            assert!(loss < LOSS, "{name} {task}: losses off by {loss:e}");
            assert!(
                gradient < GRADIENT,
                "{name} {task}: gradients off by {gradient:e}"
            );
            assert!(each < ONE_GRADIENT, "{name} {task}: one off by {each:e}");
        }
    }
}

#[derive(Deserialize)]
struct TokenFixture {
    sentences: Vec<String>,
    read: Vec<TokensRead>,
}

#[derive(Deserialize)]
struct TokensRead {
    config: serde_json::Value,
    ids: Vec<Vec<u32>>,
}

#[test]
fn robertas_byte_pairs_are_read_as_transformers_reads_them() {
    let text = std::fs::read_to_string(folder("roberta").join("tokens.json")).unwrap();
    let fixture: TokenFixture = serde_json::from_str(&text).unwrap();
    let scratch = Scratch::new("byte-pairs");
    scratch.copy_all(&folder("roberta"));
    for read in &fixture.read {
        std::fs::write(scratch.0.join("tokenizer_config.json"), read.config.to_string()).unwrap();
        let tokens = Tokens::read(&scratch.0, 330, 512).unwrap();
        for (sentence, expected) in fixture.sentences.iter().zip(&read.ids) {
            assert_eq!(
                &tokens.ids(sentence).unwrap(),
                expected,
                "{sentence:?} with {}",
                read.config
            );
        }
    }
}

/// The program's folder with this checkpoint.
fn trial(name: &str, test: &str) -> Tiny {
    let tiny = Tiny::new(&format!("{name}-{test}"));
    let model = tiny.dir.join("model");
    std::fs::remove_dir_all(&model).unwrap();
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(folder(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    tiny
}

#[test]
fn every_relative_is_a_trial() {
    for name in NAMES {
        let tiny = trial(name, "trial");
        let output = tiny.run(&["--epochs", "3", "--max-length", "64", "--dropout", "0.1"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {said}");
        let curve = &tiny.report()["curve"];
        assert!(curve[2]["loss"].as_f64().unwrap().is_finite(), "{name}: {curve}");
    }
}

#[test]
fn every_relative_reads_texts() {
    let question = |i: usize| {
        let context = format!("{}the cat sleeps in the house", "quietly ".repeat(i * 40));
        let answer = serde_json::json!([{"text": "cat", "answer_start": context.find("cat").unwrap()}]);
        serde_json::json!({"context": context, "qas": [{"id": format!("{i}"), "question": "the cat", "answers": answer}]})
    };
    let set = |n: usize| {
        let paragraphs: Vec<_> = (0..n).map(question).collect();
        serde_json::json!({"version": "1.1", "data": [{"title": "T", "paragraphs": paragraphs}]}).to_string()
    };
    for name in NAMES {
        let tiny = trial(name, "reading");
        tiny.write("data/train-v1.1.json", &set(8));
        tiny.write("data/dev-v1.1.json", &set(8));
        let arguments = ["--task", "squad", "--max-length", "100", "--epochs", "40"];
        let rate = ["--learning-rate", "3e-3", "--dropout", "0"];
        let output = tiny.run(&[&arguments[..], &rate].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {said}");
        let report = tiny.report();
        assert!(
            report["exact_match"].as_f64().unwrap() > 0.8,
            "{name}: {}",
            report["curve"]
        );
    }
}

#[test]
fn a_head_of_another_number_of_classes_is_replaced_and_that_is_said() {
    for (name, head) in [
        ("bert", "classifier"),
        ("roberta", "classifier.out_proj"),
        ("distilbert", "classifier"),
    ] {
        let tiny = trial(name, "replaced");
        let lines = |n: usize| {
            let line = |i: usize| format!("{i}\tThe cat sleeps\tA dog rests\t{}.5\n", i % 4);
            format!(
                "index\tsentence1\tsentence2\tscore\n{}",
                (0..n).map(line).collect::<String>()
            )
        };
        tiny.write("data/train.tsv", &lines(16));
        tiny.write("data/dev.tsv", &lines(8));
        let output = tiny.run(&["--task", "stsb", "--epochs", "1", "--max-length", "64"]);
        let log = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{log}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let sentence = format!("the head {head} has 2 outputs, and stsb needs 1: a new one takes its place");
        assert!(log.contains(&sentence), "{log}");
    }
}

#[test]
fn robertas_longest_sequence_is_two_shorter_than_its_table() {
    let tiny = trial("roberta", "longest");
    let output = tiny.run(&["--max-length", "113"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(42), "{said}");
    assert!(
        said.contains("max_position_embeddings 114; choose at most 112"),
        "{said}"
    );
    let fits = tiny.run(&["--max-length", "112", "--epochs", "1"]);
    assert!(fits.status.success(), "{}", String::from_utf8_lossy(&fits.stderr));
}

#[test]
fn a_config_that_tells_of_too_much_is_refused_before_memory_is_asked_for() {
    for (name, key, value) in [
        ("bert", "num_hidden_layers", "16777216"),
        ("bert", "hidden_size", "16777215"),
        ("bert", "vocab_size", "16777216"),
        ("bert", "max_position_embeddings", "16777216"),
        ("bert", "intermediate_size", "16777216"),
        ("distilbert", "n_layers", "16777216"),
        ("distilbert", "hidden_dim", "16777216"),
        ("roberta", "num_hidden_layers", "99999999"),
    ] {
        let tiny = trial(name, "absurd");
        let text = tiny.read("model/config.json");
        let lines = text.lines().map(|line| match line.split_once(':') {
            Some((found, _)) if found.trim().trim_matches('"') == key => {
                format!("{found}: {value}{}", if line.ends_with(',') { "," } else { "" })
            }
            _ => line.to_owned(),
        });
        let changed: Vec<String> = lines.collect();
        tiny.write("model/config.json", &changed.join("\n"));
        assert_ne!(tiny.read("model/config.json"), text, "{key}");
        let mut command = std::process::Command::new("bash");
        // Whoever asks for memory of these sizes gets none.
        command
            .args(["-c", "ulimit -v 16777216; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_bert-trainer"))
            .args([
                "--task", "mrpc", "--model", "model", "--data", "data", "--device", "cpu",
            ])
            .args(["--max-length", "64"])
            .env("TUNING_OUTPUT_DIR", "out")
            .current_dir(&tiny.dir);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(43), "{name} {key}: {said}");
        assert!(
            said.len() < 600 && said.lines().count() == 1,
            "{name} {key}: {said}"
        );
    }
}
