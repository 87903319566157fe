//! The tiny model of tests/fixtures/trainer/generate.py: what Hugging Face's BERT and torch's AdamW computed, we compute.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/rounding.rs"]
mod rounding;

use rounding::Carried;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use tuning_operator::trainer::batches::{Batch, Words};
use tuning_operator::trainer::bert_config::BertConfig;
use tuning_operator::trainer::checkpoint_files::CheckpointFile;
use tuning_operator::trainer::config::Precision;
use tuning_operator::trainer::example::{Example, Label};
use tuning_operator::trainer::model::Model;
use tuning_operator::trainer::schedule::{Schedule, Scheduler};
use tuning_operator::trainer::setting::{Recipe, Setting};
use tuning_operator::trainer::tasks;

// The longest sum has 64 terms. With every weight moved by 8 u, eight times over, the first logits moved by up to 3e-6, the
// last by 4e-6, losses by 1e-6, gradients' lengths by 3e-6 of themselves and parameters by 7e-7. Kernels add what no moved
// weight shows: an erf that is wrong by 16 u, a square root by one. So four to ten times as much is allowed of one pass,
// thirty of gradients and of what twenty steps of AdamW make of them: a step is the less certain the smaller an element's
// gradient is. The GELU with tanh moves the first logits by 4e-4, an epsilon of 1e-5 in LayerNorm by 4e-5.
const LOGITS: f64 = 1.2e-5;
const LAST_LOGITS: f64 = 5e-5;
const LOSS: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;
const PARAMETER: f64 = 2e-5;

#[derive(Deserialize)]
struct Golden {
    config: serde_json::Value,
    rate: f64,
    weight_decay: f64,
    n_warmup: u64,
    n_steps: u64,
    steps: Vec<GoldenStep>,
    after: BTreeMap<String, Vec<f64>>,
    answer: Answer,
}

#[derive(Deserialize)]
struct GoldenStep {
    #[serde(flatten)]
    batch: Answer,
    rate: f64,
    loss: f64,
    gradient_norm: f64,
    gradient_norms: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct Answer {
    ids: Vec<Vec<u32>>,
    types: Vec<Vec<u8>>,
    labels: Vec<u8>,
    logits: Vec<Vec<f64>>,
}

impl Answer {
    /// Some of its rows.
    fn part(&self, rows: std::ops::Range<usize>) -> Self {
        Self {
            ids: self.ids[rows.clone()].to_vec(),
            types: self.types[rows.clone()].to_vec(),
            labels: self.labels[rows.clone()].to_vec(),
            logits: self.logits[rows].to_vec(),
        }
    }

    fn batch(&self, words: &Words, kind: Kind) -> Batch {
        let example = |row: usize| Example {
            ids: self.ids[row].clone(),
            types: self.types[row].clone(),
            label: Label::Class(self.labels[row]),
        };
        let examples: Vec<Example> = (0..self.labels.len()).map(example).collect();
        Batch::new(&examples.iter().collect::<Vec<_>>(), words, kind, Device::Cpu)
    }

    fn worst(&self, logits: &Tensor) -> f64 {
        let found = Vec::<Vec<f64>>::try_from(logits.to_kind(Kind::Double)).unwrap();
        let pairs = found.iter().flatten().zip(self.logits.iter().flatten());
        pairs
            .map(|(found, expected)| (found - expected).abs())
            .fold(0.0, f64::max)
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trainer")
}

fn golden() -> Golden {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join("golden.json")).unwrap()).unwrap()
}

fn model(golden: &Golden, precision: Precision) -> (Model, Words) {
    tch::set_num_threads(1);
    let config = BertConfig::parse(&golden.config.to_string()).unwrap();
    let words = Words::all(config.n_tokens);
    let setting = Setting {
        task: tasks::find("mrpc").unwrap(),
        words: &words,
        precision,
        device: Device::Cpu,
        recipe: Recipe {
            weight_decay: golden.weight_decay,
            ..Recipe::default()
        },
        seed: 1,
    };
    let model = Model::load(&CheckpointFile::read(&fixtures()).unwrap(), config, &setting).unwrap();
    (model, words)
}

fn relative(found: f64, expected: f64) -> f64 {
    (found - expected).abs() / expected.abs().max(1e-6)
}

/// Trains through every golden step and returns the worst difference of a loss.
fn follow(
    golden: &Golden,
    model: &mut Model,
    words: &Words,
    gradient_tolerance: f64,
    carried: &mut Carried,
) -> f64 {
    let mut worst = 0.0_f64;
    for (expected, number) in golden.steps.iter().zip(0..) {
        let batch = expected.batch.batch(words, model.kind());
        let step = model.train(&[batch], expected.rate, number).read();
        carried.step(&model.weights, expected.rate);
        worst = worst.max((step.loss - expected.loss).abs());
        let norm = relative(step.gradient_norm, expected.gradient_norm);
        assert!(
            norm < gradient_tolerance,
            "gradient norm of step {number} off by {norm:e}"
        );
    }
    worst
}

#[test]
fn losses_and_gradients_are_hugging_faces() {
    let golden = golden();
    let (mut model, words) = model(&golden, Precision::Fp32);
    let first = &golden.steps[0];
    let logits = model.predict(&first.batch.batch(&words, Kind::Float));
    assert!(
        first.batch.worst(&logits) < LOGITS,
        "logits before training off by {:e}",
        first.batch.worst(&logits)
    );
    let worst = follow(&golden, &mut model, &words, GRADIENT, &mut Carried::default());
    assert!(worst < LOSS, "loss off by {worst:e}");
}

