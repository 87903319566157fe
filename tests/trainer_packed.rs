//! Packed batches and the fused attention give what padded batches and plain operators give.
//!
//! libtorch has the fused operator for GPUs alone, so kernels for the CPU stand in (tests/fixtures/trainer/flash.rs): whatever is around
//! them is what runs on a GPU.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/checkpoint.rs"]
mod checkpoint;
#[path = "fixtures/trainer/flash.rs"]
mod flash;

use flash::Call;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind, Tensor};
use tuning_operator::trainer::batches::{Batch, Words};
use tuning_operator::trainer::bert_config::BertConfig;
use tuning_operator::trainer::checkpoint_files::CheckpointFile;
use tuning_operator::trainer::config::Precision;
use tuning_operator::trainer::example::{Example, Label};
use tuning_operator::trainer::model::Model;
use tuning_operator::trainer::packed::Epoch;
use tuning_operator::trainer::random::{Purpose, Stream};
use tuning_operator::trainer::setting::{Recipe, Setting};
use tuning_operator::trainer::tasks;

/// Of a loss, or below 1 as it is: four roundings, u = 2^-24.
const LOSS: f64 = 5e-7;
/// Of a gradient's length, after steps of AdamW that make something of each rounding.
const GRADIENT: f64 = 1e-5;
// Numbers up to 3 after some 40 roundings, u = 2^-24 each.
const OUTPUTS: f64 = 5e-6;

const NAMES: [&str; 3] = ["bert", "roberta", "distilbert"];

/// The calls are noted for the process, so one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    flash::register();
    flash::calls();
    guard
}

fn relative_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/trainer/relatives")
        .join(name)
}

/// A model without dropout, unless there is one to try.
fn model(folder: &Path, task: &str, dropout: f64) -> (Model, Words) {
    let config = BertConfig::read(folder).unwrap().with_dropout(dropout);
    let words = Words::all(config.n_tokens);
    let setting = Setting {
        task: tasks::find(task).unwrap(),
        words: &words,
        precision: Precision::Fp32,
        device: Device::Cpu,
        recipe: Recipe::default(),
        seed: 1,
    };
    let file = CheckpointFile::read(folder).unwrap();
    let model = Model::load(&file, config, &setting).unwrap();
    (model, words)
}

/// Examples of these lengths with tokens below `n_tokens`, a function of `seed`.
fn examples(lengths: &[usize], n_tokens: u64, is_span: bool, seed: u64) -> Vec<Example> {
    let mut stream = Stream::new(seed, Purpose::Order, 0);
    let mut example = |n: usize| {
        let ids = (0..n).map(|_| (stream.bits() % n_tokens) as u32).collect();
        let class = (stream.bits() % 2) as u8;
        let ends = [0, 1].map(|_| (stream.bits() % n as u64) as u32);
        Example {
            ids,
            types: (0..n).map(|i| u8::from(2 * i > n)).collect(),
            label: match is_span {
                true => Label::Span(ends[0].min(ends[1]), ends[0].max(ends[1])),
                false => Label::Class(class),
            },
        }
    };
    lengths.iter().map(|n| example(*n)).collect()
}

fn padded(examples: &[Example], words: &Words) -> Batch {
    Batch::new(
        &examples.iter().collect::<Vec<_>>(),
        words,
        Kind::Float,
        Device::Cpu,
    )
}

fn packed(examples: &[Example], words: &Words) -> Batch {
    Batch::packed(&examples.iter().collect::<Vec<_>>(), words, Device::Cpu)
}

fn relative(found: f64, expected: f64) -> f64 {
    (found - expected).abs() / expected.abs().max(1e-6)
}

/// Lengths in groups: a padded step takes one group after the other, without padding, as its loss over tokens counts padding too.
const GROUPS: [&[usize]; 3] = [&[5; 3], &[9], &[3; 2]];

#[test]
fn a_packed_step_is_the_padded_one() {
    let _alone = alone();
    println!("checkpoint  task    loss        gradient    outputs");
    for name in NAMES {
        for (task, is_span) in [("mrpc", false), ("squad", true)] {
            let (mut with_padding, words) = model(&relative_folder(name), task, 0.0);
            let (mut without, _) = model(&relative_folder(name), task, 0.0);
            // Before training: the head's bias over tokens has no gradient but rounding, which AdamW makes steps of.
            let asked = examples(&GROUPS.concat(), 20, is_span, 99);
            let expected = with_padding.predict(&padded(&asked, &words));
            let found = without.predict(&packed(&asked, &words));
            let outputs = apart(&found, &expected, &asked, is_span);
            let (mut loss, mut gradient) = (0.0_f64, 0.0_f64);
            for number in 0..10 {
                let groups = GROUPS.map(|lengths| examples(lengths, 20, is_span, number + lengths[0] as u64));
                let together = packed(&groups.concat(), &words);
                let batches = match is_span {
                    true => groups.each_ref().map(|group| padded(group, &words)).into(),
                    false => vec![padded(&groups.concat(), &words)],
                };
                let expected = with_padding.train(&batches, 1e-3, number).read();
                let found = without.train(&[together], 1e-3, number).read();
                loss = loss.max((found.loss - expected.loss).abs() / expected.loss.max(1.0));
                gradient = gradient.max(relative(found.gradient_norm, expected.gradient_norm));
            }
            println!("{name:11} {task:7} {loss:<11.1e} {gradient:<11.1e} {outputs:.1e}");
            assert!(loss < LOSS && gradient < GRADIENT && outputs < OUTPUTS);
        }
    }
}

