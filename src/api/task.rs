//! What the built-in fine-tuner learns, and what it reports of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A task of GLUE, by the files that GLUE publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Whether two sentences say the same (F1, accuracy).
    Mrpc,
    /// Whether a sentence is good English (Matthews' correlation, accuracy).
    Cola,
    /// Whether a sentence is meant well (accuracy).
    Sst2,
    /// How alike two sentences are (Pearson's and Spearman's correlation).
    Stsb,
    /// Whether two questions ask the same (F1, accuracy).
    Qqp,
    /// Whether a sentence follows from another, contradicts it, or neither (accuracy, on both dev sets).
    Mnli,
    /// Whether a sentence answers a question (accuracy).
    Qnli,
    /// Whether a sentence follows from another (accuracy).
    Rte,
    /// Whether a pronoun is resolved rightly (accuracy).
    Wnli,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 9] = [
        Self::Mrpc,
        Self::Cola,
        Self::Sst2,
        Self::Stsb,
        Self::Qqp,
        Self::Mnli,
        Self::Qnli,
        Self::Rte,
        Self::Wnli,
    ];

    /// As manifests and `bert-trainer --task` have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mrpc => "mrpc",
            Self::Cola => "cola",
            Self::Sst2 => "sst2",
            Self::Stsb => "stsb",
            Self::Qqp => "qqp",
            Self::Mnli => "mnli",
            Self::Qnli => "qnli",
            Self::Rte => "rte",
            Self::Wnli => "wnli",
        }
    }

    /// What may be the objective: what GLUE measures first.
    pub fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::Mrpc | Self::Qqp => &["f1", "accuracy", "loss"],
            Self::Cola => &["matthews", "accuracy", "loss"],
            Self::Stsb => &["pearson", "spearman", "loss"],
            Self::Mnli => &["accuracy", "accuracy_mismatched", "loss", "loss_mismatched"],
            Self::Sst2 | Self::Qnli | Self::Rte | Self::Wnli => &["accuracy", "loss"],
        }
    }
}
