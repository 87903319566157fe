//! Models and examples for the checks.

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::Path;
use tch::Device;
use tuning_operator::trainer::batches::{Batch, Words};
use tuning_operator::trainer::bert_config::BertConfig;
use tuning_operator::trainer::checkpoint_files::CheckpointFile;
use tuning_operator::trainer::config::Precision;
use tuning_operator::trainer::example::{Example, Label};
use tuning_operator::trainer::layout::{Layout, Slot};
use tuning_operator::trainer::model::Model;
use tuning_operator::trainer::random::{Purpose, Stream};
use tuning_operator::trainer::setting::{Recipe, Setting};
use tuning_operator::trainer::task::Head;
use tuning_operator::trainer::tasks;

/// How a model is made.
#[derive(Clone, Copy)]
pub struct Make {
    pub task: &'static str,
    pub precision: Precision,
    pub device: Device,
    pub dropout: f64,
    pub seed: u64,
}

/// The checkpoint of `folder` as a model.
pub fn model(folder: &Path, make: Make) -> (Model, Words) {
    let config = BertConfig::read(folder)
        .expect("config.json is sound")
        .with_dropout(make.dropout);
    let words = Words::all(config.n_tokens);
    let setting = Setting {
        task: tasks::find(make.task).expect("it is a task"),
        words: &words,
        precision: make.precision,
        device: make.device,
        recipe: Recipe::default(),
        seed: make.seed,
    };
    let file = CheckpointFile::read(folder).expect("the checkpoint can be read");
    let model = Model::load(&file, config, &setting).expect("the checkpoint is whole");
    (model, words)
}

/// Examples of these lengths with random tokens, a function of `seed`.
pub fn examples(task: &str, lengths: &[usize], seed: u64) -> Vec<Example> {
    let mut stream = Stream::new(seed, Purpose::Order, 0);
    let mut example = |n: usize| Example {
        ids: (0..n).map(|_| 1000 + (stream.bits() % 20_000) as u32).collect(),
        types: (0..n).map(|i| u8::from(2 * i > n)).collect(),
        label: match task {
            "squad" => {
                let ends = [0, 1].map(|_| (stream.bits() % n as u64) as u32);
                Label::Span(ends[0].min(ends[1]), ends[0].max(ends[1]))
            }
            _ => Label::Class((stream.bits() % 2) as u8),
        },
    };
    lengths.iter().map(|n| example(*n)).collect()
}

/// Lengths between these, a function of `seed`.
pub fn lengths(n: usize, (least, most): (usize, usize), seed: u64) -> Vec<usize> {
    let mut stream = Stream::new(seed, Purpose::Order, 1);
    let length = |_| least + (stream.bits() as usize) % (most - least + 1);
    (0..n).map(length).collect()
}

/// A packed batch.
pub fn packed(examples: &[Example], words: &Words, device: Device) -> Batch {
    Batch::packed(&examples.iter().collect::<Vec<_>>(), words, device)
}

/// A padded batch in the kind of `model`.
pub fn padded(examples: &[Example], words: &Words, model: &Model, device: Device) -> Batch {
    Batch::new(&examples.iter().collect::<Vec<_>>(), words, model.kind(), device)
}

/// Writes a checkpoint with random weights to `folder`: times do not depend on what they are.
pub fn write_random(folder: &Path, config: &serde_json::Value) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let text = config.to_string();
    std::fs::write(folder.join("config.json"), &text).expect("it can be written");
    let config = BertConfig::parse(&text).expect("it is sound");
    let layout = Layout::new(&config, config.n_tokens, Head::Pooled(2));
    let is_kept = |slot: &&Slot| !slot.name.starts_with("classifier");
    let tensors = layout.slots.iter().filter(is_kept).map(|slot| {
        let mut state = slot.numel() as u64;
        // A linear congruential generator: a hundred million draws.
        let value = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            0.04 * ((state >> 40) as f32 / (1 << 24) as f32 - 0.5)
        };
        let bytes: Vec<u8> = (0..slot.numel()).map(value).flat_map(f32::to_le_bytes).collect();
        let shape: Vec<usize> = slot.shape.iter().map(|n| *n as usize).collect();
        (slot.name.clone(), shape, bytes)
    });
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = tensors.collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.expect("so many bytes"))
    });
    let path = folder.join("model.safetensors");
    safetensors::serialize_to_file(views, None, &path).expect("it can be written");
}