/// The largest difference of outputs, where there are tokens; where a packed batch has none no answer can be.
fn apart(found: &Tensor, expected: &Tensor, examples: &[Example], is_span: bool) -> f64 {
    assert_eq!(found.size(), expected.size());
    let pairs = examples.iter().zip(0..).map(|(example, row)| {
        let (found, expected) = (found.select(0, row), expected.select(0, row));
        if !is_span {
            return (found - expected).abs().max().double_value(&[]);
        }
        let (n, all) = (example.ids.len() as i64, found.size()[1]);
        if n < all {
            let nowhere = found.narrow(1, n, all - n).max().double_value(&[]);
            assert!(nowhere < -1e4, "{nowhere}");
        }
        let own = |tensor: Tensor| tensor.narrow(1, 0, n);
        (own(found) - own(expected)).abs().max().double_value(&[])
    });
    pairs.fold(0.0, f64::max)
}

#[test]
fn the_real_checkpoint_learns_alike_packed_and_padded() {
    let _alone = alone();
    let folder = checkpoint::checkpoint();
    let (mut with_padding, words) = model(&folder, "mrpc", 0.0);
    let (mut without, _) = model(&folder, "mrpc", 0.0);
    let (mut loss, mut gradient) = (0.0_f64, 0.0_f64);
    for number in 0..4 {
        let lengths = [40, 12, 57, 33, 28, 64].map(|n| n - number as usize);
        let these = examples(&lengths, 30_000, false, number);
        let expected = with_padding.train(&[padded(&these, &words)], 5e-5, number).read();
        let found = without.train(&[packed(&these, &words)], 5e-5, number).read();
        println!(
            "step {number}: loss {:.6}, off by {:+.1e}",
            expected.loss,
            found.loss - expected.loss
        );
        loss = loss.max((found.loss - expected.loss).abs());
        gradient = gradient.max(relative(found.gradient_norm, expected.gradient_norm));
    }
    println!("worst loss difference {loss:.1e}, gradient norm {gradient:.1e} relative");
    assert!(loss < LOSS && gradient < GRADIENT);
}

#[test]
fn every_token_is_there_once_and_nothing_else() {
    let _alone = alone();
    let (mut model, words) = model(&relative_folder("bert"), "mrpc", 0.0);
    let these = examples(&[4, 7, 2], 20, false, 5);
    model.train(&[packed(&these, &words)], 1e-3, 0).read();
    let call = |is_backward, n_queries, longest| Call {
        is_backward,
        n_queries,
        n_keys: 13,
        longest: [longest, 7],
        dropout: 0.0,
        seed: 0,
    };
    // Of three layers the last has a query for each example alone.
    let expected = [
        call(false, 13, 7),
        call(false, 13, 7),
        call(false, 3, 1),
        call(true, 3, 1),
        call(true, 13, 7),
        call(true, 13, 7),
    ];
    assert_eq!(flash::calls(), expected);
}

#[test]
fn dropout_is_drawn_in_the_operator_and_only_in_training() {
    let _alone = alone();
    let (mut model, words) = model(&relative_folder("bert"), "mrpc", 0.1);
    let batch = || packed(&examples(&[4, 7, 2], 20, false, 5), &words);
    let _ = model.predict(&batch());
    assert!(flash::calls().iter().all(|call| call.dropout == 0.0));
    tch::manual_seed(3);
    model.train(&[batch()], 0.0, 0).read();
    let calls = flash::calls();
    assert!(calls.iter().all(|call| call.dropout == 0.1 && call.seed != 0));
    let (forward, backward) = calls.split_at(3);
    let seeds = |calls: &[Call]| calls.iter().map(|call| call.seed).collect::<Vec<_>>();
    let mut back = seeds(backward);
    back.reverse();
    assert_eq!(
        seeds(forward),
        back,
        "each layer's masks are those of its own way forward"
    );
    assert!(back[0] != back[1] && back[1] != back[2]);
}

#[test]
fn an_epoch_on_the_device_is_the_same_batches() {
    let _alone = alone();
    let (mut one, words) = model(&relative_folder("bert"), "mrpc", 0.0);
    let (mut other, _) = model(&relative_folder("bert"), "mrpc", 0.0);
    let these = examples(&[4, 7, 2, 9, 3, 6, 8], 20, false, 5);
    let steps: Vec<Vec<Vec<&Example>>> = these
        .chunks(4)
        .map(|step| step.chunks(2).map(|batch| batch.iter().collect()).collect())
        .collect();
    let epoch = Epoch::new(&steps, &words, Device::Cpu);
    for (batches, place) in steps.iter().zip(0..) {
        let made = batches
            .iter()
            .map(|batch| Batch::packed(batch, &words, Device::Cpu));
        let expected = one.train(&made.collect::<Vec<_>>(), 1e-3, place as u64).read();
        let found = other.train(&epoch.step(place), 1e-3, place as u64).read();
        assert_eq!(
            (found.loss, found.gradient_norm),
            (expected.loss, expected.gradient_norm)
        );
    }
}
