//! The real checkpoint on questions: windows, twenty steps and answers against those of Hugging Face transformers.
//!
//! The text is invented, so what tests/fixtures/trainer/squad.py made of it is at hand wherever the project is.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/checkpoint.rs"]
mod checkpoint;
#[path = "fixtures/trainer/rounding.rs"]
mod rounding;

use checkpoint::checkpoint;
use rounding::Carried;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor, no_grad};
use tuning_operator::trainer::batches::{Batch, Words};
use tuning_operator::trainer::bert_config::BertConfig;
use tuning_operator::trainer::checkpoint_files::CheckpointFile;
use tuning_operator::trainer::config::Precision;
use tuning_operator::trainer::example::{Example, Label};
use tuning_operator::trainer::model::Model;
use tuning_operator::trainer::schedule::{Schedule, Scheduler, warmup_steps};
use tuning_operator::trainer::setting::{Recipe, Setting};
use tuning_operator::trainer::task::{DevSet, Task};
use tuning_operator::trainer::tasks;
use tuning_operator::trainer::tokens::Tokens;

// As for MRPC (tests/trainer_parity.rs), where a loss is a tenth of these: it is a sum over up to 384 tokens. The expected numbers
// have seven digits.
const LOSS: f64 = 5e-6;
const GRADIENT: f64 = 1e-4;
const LENGTH: f64 = 2e-5;
const LOGITS: f64 = 1e-5;

#[derive(Deserialize)]
struct Fixture {
    max_length: usize,
    n_steps: u64,
    rate: f64,
    weight_decay: f64,
    head: Head,
    data: Value,
    features: Vec<Feature>,
    steps: Vec<Step>,
    after: BTreeMap<String, f64>,
    logits: Vec<Logits>,
    predictions: BTreeMap<String, String>,
    nbest: BTreeMap<String, Vec<Candidate>>,
    total: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Head {
    weight: Vec<Vec<f32>>,
    bias: Vec<f32>,
}

#[derive(Deserialize)]
struct Feature {
    ids: Vec<u32>,
    types: Vec<u8>,
    start: u32,
    end: u32,
}

#[derive(Deserialize)]
struct Step {
    features: Vec<usize>,
    rate: f64,
    loss: f64,
    gradient_norm: f64,
    gradient_norms: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct Logits {
    start: Vec<f32>,
    end: Vec<f32>,
}

#[derive(Deserialize)]
struct Candidate {
    text: String,
    probability: f64,
}

struct Given {
    fixture: Fixture,
    checkpoint: PathBuf,
    set: Box<dyn DevSet>,
}

fn given() -> Given {
    let checkpoint = checkpoint();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trainer/squad.json");
    let fixture: Fixture = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let tokens = Tokens::read(&checkpoint, 30_522, fixture.max_length).unwrap();
    let unique = std::thread::current().name().unwrap_or("squad").to_owned();
    let file = std::env::temp_dir().join(format!("{}-{unique}.json", std::process::id()));
    std::fs::write(&file, fixture.data.to_string()).unwrap();
    let set = squad().dev_set(&file, &tokens).unwrap();
    std::fs::remove_file(file).unwrap();
    Given {
        fixture,
        checkpoint,
        set,
    }
}

fn squad() -> &'static dyn Task {
    tasks::find("squad").unwrap()
}

impl Given {
    /// The checkpoint with the fixture's head.
    fn model(&self) -> (Model, Words) {
        tch::set_num_threads(1);
        let config = BertConfig::read(&self.checkpoint).unwrap().with_dropout(0.0);
        let words = Words::of(&[self.set.examples()], config.n_tokens).with_padding(0);
        let setting = Setting {
            task: squad(),
            words: &words,
            precision: Precision::Fp32,
            device: Device::Cpu,
            recipe: Recipe {
                weight_decay: self.fixture.weight_decay,
                ..Recipe::default()
            },
            seed: 1,
        };
        let model = Model::load(&CheckpointFile::read(&self.checkpoint).unwrap(), config, &setting).unwrap();
        let Head { weight, bias } = &self.fixture.head;
        for (name, values) in [("qa_outputs.weight", &weight.concat()), ("qa_outputs.bias", bias)] {
            let slot = model.weights.layout.find(name).unwrap();
            let values = Tensor::from_slice(values).view(slot.shape.as_slice());
            no_grad(|| model.weights.master(slot).copy_(&values));
        }
        (model, words)
    }

