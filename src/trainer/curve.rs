//! What evaluations give, one after the other.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one evaluation gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scores {
    /// Mean loss; of classes the cross entropy in nats.
    pub(super) loss: f64,
    /// Every example got the same answer: whatever the metrics, nothing was learned.
    pub(super) collapsed: bool,
    /// What the task measures, by name.
    #[serde(flatten)]
    pub(super) metrics: BTreeMap<String, f64>,
}

impl Scores {
    /// Every number by its name.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, f64)> {
        let metrics = self.metrics.iter().map(|(name, value)| (name.as_str(), *value));
        metrics.chain([("loss", self.loss)])
    }

    /// With those of another file, whose names end in this. It has collapsed only with both.
    pub(super) fn with(mut self, other: Self, suffix: &str) -> Self {
        for (name, value) in other.named() {
            self.metrics.insert(format!("{name}{suffix}"), value);
        }
        self.collapsed &= other.collapsed;
        self
    }
}

/// One evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    /// Steps done before it.
    pub(super) step: u64,
    /// Whole epochs done before it.
    pub(super) epoch: u64,
    /// The scores.
    #[serde(flatten)]
    pub(super) scores: Scores,
}
