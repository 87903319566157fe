//! Heads that a checkpoint does not have, or not of the size that the task needs.

use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::layout::{CLASSIFIER, Group, Layout, POOLER, SPAN, Slot};
use super::log::say;
use super::random::{Purpose, Stream};
use super::setting::Setting;
use super::task::Head;
use tch::Tensor;

/// The name of the outermost head if the checkpoint's has another number of outputs than the task: a new one takes its place.
pub(super) fn replaced(
    file: &CheckpointFile,
    config: &BertConfig,
    setting: &Setting,
) -> Option<&'static str> {
    let (head, needed) = match setting.task.head() {
        Head::Pooled(n) => (CLASSIFIER, n),
        Head::Span => (SPAN, 2),
    };
    let name = config.family.name_in(&format!("{head}.weight"));
    let n = match file.shape(&name) {
        Some([n, width]) if *n != needed && *width == config.hidden => *n,
        _ => return None,
    };
    say(format_args!(
        "{}: the head {} has {n} outputs, and {} needs {needed}: a new one takes its place",
        file.path().display(),
        name.trim_end_matches(".weight"),
        setting.task.name()
    ));
    Some(head)
}

/// Name of a parameter of the head that the checkpoint does not have, if there is one: it was drawn, and has learned nothing.
pub(super) fn missing(file: &CheckpointFile, config: &BertConfig, layout: &Layout) -> Option<String> {
    let heads = layout.slots.iter().filter(|slot| is_head(slot));
    let mut named = heads.map(|slot| (config.family.name_in(&slot.name), &slot.shape));
    named.find_map(|(name, shape)| (file.shape(&name) != Some(shape.as_slice())).then_some(name))
}

/// Whether it is part of a head.
pub(super) fn is_head(slot: &Slot) -> bool {
    [CLASSIFIER, POOLER, SPAN]
        .iter()
        .any(|name| slot.name.starts_with(name))
}

/// Hugging Face's initialisation of what is new: matrices from a normal distribution, biases zero.
pub(super) fn tensor(slot: &Slot, deviation: f64, seed: u64, number: u64) -> Tensor {
    let mut stream = Stream::new(seed, Purpose::Head, number);
    let deviation = if slot.group == Group::Decayed {
        deviation
    } else {
        0.0
    };
    let values: Vec<f32> = (0..slot.numel())
        .map(|_| (deviation * stream.gaussian()) as f32)
        .collect();
    Tensor::from_slice(&values).view(slot.shape.as_slice())
}
