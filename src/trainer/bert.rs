//! BERT with its head: from token rows to outputs.
//!
//! B: examples. S: tokens of the longest. N: tokens of the batch, either B S with padding or the sum of the lengths. H: width of the
//! residual stream.
//!
//! Only the first token of an example, \[CLS\], reaches a classifier, so the last layer computes queries, its output and
//! its feed-forward part for that token alone: exact, and a seventh less work in a model of six layers.

use super::attention;
use super::batches::{Batch, Form, MASKED};
use super::bert_config::BertConfig;
use super::dropout::{Masks, added, masked};
use super::family::Family;
use super::weights::{Dense, HeadLeaves, LayerLeaves, Leaves, Norm};
use tch::{Kind, Tensor};

/// The head's outputs for a batch in 32 bits: of a classifier [B, n], of a head over each token [B, 2, S].
pub(super) fn outputs(
    leaves: &Leaves,
    config: &BertConfig,
    batch: &Batch,
    kind: Kind,
    mut masks: Masks,
) -> Tensor {
    let mut x = embed(leaves, config, batch, kind, masks.as_deref_mut());
    let (last, others) = leaves
        .layers
        .split_last()
        .unwrap_or_else(|| unreachable!("a BERT has layers"));
    for layer in others {
        x = whole_layer(layer, config, batch, &x, masks.as_deref_mut());
    }
    match &leaves.head {
        HeadLeaves::Span(map) => {
            let x = whole_layer(last, config, batch, &x, masks.as_deref_mut());
            let x = masked(x.to_kind(Kind::Float), config.span_dropout, masks);
            by_example(&map.of(&x), batch)
        }
        HeadLeaves::Pooled { pooler, classifier } => {
            let first = firsts(config, batch, &x);
            let attended = attention::of_first(last, config, batch, &x, &first, masks.as_deref_mut());
            let first = finish(last, config, &first, &attended, masks.as_deref_mut());
            classify(pooler, classifier, config, &first, masks)
        }
    }
}

/// A layer for every token: [N, H].
fn whole_layer(
    layer: &LayerLeaves,
    config: &BertConfig,
    batch: &Batch,
    x: &Tensor,
    mut masks: Masks,
) -> Tensor {
    let attended = attention::of_all(layer, config, batch, x, masks.as_deref_mut());
    finish(layer, config, x, &attended, masks)
}

/// Sum of the embeddings, normalised: [N, H].
fn embed(leaves: &Leaves, config: &BertConfig, batch: &Batch, kind: Kind, masks: Masks) -> Tensor {
    let mut sum = leaves.words.index_select(0, &batch.words);
    if let Some(types) = &leaves.types {
        sum += match config.family {
            // RoBERTa never learned of segments: all tokens are of the first.
            Family::Roberta => types.narrow(0, 0, 1),
            Family::Bert | Family::DistilBert => types.index_select(0, &batch.types),
        };
    }
    let sum = match &batch.form {
        Form::Padded { mask } => {
            let rows = sum.view([batch.n_pairs, batch.length, config.hidden]);
            rows + padded_positions(leaves, config, batch, mask)
        }
        Form::Packed { positions, .. } => {
            let rows = match config.family {
                // Padding has a position before all others.
                Family::Roberta => positions + config.padding_position + 1,
                Family::Bert | Family::DistilBert => positions.shallow_clone(),
            };
            sum + leaves.positions.index_select(0, &rows)
        }
    };
    let sum = sum.view([-1, config.hidden]);
    let normed = layer_norm(&sum, &leaves.norm, config.epsilon).to_kind(kind);
    masked(normed, config.hidden_dropout, masks)
}

/// Embeddings of the positions: [1, S, H], or [B, S, H] for RoBERTa, where all padding stands at one position before all others.
fn padded_positions(leaves: &Leaves, config: &BertConfig, batch: &Batch, mask: &Tensor) -> Tensor {
    if config.family != Family::Roberta {
        return leaves.positions.narrow(0, 0, batch.length).unsqueeze(0);
    }
    let (b, s) = (batch.n_pairs, batch.length);
    let real = mask.view([b, s]).ge(-1.0).to_kind(Kind::Int64);
    let places = real.cumsum(1, Kind::Int64) * real + config.padding_position;
    let rows = leaves.positions.index_select(0, &places.view([b * s]));
    rows.view([b, s, config.hidden])
}

/// The rows of each example's first token: [B, H].
fn firsts(config: &BertConfig, batch: &Batch, x: &Tensor) -> Tensor {
    match &batch.form {
        Form::Padded { .. } => x.view([batch.n_pairs, batch.length, config.hidden]).select(1, 0),
        Form::Packed { bounds, .. } => x.index_select(0, &bounds.narrow(0, 0, batch.n_pairs)),
    }
}

