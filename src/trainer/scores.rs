//! How well does the model answer pairs that it was not trained on, and has it collapsed to one answer?

use super::Result;
use super::batches::{Batch, Words};
use super::model::Model;
use super::tokens::Example;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Kind, Reduction, Tensor};

/// Pairs that are answered at once.
const BATCH: usize = 64;

/// What one pass over labelled pairs gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scores {
    /// F1 of the class 1, in [0, 1].
    pub(super) f1: f64,
    /// Share of right answers, in [0, 1].
    pub(super) accuracy: f64,
    /// Mean cross entropy, in nats.
    pub(super) loss: f64,
    /// F1 of the classifier that always answers the class that most pairs have.
    pub(super) majority_f1: f64,
    /// Every pair got the same answer: whatever the F1, nothing was learned.
    pub(super) collapsed: bool,
}

impl Scores {
    /// Scores of `answers` against `labels`, both 0 or 1 and of one length; `loss` is taken as it is.
    pub(super) fn new(answers: &[i64], labels: &[i64], loss: f64) -> Self {
        let count = |answer, label| {
            answers
                .iter()
                .zip(labels)
                .filter(|&(&a, &l)| (a, l) == (answer, label))
                .count()
        };
        let (hits, false_alarms, misses) = (count(1, 1), count(1, 0), count(0, 1));
        let positives = hits + misses;
        let negatives = labels.len() - positives;
        let majority_f1 = if positives >= negatives {
            f1(positives, negatives, 0)
        } else {
            0.0
        };
        let right = hits + count(0, 0);
        Self {
            f1: f1(hits, false_alarms, misses),
            accuracy: right as f64 / labels.len().max(1) as f64,
            loss,
            majority_f1,
            collapsed: answers.windows(2).all(|pair| pair[0] == pair[1]) && positives * negatives > 0,
        }
    }
}

/// Scores of the model on `examples`; `None` once `stop` is set.
///
/// # Errors
/// libtorch's predictions can't be read.
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
        let logits = model.predict(&batch);
        let sum = logits.cross_entropy_loss(&batch.labels, None::<Tensor>, Reduction::Sum, -100, 0.0);
        loss += sum.double_value(&[]);
        answers.extend(Vec::<i64>::try_from(
            logits.argmax(1, false).to_kind(Kind::Int64),
        )?);
        labels.extend(part.iter().map(|example| i64::from(example.label)));
    }
    let loss = loss / examples.len().max(1) as f64;
    Ok(Some(Scores::new(&answers, &labels, loss)))
}

/// 2 TP / (2 TP + FP + FN), 0 where nothing is right.
fn f1(hits: usize, false_alarms: usize, misses: usize) -> f64 {
    2.0 * hits as f64 / (2 * hits + false_alarms + misses).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collapsed_classifier_scores_the_majority() {
        let labels: Vec<i64> = (0..408).map(|i| i64::from(i < 279)).collect();
        let scores = Scores::new(&[1; 408], &labels, 0.62);
        assert!(scores.collapsed);
        assert_eq!(scores.f1, scores.majority_f1);
        // Known to four decimals.
        assert!(
            (scores.f1 - 0.8122).abs() < 5e-5 && (scores.accuracy - 0.6838).abs() < 5e-5,
            "{scores:?}"
        );
    }

    #[test]
    fn a_mixed_classifier_is_counted_by_hand() {
        let scores = Scores::new(&[1, 1, 0, 0, 1], &[1, 0, 1, 0, 1], 0.1);
        assert_eq!((scores.f1, scores.accuracy), (4.0 / 6.0, 0.6));
        assert!(!scores.collapsed);
    }

    #[test]
    fn always_no_is_collapsed_too() {
        let scores = Scores::new(&[0, 0, 0], &[0, 1, 0], 0.5);
        assert_eq!(
            (scores.f1, scores.majority_f1, scores.collapsed),
            (0.0, 0.0, true)
        );
    }

    #[test]
    fn one_answer_to_labels_of_one_class_is_not_a_collapse() {
        assert!(!Scores::new(&[1, 1], &[1, 1], 0.1).collapsed);
    }
}
