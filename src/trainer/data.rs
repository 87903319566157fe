//! What a run learns from and what it is judged by, as tokens.

use super::Result;
use super::batches::Words;
use super::bert_config::BertConfig;
use super::config::Config;
use super::example::{Example, Label};
use super::log::say;
use super::set_summary::summary;
use super::task::{DevSet, Task};
use super::tokens::Tokens;
use std::collections::BTreeSet;

/// All examples of a run.
pub(super) struct Data {
    /// Those to learn from.
    pub(super) train: Vec<Example>,
    /// Sets to evaluate on, in the order of the task's files.
    pub(super) dev: Vec<Box<dyn DevSet>>,
    /// The rows of the word table that they need.
    pub(super) words: Words,
    /// Of everything that a resumed run must find again.
    pub(super) digest: String,
}

impl Data {
    /// Reads the task's files.
    ///
    /// # Errors
    /// A file or the vocabulary can't be used.
    pub(super) fn read(config: &Config, bert_config: &BertConfig) -> Result<Self> {
        let max_length = config.parameters.max_length() as usize;
        let tokens = Tokens::read(&config.model, bert_config.n_tokens, max_length)?;
        let task = config.task;
        let train = task.train_set(&config.data.join(task.train_file()), &tokens)?;
        let dev = task.dev_files().iter();
        let dev = dev.map(|(file, _)| task.dev_set(&config.data.join(file), &tokens));
        let dev: Vec<Box<dyn DevSet>> = dev.collect::<Result<_>>()?;
        say(format_args!(
            "{}: {}",
            task.train_file(),
            summary(&train, max_length)
        ));
        for (set, (file, _)) in dev.iter().zip(task.dev_files()) {
            say(format_args!("{file}: {}", summary(set.examples(), max_length)));
        }
        say_of_classes(&train, &dev, task);
        let sets: Vec<&[Example]> = std::iter::once(train.as_slice())
            .chain(dev.iter().map(|set| set.examples()))
            .collect();
        let words = Words::of(&sets, bert_config.n_tokens).seen_by(task.head(), tokens.padding());
        let digest = digest(task, bert_config, &sets);
        Ok(Self {
            train,
            dev,
            words,
            digest,
        })
    }

    /// Examples to evaluate on, in all sets.
    pub(super) fn n_dev(&self) -> usize {
        self.dev.iter().map(|set| set.examples().len()).sum()
    }
}

/// A class that is asked for and was never shown can't be answered, and one that is alone needs no learning.
fn say_of_classes(train: &[Example], dev: &[Box<dyn DevSet>], task: &dyn Task) {
    let classes = |examples: &[Example]| -> BTreeSet<u8> {
        let classes = examples.iter().filter_map(|example| match example.label {
            Label::Class(class) => Some(class),
            _ => None,
        });
        classes.collect()
    };
    let shown = classes(train);
    for (set, (file, _)) in dev.iter().zip(task.dev_files()) {
        if classes(set.examples()).len() == 1 {
            say(format_args!(
                "{file}: all {} examples are of one class, so whoever answers it always is right; take another dev set",
                set.examples().len()
            ));
        }
        for class in classes(set.examples()).difference(&shown) {
            say(format_args!(
                "{file} has examples of the class {class}, and {} has none: it can't be learned",
                task.train_file()
            ));
        }
    }
}

/// FNV-1a over everything that a resumed run must find again.
fn digest(task: &dyn Task, bert_config: &BertConfig, parts: &[&[Example]]) -> String {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |byte: u8| digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bert_config.text().bytes().for_each(&mut take);
    for example in parts.iter().flat_map(|part| part.iter()) {
        example
            .ids
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .for_each(&mut take);
        example.types.iter().copied().for_each(&mut take);
        match example.label {
            Label::Class(class) => take(class),
            Label::Score(score) => score.to_le_bytes().into_iter().for_each(&mut take),
            Label::Span(first, last) => [first, last]
                .into_iter()
                .flat_map(u32::to_le_bytes)
                .for_each(&mut take),
        }
    }
    // States are older than other tasks.
    if task.name() != "mrpc" {
        task.name().bytes().for_each(&mut take);
    }
    format!("{digest:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::tasks;

    #[test]
    fn states_of_earlier_versions_are_known_again() {
        let config = r#"{"model_type": "bert", "vocab_size": 50, "hidden_size": 32, "intermediate_size": 64,
            "num_attention_heads": 4, "num_hidden_layers": 2}"#;
        assert_eq!(
            digest(
                tasks::find("mrpc").unwrap(),
                &BertConfig::parse(config).unwrap(),
                &[]
            ),
            "c272305032eb61e3"
        );
    }
}
