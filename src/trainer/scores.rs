//! How well does the model answer examples that it was not trained on, and has it collapsed to one answer?

use super::Result;
use super::batches::{Batch, Words};
use super::curve::Scores;
use super::example::Example;
use super::model::Model;
use super::task::{Criterion, DevSet, Head, Judgement};
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Device, Reduction, Tensor};

/// Examples that are answered at once, and tokens in them, padding among them.
const MAX_EXAMPLES: usize = 64;
const MAX_TOKENS: usize = MAX_EXAMPLES * 128;

/// An evaluation on one set.
pub(super) struct Evaluation {
    /// What it gives.
    pub(super) scores: Scores,
    /// The head's outputs for each example.
    pub(super) outputs: Vec<Vec<f32>>,
}

/// Evaluates the model on `set`; `None` once `stop` is set.
///
/// # Errors
/// libtorch's answers can't be read.
pub(super) fn evaluate(
    model: &Model,
    set: &dyn DevSet,
    words: &Words,
    stop: &AtomicBool,
) -> Result<Option<Evaluation>> {
    let mut loss = 0.0;
    let found = outputs(model, set.examples(), words, stop, |found, batch| {
        let sum = model
            .task
            .loss(found, &batch.labels, &Criterion::default(), Reduction::Sum);
        loss += sum.double_value(&[]);
    })?;
    let Some(outputs) = found else { return Ok(None) };
    let Judgement { metrics, collapsed } = set.judge(&outputs);
    let named = metrics.into_iter().map(|(name, value)| (name.to_owned(), value));
    let scores = Scores {
        loss: loss / set.examples().len().max(1) as f64,
        collapsed,
        metrics: named.collect(),
    };
    Ok(Some(Evaluation { scores, outputs }))
}

/// The head's outputs for each example; `None` once `stop` is set. `seen` is shown them batch by batch.
///
/// # Errors
/// libtorch's answers can't be read.
pub(super) fn outputs(
    model: &Model,
    examples: &[Example],
    words: &Words,
    stop: &AtomicBool,
    mut seen: impl FnMut(&Tensor, &Batch),
) -> Result<Option<Vec<Vec<f32>>>> {
    // By length, so that little is padded; scores do not depend on the order.
    let mut places: Vec<usize> = (0..examples.len()).collect();
    places.sort_by_key(|place| examples[*place].ids.len());
    let mut outputs = vec![Vec::new(); examples.len()];
    let mut rest = places.as_slice();
    while !rest.is_empty() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let (now, later) = rest.split_at(batch_size(rest.iter().map(|place| examples[*place].ids.len())));
        rest = later;
        let part: Vec<&Example> = now.iter().map(|place| &examples[*place]).collect();
        let batch = model.batch(&part, words);
        let found = model.predict(&batch);
        seen(&found, &batch);
        for (place, row) in now.iter().zip(rows_of(&found, model.task.head(), &part)?) {
            outputs[*place] = row;
        }
    }
    Ok(Some(outputs))
}

/// How many of the next examples, of rising lengths, are answered at once.
fn batch_size(lengths: impl Iterator<Item = usize>) -> usize {
    let fitting = lengths
        .zip(1..)
        .take_while(|(length, n)| *n <= MAX_EXAMPLES && n * length <= MAX_TOKENS);
    fitting.count().max(1)
}

/// What the head says of each example, without what it says of padding.
fn rows_of(outputs: &Tensor, head: Head, examples: &[&Example]) -> Result<Vec<Vec<f32>>> {
    let flat = Vec::<f32>::try_from(outputs.flatten(0, -1).to_device(Device::Cpu))?;
    let width = flat.len() / examples.len();
    let rows = flat.chunks(width).zip(examples).map(|(row, example)| match head {
        Head::Pooled(_) => row.to_vec(),
        Head::Span => {
            let (begins, ends) = row.split_at(width / 2);
            let n = example.ids.len();
            [&begins[..n], &ends[..n]].concat()
        }
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_examples_are_answered_a_few_at_a_time() {
        for (length, n) in [(128, 64), (384, 21), (100_000, 1)] {
            assert_eq!(batch_size(std::iter::repeat_n(length, 200)), n);
        }
    }
}
