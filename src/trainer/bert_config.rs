//! What a BERT is like, as its config.json tells it; architectures of another family are refused by name.

use super::config_json::Raw;
use super::family::Family;
use super::lfs::refuse_pointer;
use super::{Failure, Result};
use std::path::Path;

/// Everything that config.json decides.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Tokens in the vocabulary.
    pub n_tokens: i64,
    /// Rows of the position table.
    pub(super) n_positions: i64,
    /// Segments: 2 for pairs; 0 where there is no table of them.
    pub(super) n_types: i64,
    /// Width of the residual stream.
    pub hidden: i64,
    /// Width of the feed-forward layer.
    pub(super) inner: i64,
    /// Attention heads in a layer; `hidden` is a multiple of it.
    pub(super) n_heads: i64,
    /// Layers.
    pub(super) n_layers: usize,
    /// Epsilon of every LayerNorm.
    pub(super) epsilon: f64,
    /// The activation is the tanh approximation of GELU rather than GELU.
    pub(super) tanh_gelu: bool,
    /// Dropout after embeddings and dense layers, in [0, 1).
    pub(super) hidden_dropout: f64,
    /// Dropout of attention probabilities, in [0, 1).
    pub(super) attention_dropout: f64,
    /// Dropout before the classifier, in [0, 1).
    pub(super) classifier_dropout: f64,
    /// Standard deviation of new weights.
    pub(super) initializer_range: f64,
    /// Which of BERT's relatives it is.
    pub(super) family: Family,
    /// RoBERTa's position of padding; those of tokens follow it.
    pub(super) padding_position: i64,
    /// Dropout before a head over each token, in [0, 1).
    pub(super) span_dropout: f64,
}

impl BertConfig {
    /// Reads `folder`/config.json.
    ///
    /// # Errors
    /// The file is missing or not JSON, names another architecture, or holds a value that no BERT has.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        refuse_pointer(&path, Failure::Model)?;
        let text = std::fs::read_to_string(&path).map_err(|fault| {
            let cure = "--model must be a checkpoint folder as Hugging Face lays it out";
            Failure::Model(format!("{}: it cannot be read ({fault}); {cure}", path.display()))
        })?;
        Self::parse(&text).map_err(|said| Failure::Model(format!("{}: {said}", path.display())))
    }

    /// Reads the text of a config.json; the error is a sentence without the file's name.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let (family, raw) = Raw::parse(text)?;
        Ok(Self {
            n_tokens: raw.vocab_size,
            n_positions: raw.max_position_embeddings,
            n_types: raw.type_vocab_size,
            hidden: raw.hidden_size,
            inner: raw.intermediate_size,
            n_heads: raw.num_attention_heads,
            n_layers: raw.num_hidden_layers,
            epsilon: raw.layer_norm_eps,
            tanh_gelu: raw.hidden_act != "gelu",
            hidden_dropout: raw.hidden_dropout_prob,
            attention_dropout: raw.attention_probs_dropout_prob,
            classifier_dropout: raw.classifier_dropout.unwrap_or(raw.hidden_dropout_prob),
            initializer_range: raw.initializer_range,
            family,
            padding_position: raw.pad_token_id.unwrap_or(1),
            span_dropout: raw.span_dropout,
        })
    }

    /// Whether there are places for so many tokens.
    ///
    /// # Errors
    /// There are fewer.
    pub(super) fn check_length(&self, max_length: u32) -> Result<()> {
        if i64::from(max_length) <= self.longest() {
            return Ok(());
        }
        Err(Failure::Configuration(format!(
            "max_length is {max_length}, but the checkpoint has max_position_embeddings {}; choose at most {}",
            self.n_positions,
            self.longest()
        )))
    }

    /// The same with every dropout replaced.
    pub fn with_dropout(mut self, p: f64) -> Self {
        (
            self.hidden_dropout,
            self.attention_dropout,
            self.classifier_dropout,
        ) = (p, p, p);
        if self.family == Family::DistilBert {
            self.span_dropout = p;
        }
        self
    }

    /// Width of one attention head.
    pub(super) fn head(&self) -> i64 {
        self.hidden / self.n_heads
    }

    /// Tokens of the longest sequence.
    pub(super) fn longest(&self) -> i64 {
        match self.family {
            Family::Roberta => self.n_positions - self.padding_position - 1,
            Family::Bert | Family::DistilBert => self.n_positions,
        }
    }

    /// Dropout of the attention's output, which DistilBERT does without.
    pub(super) fn attended_dropout(&self) -> f64 {
        match self.family {
            Family::DistilBert => 0.0,
            Family::Bert | Family::Roberta => self.hidden_dropout,
        }
    }

    /// Everything in it as a text, by which a state on disk is known again. States are older than the type's name and than
    /// families: a BERT must have the text that it had then.
    pub(super) fn text(&self) -> String {
        let text = format!("{self:?}").replacen("BertConfig", "Shape", 1);
        match text.split_once(", family: Bert,") {
            Some((before, _)) => format!("{before} }}"),
            None => text,
        }
    }
}

#[cfg(test)]
#[path = "bert_config_tests.rs"]
mod tests;
