//! What the built-in fine-tuner learns, and what it reports of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A task of GLUE or SQuAD 1.1, by the files that are published of it.
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
    /// Where in a text the answer to a question stands (F1, exact match): SQuAD 1.1.
    Squad,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 10] = [
        Self::Mrpc,
        Self::Cola,
        Self::Sst2,
        Self::Stsb,
        Self::Qqp,
        Self::Mnli,
        Self::Qnli,
        Self::Rte,
        Self::Wnli,
        Self::Squad,
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
            Self::Squad => "squad",
        }
    }

    /// What may be the objective: what is published of a task first.
    pub fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::Mrpc | Self::Qqp => &["f1", "accuracy", "loss"],
            Self::Cola => &["matthews", "accuracy", "loss"],
            Self::Stsb => &["pearson", "spearman", "loss"],
            Self::Mnli => &["accuracy", "accuracy_mismatched", "loss", "loss_mismatched"],
            Self::Sst2 | Self::Qnli | Self::Rte | Self::Wnli => &["accuracy", "loss"],
            Self::Squad => &["f1", "exact_match", "loss"],
        }
    }

    /// Tokens after which an example is cut off where nobody says.
    pub(super) fn usual_length(self) -> u32 {
        match self {
            Self::Squad => 384,
            _ => 128,
        }
    }

    /// Least that an example may be cut off at, in tokens: of squad's the question may take 64, and the text needs some too.
    pub(crate) fn least_length(self) -> u32 {
        match self {
            Self::Squad => 100,
            _ => 8,
        }
    }

    /// Classes among which an example's is found; `None` where the answer is a number or a place.
    pub(crate) fn classes(self) -> Option<usize> {
        match self {
            Self::Stsb | Self::Squad => None,
            Self::Mnli => Some(3),
            Self::Mrpc | Self::Cola | Self::Sst2 | Self::Qqp | Self::Qnli | Self::Rte | Self::Wnli => Some(2),
        }
    }
}
