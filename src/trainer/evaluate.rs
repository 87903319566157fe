//! How well does the model answer pairs that it was not trained on?

use super::Result;
use super::batches::{Batch, Words};
use super::model::Model;
use super::scores::Scores;
use super::tokens::Example;
use tch::{Kind, Reduction, Tensor};

/// Pairs that are answered at once.
const BATCH: usize = 64;

/// Scores of the model on `examples`. `interrupted` is asked between batches; once it answers with an error, that is the
/// result.
///
/// # Errors
/// Whatever `interrupted` says.
pub fn evaluate(
    model: &Model,
    examples: &[Example],
    words: &Words,
    interrupted: &dyn Fn() -> Result<()>,
) -> Result<Scores> {
    // By length, so that little is padded; scores do not depend on the order.
    let mut sorted: Vec<&Example> = examples.iter().collect();
    sorted.sort_by_key(|example| example.ids.len());
    let (mut answers, mut labels, mut loss) = (Vec::new(), Vec::new(), 0.0);
    for part in sorted.chunks(BATCH) {
        interrupted()?;
        let batch = Batch::new(part, words, model.kind(), model.device());
        let logits = model.answer(&batch);
        let sum = logits.cross_entropy_loss(&batch.labels, None::<Tensor>, Reduction::Sum, -100, 0.0);
        loss += sum.double_value(&[]);
        answers.extend(Vec::<i64>::try_from(
            logits.argmax(1, false).to_kind(Kind::Int64),
        )?);
        labels.extend(part.iter().map(|example| i64::from(example.label)));
    }
    Ok(Scores::new(
        &answers,
        &labels,
        loss / examples.len().max(1) as f64,
    ))
}
