//! config.json as it is written, in the words of each family, and what can be wrong with it.

use super::excerpt::{excerpt, one_line};
use super::family::Family;
use serde::Deserialize;
use serde_json::Value;

/// As far as it matters here, with BERT's keys and defaults.
#[derive(Deserialize)]
pub(super) struct Raw {
    pub(super) vocab_size: i64,
    #[serde(default = "positions")]
    pub(super) max_position_embeddings: i64,
    #[serde(default = "types")]
    pub(super) type_vocab_size: i64,
    pub(super) hidden_size: i64,
    pub(super) intermediate_size: i64,
    pub(super) num_attention_heads: i64,
    pub(super) num_hidden_layers: usize,
    #[serde(default = "epsilon")]
    pub(super) layer_norm_eps: f64,
    #[serde(default = "gelu")]
    pub(super) hidden_act: String,
    #[serde(default = "tenth")]
    pub(super) hidden_dropout_prob: f64,
    #[serde(default = "tenth")]
    pub(super) attention_probs_dropout_prob: f64,
    pub(super) classifier_dropout: Option<f64>,
    #[serde(default = "range")]
    pub(super) initializer_range: f64,
    pub(super) pad_token_id: Option<i64>,
    #[serde(skip)]
    pub(super) span_dropout: f64,
}

/// The same with DistilBERT's keys and defaults.
#[derive(Deserialize)]
struct Distil {
    vocab_size: i64,
    #[serde(default = "positions")]
    max_position_embeddings: i64,
    dim: i64,
    hidden_dim: i64,
    n_heads: i64,
    n_layers: usize,
    #[serde(default = "gelu")]
    activation: String,
    #[serde(default = "tenth")]
    dropout: f64,
    #[serde(default = "tenth")]
    attention_dropout: f64,
    #[serde(default = "fifth")]
    seq_classif_dropout: f64,
    #[serde(default = "tenth")]
    qa_dropout: f64,
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

fn fifth() -> f64 {
    0.2
}

fn range() -> f64 {
    0.02
}

impl From<Distil> for Raw {
    fn from(distil: Distil) -> Self {
        Self {
            vocab_size: distil.vocab_size,
            max_position_embeddings: distil.max_position_embeddings,
            type_vocab_size: 0,
            hidden_size: distil.dim,
            intermediate_size: distil.hidden_dim,
            num_attention_heads: distil.n_heads,
            num_hidden_layers: distil.n_layers,
            layer_norm_eps: epsilon(),
            hidden_act: distil.activation,
            hidden_dropout_prob: distil.dropout,
            attention_probs_dropout_prob: distil.attention_dropout,
            classifier_dropout: Some(distil.seq_classif_dropout),
            initializer_range: distil.initializer_range,
            pad_token_id: None,
            span_dropout: distil.qa_dropout,
        }
    }
}

impl Raw {
    /// Reads the text of a config.json.
    ///
    /// # Errors
    /// A sentence without the file's name.
    pub(super) fn parse(text: &str) -> Result<(Family, Self), String> {
        let value: Value = serde_json::from_str(text).map_err(|fault| {
            format!(
                "it is not JSON ({}); fetch it again",
                one_line(&fault.to_string())
            )
        })?;
        let family = family(&value).map_err(|name| {
            format!(
                "its architecture is {}, and bert-trainer knows BERT, RoBERTa and DistilBERT; use one of these",
                one_line(&name)
            )
        })?;
        let raw = match family {
            Family::Bert | Family::Roberta => serde_json::from_value(value),
            Family::DistilBert => serde_json::from_value::<Distil>(value).map(Self::from),
        };
        let raw = raw.map_err(|fault| format!("{}; complete it", one_line(&fault.to_string())))?;
        raw.check(family)?;
        Ok((family, raw))
    }

    fn check(&self, family: Family) -> Result<(), String> {
        self.check_sizes(family)?;
        let key = |name| key_in(family, name);
        if family == Family::Bert && self.type_vocab_size < 2 {
            return Err(
                "type_vocab_size is 1, so it cannot tell two sentences apart; use another BERT".into(),
            );
        }
        let padding = self.pad_token_id.unwrap_or(1);
        if family == Family::Roberta && !(0..self.max_position_embeddings - 1).contains(&padding) {
            return Err(format!(
                "pad_token_id is {padding}, and the positions of tokens follow it; it must be below max_position_embeddings"
            ));
        }
        if self.hidden_size % self.num_attention_heads != 0 {
            return Err(format!(
                "{} {} is not a multiple of {} {}; correct one",
                key("hidden_size"),
                self.hidden_size,
                key("num_attention_heads"),
                self.num_attention_heads
            ));
        }
        if !["gelu", "gelu_new", "gelu_pytorch_tanh"].contains(&self.hidden_act.as_str()) {
            return Err(format!(
                "{} is {}; only gelu and gelu_new are known",
                key("hidden_act"),
                excerpt(&self.hidden_act)
            ));
        }
        let dropouts = [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
            ("classifier_dropout", self.classifier_dropout.unwrap_or(0.0)),
            ("qa_dropout", self.span_dropout),
        ];
        match dropouts.iter().find(|(_, p)| !(0.0..1.0).contains(p)) {
            Some((name, p)) => Err(format!("{} is {p}; it must be at least 0 and below 1", key(name))),
            None => Ok(()),
        }
    }

    fn check_sizes(&self, family: Family) -> Result<(), String> {
        let mut sizes = vec![
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_hidden_layers", self.num_hidden_layers as i64),
        ];
        if family != Family::DistilBert {
            sizes.push(("type_vocab_size", self.type_vocab_size));
        }
        match sizes.iter().find(|(_, size)| !(1..=1 << 24).contains(size)) {
            Some((name, size)) => {
                let name = key_in(family, name);
                Err(format!("{name} is {size}; it must be above 0 and below 16777217"))
            }
            None => Ok(()),
        }
    }
}

/// What a family calls a key of BERT's.
fn key_in(family: Family, name: &'static str) -> &'static str {
    if family != Family::DistilBert {
        return name;
    }
    match name {
        "hidden_size" => "dim",
        "intermediate_size" => "hidden_dim",
        "num_attention_heads" => "n_heads",
        "num_hidden_layers" => "n_layers",
        "hidden_act" => "activation",
        "hidden_dropout_prob" => "dropout",
        "attention_probs_dropout_prob" => "attention_dropout",
        "classifier_dropout" => "seq_classif_dropout",
        other => other,
    }
}

/// The family, or else the name of what is none of them with absolute positions.
fn family(config: &Value) -> Result<Family, String> {
    let text = |key: &str| config.get(key).and_then(Value::as_str);
    let class = config.get("architectures").and_then(|list| list.get(0)?.as_str());
    let of_class = |family: &Family| class.is_none_or(|name| name.starts_with(family.class_prefix()));
    let mut families = Family::ALL.into_iter();
    let found = match text("model_type") {
        Some(name) => families.find(|family| family.model_type() == name).ok_or(name)?,
        None => families.find(of_class).unwrap_or(Family::Bert),
    };
    if let Some(name) = class.filter(|_| !of_class(&found)) {
        return Err(name.to_owned());
    }
    match text("position_embedding_type") {
        None | Some("absolute") => Ok(found),
        Some(kind) => Err(format!("BERT with {kind} positions")),
    }
}
