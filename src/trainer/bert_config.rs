//! What a BERT is like, as its config.json tells it; other architectures are refused by name.

use super::excerpt::{excerpt, shortened};
use super::lfs::refuse_pointer;
use super::{Failure, Result};
use serde::Deserialize;
use std::path::Path;

/// Everything that config.json decides.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Tokens in the vocabulary.
    pub n_tokens: i64,
    /// Longest sequence.
    pub(super) n_positions: i64,
    /// Segments: 2 for pairs.
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
}

/// config.json, as far as it matters here.
#[derive(Deserialize)]
struct Raw {
    vocab_size: i64,
    #[serde(default = "positions")]
    max_position_embeddings: i64,
    #[serde(default = "types")]
    type_vocab_size: i64,
    hidden_size: i64,
    intermediate_size: i64,
    num_attention_heads: i64,
    num_hidden_layers: usize,
    #[serde(default = "epsilon")]
    layer_norm_eps: f64,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "tenth")]
    hidden_dropout_prob: f64,
    #[serde(default = "tenth")]
    attention_probs_dropout_prob: f64,
    classifier_dropout: Option<f64>,
    #[serde(default = "range")]
    initializer_range: f64,
}

fn positions() -> i64 {
    512
}

fn types() -> i64 {
    2
}

fn epsilon() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".into()
}

fn tenth() -> f64 {
    0.1
}

fn range() -> f64 {
    0.02
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
        let value: serde_json::Value = serde_json::from_str(text).map_err(|fault| {
            format!(
                "it is not JSON ({}); fetch it again",
                shortened(&fault.to_string())
            )
        })?;
        if let Some(name) = other_architecture(&value) {
            return Err(format!(
                "its architecture is {}, and bert-trainer knows BERT alone; use a BERT",
                shortened(&name)
            ));
        }
        let raw: Raw = serde_json::from_value(value)
            .map_err(|fault| format!("{}; complete it", shortened(&fault.to_string())))?;
        raw.check()?;
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
        })
    }

    /// Whether there are places for so many tokens.
    ///
    /// # Errors
    /// There are fewer.
    pub(super) fn check_length(&self, max_length: u32) -> Result<()> {
        if i64::from(max_length) <= self.n_positions {
            return Ok(());
        }
        Err(Failure::Configuration(format!(
            "max_length is {max_length}, but the checkpoint has max_position_embeddings {}; choose at most that",
            self.n_positions
        )))
    }

    /// The same with every dropout replaced.
    pub fn with_dropout(mut self, p: f64) -> Self {
        (
            self.hidden_dropout,
            self.attention_dropout,
            self.classifier_dropout,
        ) = (p, p, p);
        self
    }

    /// Width of one attention head.
    pub(super) fn head(&self) -> i64 {
        self.hidden / self.n_heads
    }
}

impl Raw {
    fn check(&self) -> std::result::Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_hidden_layers", self.num_hidden_layers as i64),
        ];
        for (key, size) in sizes {
            if !(1..=1 << 24).contains(&size) {
                return Err(format!("{key} is {size}; it must be above 0 and below 16777217"));
            }
        }
        if self.type_vocab_size < 2 {
            return Err(
                "type_vocab_size is 1, so it cannot tell two sentences apart; use another BERT".into(),
            );
        }
        if self.hidden_size % self.num_attention_heads != 0 {
            return Err(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}; correct one",
                self.hidden_size, self.num_attention_heads
            ));
        }
        if !["gelu", "gelu_new", "gelu_pytorch_tanh"].contains(&self.hidden_act.as_str()) {
            return Err(format!(
                "hidden_act is {}; only gelu and gelu_new are known",
                excerpt(&self.hidden_act)
            ));
        }
        let dropouts = [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
            ("classifier_dropout", self.classifier_dropout.unwrap_or(0.0)),
        ];
        match dropouts.iter().find(|(_, p)| !(0.0..1.0).contains(p)) {
            Some((key, p)) => Err(format!("{key} is {p}; it must be at least 0 and below 1")),
            None => Ok(()),
        }
    }
}

/// The name of what is not a BERT with absolute positions.
fn other_architecture(config: &serde_json::Value) -> Option<String> {
    let text = |key: &str| config.get(key).and_then(|value| value.as_str());
    if let Some(model_type) = text("model_type").filter(|name| *name != "bert") {
        return Some(model_type.to_owned());
    }
    let architectures = config.get("architectures").and_then(|value| value.as_array());
    let first = architectures
        .and_then(|list| list.first())
        .and_then(|name| name.as_str());
    if let Some(name) = first.filter(|name| !name.starts_with("Bert")) {
        return Some(name.to_owned());
    }
    let positions = text("position_embedding_type").filter(|kind| *kind != "absolute")?;
    Some(format!("BERT with {positions} positions"))
}

#[cfg(test)]
#[path = "bert_config_tests.rs"]
mod tests;