    fn batch(&self, places: &[usize], words: &Words) -> Batch {
        let examples: Vec<&Example> = places.iter().map(|place| &self.set.examples()[*place]).collect();
        Batch::new(&examples, words, Kind::Float, Device::Cpu)
    }
}

#[test]
fn windows_and_their_answers_tokens_are_hugging_faces() {
    let given = given();
    assert_eq!(given.set.examples().len(), given.fixture.features.len());
    for (found, expected) in given.set.examples().iter().zip(&given.fixture.features) {
        assert_eq!((&found.ids, &found.types), (&expected.ids, &expected.types));
        assert_eq!(found.label, Label::Span(expected.start, expected.end));
    }
    let n_labelled = given
        .fixture
        .features
        .iter()
        .filter(|feature| feature.end > 0)
        .count();
    assert!(
        n_labelled > 20 && n_labelled < given.fixture.features.len(),
        "both kinds are there"
    );
}

#[test]
fn twenty_steps_on_questions() {
    let given = given();
    let (mut model, words) = given.model();
    let Fixture { n_steps, rate, .. } = given.fixture;
    let schedule = Schedule::new(Scheduler::Linear, rate, warmup_steps(0.1, n_steps), n_steps);
    let (mut worst, mut norm, mut carried) = (0.0_f64, 0.0_f64, Carried::default());
    for (expected, number) in given.fixture.steps.iter().zip(0..) {
        assert!((schedule.rate(number) - expected.rate).abs() < 1e-18);
        let step = model
            .train(&[given.batch(&expected.features, &words)], expected.rate, number)
            .read();
        println!(
            "step {number}: loss {:.6}, off by {:+.1e}",
            step.loss,
            step.loss - expected.loss
        );
        worst = worst.max((step.loss - expected.loss).abs());
        norm = norm.max((step.gradient_norm - expected.gradient_norm).abs() / expected.gradient_norm);
        carried.step(&model.weights, expected.rate);
        if let Some(norms) = &expected.gradient_norms {
            // What is there has been clipped.
            let clip = expected.gradient_norm.max(1.0);
            rounding::check_gradients(&model.weights, |name| norms[name] / clip, GRADIENT);
        }
    }
    println!("worst loss difference {worst:.1e}, gradient norm {norm:.1e} relative");
    assert!(worst < LOSS, "loss off by {worst:e}");
    assert!(norm < GRADIENT, "gradient norm off by {norm:e}");
    for slot in model
        .weights
        .layout
        .slots
        .iter()
        .filter(|slot| !slot.name.contains("word_embeddings"))
    {
        let found = model
            .weights
            .master(slot)
            .to_kind(Kind::Double)
            .norm()
            .double_value(&[]);
        let expected = given.fixture.after[&slot.name];
        let allowed = LENGTH * expected + carried.apart(&slot.name, slot.numel());
        assert!(
            (found - expected).abs() < allowed,
            "{}: length {found} is not {expected}",
            slot.name
        );
    }
    let mut off = 0.0_f64;
    for (place, expected) in given.fixture.logits.iter().enumerate() {
        let logits = model.predict(&given.batch(&[place], &words)).flatten(0, -1);
        let found = Vec::<f32>::try_from(logits).unwrap();
        let sides = found.split_at(found.len() / 2);
        for (found, expected) in [(sides.0, &expected.start), (sides.1, &expected.end)] {
            off = off.max(apart(found, expected));
        }
    }
    println!("worst logit difference {off:.1e}");
    assert!(off < LOGITS, "logits off by {off:e}");
}

/// The largest difference of logits beside one that they have in common: what the biases add to all tokens alike has no gradient but
/// rounding, which AdamW takes for one.
fn apart(found: &[f32], expected: &[f32]) -> f64 {
    let pairs = found.iter().zip(expected);
    let differences: Vec<f64> = pairs
        .map(|(found, expected)| f64::from(found - expected))
        .collect();
    let common = differences.iter().sum::<f64>() / differences.len() as f64;
    let rest = differences.iter().map(|difference| (difference - common).abs());
    rest.fold(0.0, f64::max)
}

#[test]
fn the_same_logits_give_the_same_answers() {
    let given = given();
    let outputs = given.fixture.logits.iter();
    let outputs: Vec<Vec<f32>> = outputs
        .map(|logits| [&logits.start[..], &logits.end].concat())
        .collect();
    let metrics: BTreeMap<&str, f64> = given.set.judge(&outputs).metrics.into_iter().collect();
    for (name, expected) in &given.fixture.total {
        assert!(
            (100.0 * metrics[name.as_str()] - expected).abs() < 1e-9,
            "{name}: {metrics:?}"
        );
    }
    let documents = given.set.documents(&outputs);
    let document = |name: &str| {
        documents
            .iter()
            .find(|document| document.name == name)
            .unwrap()
            .text
            .as_str()
    };
    let predictions: BTreeMap<String, String> = serde_json::from_str(document("predictions.json")).unwrap();
    assert_eq!(predictions, given.fixture.predictions);
    let n_best: BTreeMap<String, Vec<Candidate>> = serde_json::from_str(document("nbest.json")).unwrap();
    for (id, expected) in &given.fixture.nbest {
        assert_eq!(n_best[id].len(), expected.len());
        for (found, expected) in n_best[id].iter().zip(expected) {
            assert_eq!(found.text, expected.text, "{id}");
            assert!((found.probability - expected.probability).abs() < 1e-6, "{id}");
        }
    }
}