/// The outputs [N, 2] of a head over each token as [B, 2, S]: what is not there is never an answer.
fn by_example(outputs: &Tensor, batch: &Batch) -> Tensor {
    let shape = [batch.n_pairs, batch.length, 2];
    let outputs = match &batch.form {
        Form::Padded { .. } => outputs.view(shape),
        Form::Packed { positions, bounds } => {
            let (n, device) = (positions.numel() as i64, outputs.device());
            let tokens = Tensor::arange(n, (Kind::Int, device));
            let ends = bounds.narrow(0, 1, batch.n_pairs);
            let example = tokens.searchsorted(&ends, false, true, "right", None::<Tensor>);
            let places = example * batch.length + positions;
            let nowhere = Tensor::full([batch.n_pairs * batch.length, 2], MASKED, (Kind::Float, device));
            nowhere.index_copy(0, &places, outputs).view(shape)
        }
    };
    outputs.transpose(1, 2).contiguous()
}

/// What follows the attention in a layer, for the rows of `x`: [rows, H].
fn finish(
    layer: &LayerLeaves,
    config: &BertConfig,
    x: &Tensor,
    attended: &Tensor,
    mut masks: Masks,
) -> Tensor {
    let out = layer.attended.of(attended);
    let x = layer_norm(
        &added(x, out, config.attended_dropout(), masks.as_deref_mut()),
        &layer.attended_norm,
        config.epsilon,
    );
    let inner = gelu(&layer.up.of(&x), config.tanh_gelu);
    let out = layer.down.of(&inner);
    layer_norm(
        &added(&x, out, config.hidden_dropout, masks),
        &layer.norm,
        config.epsilon,
    )
}

/// The pooler and the classifier, in 32 bits: [B, n].
fn classify(
    pooler: &Dense,
    classifier: &Dense,
    config: &BertConfig,
    first: &Tensor,
    mut masks: Masks,
) -> Tensor {
    let mut first = first.to_kind(Kind::Float);
    if config.family == Family::Roberta {
        first = masked(first, config.classifier_dropout, masks.as_deref_mut());
    }
    let pooled = pooler.of(&first);
    let pooled = match config.family {
        Family::Bert | Family::Roberta => pooled.tanh(),
        Family::DistilBert => pooled.relu(),
    };
    classifier.of(&masked(pooled, config.classifier_dropout, masks))
}

/// LayerNorm over the last dimension. On a CPU 16-bit rows go with 32-bit weights; a GPU wants one kind.
fn layer_norm(x: &Tensor, norm: &Norm, epsilon: f64) -> Tensor {
    let width = *x.size().last().unwrap_or(&0);
    let (weight, bias) = if x.device().is_cuda() {
        (norm.weight.to_kind(x.kind()), norm.bias.to_kind(x.kind()))
    } else {
        (norm.weight.shallow_clone(), norm.bias.shallow_clone())
    };
    x.layer_norm([width], Some(&weight), Some(&bias), epsilon, false)
}

/// GELU: x Φ(x), or its tanh approximation, which differs by up to 5e-4.
fn gelu(x: &Tensor, tanh: bool) -> Tensor {
    x.gelu(if tanh { "tanh" } else { "none" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &Tensor, expected: &[f64], tolerance: f64) {
        let found = Vec::<f64>::try_from(found.to_kind(Kind::Double)).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
        }
    }

    /// 1 + erf cancels below zero and keeps the whole error of erf: 16 u are allowed, u = 2^-24, since polynomials that
    /// are wrong by 1.5e-7 before any rounding are in use. Times |x| / 2 that is 1.5e-6 at -3. The two formulas are 1.7e-5
    /// apart at 0.5 and more at the other numbers.
    const GELU: f64 = 2e-6;

    /// Some twelve roundings, u = 2^-24 each, of numbers up to 3, and the result is doubled: 4e-6 at the worst.
    const LAYER_NORM: f64 = 4e-6;

    #[test]
    fn gelu_is_the_one_with_erf() {
        let x = Tensor::from_slice(&[-3.0_f32, -1.0, 0.0, 0.5, 2.0]);
        close(
            &gelu(&x, false),
            &[-0.004_049_694, -0.158_655_254, 0.0, 0.345_731_231, 1.954_499_736],
            GELU,
        );
        close(
            &gelu(&x, true),
            &[-0.003_637_392, -0.158_808_009, 0.0, 0.345_714_009, 1.954_597_694],
            GELU,
        );
    }

    #[test]
    fn layer_norm_has_the_epsilon_that_it_is_given() {
        let norm = Norm {
            weight: Tensor::from_slice(&[2.0_f32, 2.0]),
            bias: Tensor::from_slice(&[1.0_f32, 0.0]),
        };
        let x = Tensor::from_slice(&[0.003_f32, 0.001]).view([1, 2]);
        // The variance is 1e-6: epsilon 1e-12 hardly shows, 1e-5 shrinks the result to a third.
        close(
            &layer_norm(&x, &norm, 1e-12).view([2]),
            &[3.0 - 1e-6, -2.0 + 1e-6],
            LAYER_NORM,
        );
        let shrunk = 2.0 * (1e-6_f64 / 1.1e-5).sqrt();
        close(
            &layer_norm(&x, &norm, 1e-5).view([2]),
            &[1.0 + shrunk, -shrunk],
            LAYER_NORM,
        );
    }
}