#[test]
fn every_parameters_gradient_has_the_right_length() {
    let golden = golden();
    let (mut model, words) = model(&golden, Precision::Fp32);
    let first = &golden.steps[0];
    let logits = model
        .train(&[first.batch.batch(&words, Kind::Float)], 0.0, 0)
        .read()
        .logits;
    assert!(first.batch.worst(&logits) < LOGITS);
    // The optimizer has clipped them, as it clips all alike.
    let clipped = 1.0 / first.gradient_norm.max(1.0);
    let expected = first.gradient_norms.as_ref().unwrap();
    assert_eq!(expected.len(), model.weights.layout.slots.len());
    rounding::check_gradients(&model.weights, |name| expected[name] * clipped, GRADIENT);
}

#[test]
fn a_batch_that_is_only_tried_out_changes_nothing() {
    let golden = golden();
    let (mut model, words) = model(&golden, Precision::Fp32);
    let first = golden.steps[0].batch.batch(&words, Kind::Float);
    // A fault under way leaves libtorch without gradients.
    tch::no_grad(|| model.try_out(&first, 0));
    let worst = follow(&golden, &mut model, &words, GRADIENT, &mut Carried::default());
    assert!(worst < LOSS, "loss off by {worst:e}");
}

fn parameters_after(golden: &Golden, mut model: Model, words: &Words) {
    let mut carried = Carried::default();
    follow(golden, &mut model, words, GRADIENT, &mut carried);
    for (name, expected) in &golden.after {
        let slot = model.weights.layout.find(name).unwrap();
        let found =
            Vec::<f64>::try_from(model.weights.master(slot).flatten(0, -1).to_kind(Kind::Double)).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            let allowed = PARAMETER + carried.apart(name, 1);
            assert!(
                (found - expected).abs() < allowed,
                "{name}: {found} is not {expected}"
            );
        }
    }
    let worst = golden
        .answer
        .worst(&model.predict(&golden.answer.batch(words, Kind::Float)));
    assert!(worst < LAST_LOGITS, "logits after training off by {worst:e}");
}

#[test]
fn parameters_after_adamw_are_torchs() {
    let golden = golden();
    let (model, words) = model(&golden, Precision::Fp32);
    parameters_after(&golden, model, &words);
}

#[test]
fn the_step_in_plain_operators_does_the_same() {
    let golden = golden();
    let (mut model, words) = model(&golden, Precision::Fp32);
    model.optimizer = model.optimizer.without_fused_step();
    parameters_after(&golden, model, &words);
}

#[test]
fn a_step_in_parts_is_the_same_step() {
    let golden = golden();
    let step = |parts: &[(usize, usize)]| {
        let (mut model, words) = model(&golden, Precision::Fp32);
        let batches: Vec<Batch> = parts
            .iter()
            .map(|(first, end)| {
                golden.steps[0]
                    .batch
                    .part(*first..*end)
                    .batch(&words, Kind::Float)
            })
            .collect();
        let step = model.train(&batches, golden.rate, 0).read();
        let slots = model.weights.layout.slots.iter();
        let values = slots.map(|slot| {
            Vec::<f64>::try_from(model.weights.master(slot).flatten(0, -1).to_kind(Kind::Double))
        });
        (step, values.map(Result::unwrap).collect::<Vec<_>>().concat())
    };
    let (whole, parameters) = step(&[(0, 4)]);
    let (parts, other) = step(&[(0, 1), (1, 4)]);
    assert!((whole.loss - parts.loss).abs() < LOSS);
    assert!(relative(parts.gradient_norm, whole.gradient_norm) < GRADIENT);
    // The first step of AdamW moves each number by the rate, whichever way the smallest gradient points.
    let worst = parameters
        .iter()
        .zip(&other)
        .filter(|(a, b)| (*a - *b).abs() > PARAMETER)
        .count();
    assert!(
        worst * 100 < parameters.len(),
        "{worst} of {} differ",
        parameters.len()
    );
}

#[test]
fn the_schedule_is_hugging_faces() {
    let golden = golden();
    let schedule = Schedule::new(Scheduler::Linear, golden.rate, golden.n_warmup, golden.n_steps);
    for (step, number) in golden.steps.iter().zip(0..) {
        // Three roundings to 53 bits of a number near 5e-3 are 2e-18.
        assert!((schedule.rate(number) - step.rate).abs() < 1e-17, "step {number}");
    }
}

#[test]
fn bf16_stays_near() {
    let golden = golden();
    let (mut model, words) = model(&golden, Precision::Bf16);
    // In 16 bits u is 2^-8. Weights that are moved by it move losses by up to 7e-3 and the gradient's length by 2e-2 of
    // itself; activations, rounded a dozen times in a layer, move them further. Less than 1e-5 would be arithmetic in 32
    // bits.
    let worst = follow(&golden, &mut model, &words, 0.1, &mut Carried::default());
    assert!(worst > 1e-5 && worst < 5e-2, "loss off by {worst:e}");
}

#[test]
fn a_pickled_checkpoint_with_old_names_is_the_same_checkpoint() {
    let folder = std::env::temp_dir().join(format!("bert-trainer-{}-pickled", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(
        fixtures().join("pytorch_model.bin"),
        folder.join("pytorch_model.bin"),
    )
    .unwrap();
    let pickled = CheckpointFile::read(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let (pickled, safe) = (pickled.unwrap(), CheckpointFile::read(&fixtures()).unwrap());
    let (model, _) = model(&golden(), Precision::Fp32);
    for slot in &model.weights.layout.slots {
        let expected = safe
            .get(&slot.name, &slot.shape)
            .unwrap()
            .to_kind(Kind::BFloat16)
            .to_kind(Kind::Float);
        assert_eq!(
            pickled.get(&slot.name, &slot.shape).unwrap(),
            expected,
            "{}",
            slot.name
        );
    }
}
