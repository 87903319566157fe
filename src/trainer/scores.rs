//! How well does the model answer examples that it was not trained on, and has it collapsed to one answer?

use super::Result;
use super::batches::{Batch, Words};
use super::model::Model;
use super::tokens::Example;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use tch::Reduction;

/// Examples that are answered at once.
const BATCH: usize = 64;

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
        let renamed = other
            .named()
            .map(|(name, value)| (format!("{name}{suffix}"), value));
        self.metrics.extend(renamed);
        self.collapsed &= other.collapsed;
        self
    }
}

/// Scores of the model on `examples`; `None` once `stop` is set.
///
/// # Errors
/// libtorch's answers can't be read.
pub(super) fn evaluate(
    model: &Model,
    examples: &[Example],
    words: &Words,
    stop: &AtomicBool,
) -> Result<Option<Scores>> {
    // By length, so that little is padded; scores do not depend on the order.
    let mut sorted: Vec<&Example> = examples.iter().collect();
    sorted.sort_by_key(|example| example.ids.len());
    let (mut answers, mut labels, mut loss) = (Vec::new(), Vec::new(), 0.0);
    for part in sorted.chunks(BATCH) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let batch = Batch::new(part, words, model.kind(), model.device());
        let outputs = model.predict(&batch);
        let sum = model.task.loss(&outputs, &batch.labels, Reduction::Sum);
        loss += sum.double_value(&[]);
        answers.extend(Vec::<f64>::try_from(model.task.answers(&outputs))?);
        labels.extend(part.iter().map(|example| example.label.value()));
    }
    let judgement = model.task.judge(&answers, &labels);
    let named = |(name, value): (&str, f64)| (name.to_owned(), value);
    Ok(Some(Scores {
        loss: loss / examples.len().max(1) as f64,
        collapsed: judgement.collapsed,
        metrics: judgement.metrics.into_iter().map(named).collect(),
    }))
}
