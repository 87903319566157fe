//! What a run learns from and what it is judged by, as tokens.

use super::Result;
use super::batches::Words;
use super::bert_config::BertConfig;
use super::config::Config;
use super::task::{Label, Task};
use super::tokens::{Example, Tokens};
use std::path::Path;

/// All examples of a run.
pub(super) struct Data {
    /// Those to learn from.
    pub(super) train: Vec<Example>,
    /// Sets to evaluate on, in the order of the task's files.
    pub(super) dev: Vec<Vec<Example>>,
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
        let max_length = config.parameters.max_length as usize;
        let tokens = Tokens::read(&config.model, bert_config.n_tokens, max_length)?;
        let task = config.task;
        let read = |file: &str| examples(task, &config.data.join(file), &tokens);
        let train = read("train.tsv")?;
        let dev = task.dev_files().iter().map(|(file, _)| read(file));
        let dev: Vec<Vec<Example>> = dev.collect::<Result<_>>()?;
        let sets: Vec<&[Example]> = std::iter::once(&train).chain(&dev).map(Vec::as_slice).collect();
        let words = Words::of(&sets, bert_config.n_tokens);
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
        self.dev.iter().map(Vec::len).sum()
    }
}

fn examples(task: &dyn Task, path: &Path, tokens: &Tokens) -> Result<Vec<Example>> {
    let rows = task.read(path)?;
    rows.iter().map(|row| tokens.encode(row)).collect()
}

/// FNV-1a over everything that a resumed run must find again.
fn digest(task: &dyn Task, bert_config: &BertConfig, parts: &[&[Example]]) -> String {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |byte: u8| digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    // States are older than the type's name: one that was written for this run must still be one of this run.
    let text = format!("{bert_config:?}").replacen("BertConfig", "Shape", 1);
    text.bytes().for_each(&mut take);
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
