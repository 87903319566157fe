//! BERT with its head: from token rows to outputs.
//!
//! B: examples. S: tokens of an example, padded. H: width of the residual stream. A: heads. D = H / A.
//!
//! Only the first token of an example, \[CLS\], reaches a classifier, so the last layer computes queries, its output and
//! its feed-forward part for that token alone: exact, and a seventh less work in a model of six layers.

use super::batches::Batch;
use super::bert_config::BertConfig;
use super::dropout::Dropout;
use super::family::Family;
use super::weights::{Dense, HeadLeaves, LayerLeaves, Leaves, Norm};
use tch::{Kind, Tensor};

/// Masks while training; `None` where the model only answers.
type Masks<'a> = Option<&'a mut Dropout>;

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
            let outputs = dense(&x, map).view([batch.n_pairs, batch.length, 2]);
            outputs.transpose(1, 2).contiguous()
        }
        HeadLeaves::Pooled { pooler, classifier } => {
            let first = x.view([batch.n_pairs, batch.length, config.hidden]).select(1, 0);
            let (queries, keys, values) = first_heads(last, config, batch, &x, &first);
            let attended = attend(config, batch, [&queries, &keys, &values], masks.as_deref_mut());
            let first = finish(last, config, &first, &attended, masks.as_deref_mut());
            classify(pooler, classifier, config, &first, masks)
        }
    }
}

/// A layer for every token: [B S, H].
fn whole_layer(
    layer: &LayerLeaves,
    config: &BertConfig,
    batch: &Batch,
    x: &Tensor,
    mut masks: Masks,
) -> Tensor {
    let (queries, keys, values) = all_heads(layer, config, batch, x);
    let attended = attend(config, batch, [&queries, &keys, &values], masks.as_deref_mut());
    finish(layer, config, x, &attended, masks)
}

/// Sum of the embeddings, normalised: [B S, H].
fn embed(leaves: &Leaves, config: &BertConfig, batch: &Batch, kind: Kind, masks: Masks) -> Tensor {
    let n = batch.n_pairs * batch.length;
    let mut sum = leaves.words.index_select(0, &batch.words.view([n]));
    if let Some(types) = &leaves.types {
        sum += match config.family {
            // RoBERTa never learned of segments: all tokens are of the first.
            Family::Roberta => types.narrow(0, 0, 1),
            Family::Bert | Family::DistilBert => types.index_select(0, &batch.types.view([n])),
        };
    }
    let sum = sum.view([batch.n_pairs, batch.length, config.hidden]) + positions(leaves, config, batch);
    let normed = layer_norm(&sum.view([n, config.hidden]), &leaves.norm, config.epsilon).to_kind(kind);
    masked(normed, config.hidden_dropout, masks)
}

/// Embeddings of the positions: [1, S, H], or [B, S, H] for RoBERTa, where all padding stands at one position before all others.
fn positions(leaves: &Leaves, config: &BertConfig, batch: &Batch) -> Tensor {
    if config.family != Family::Roberta {
        return leaves.positions.narrow(0, 0, batch.length).unsqueeze(0);
    }
    let (b, s) = (batch.n_pairs, batch.length);
    let real = batch.mask.view([b, s]).ge(-1.0).to_kind(Kind::Int64);
    let places = real.cumsum(1, Kind::Int64) * real + config.padding_position;
    let rows = leaves.positions.index_select(0, &places.view([b * s]));
    rows.view([b, s, config.hidden])
}

/// Queries, keys and values of every token: [B, A, S, D] each.
fn all_heads(
    layer: &LayerLeaves,
    config: &BertConfig,
    batch: &Batch,
    x: &Tensor,
) -> (Tensor, Tensor, Tensor) {
    let parts = heads(&dense(x, &layer.qkv), 3, config, batch);
    (parts.select(0, 0), parts.select(0, 1), parts.select(0, 2))
}

/// Queries of the first token, [B, A, 1, D], and keys and values of every token.
fn first_heads(
    layer: &LayerLeaves,
    config: &BertConfig,
    batch: &Batch,
    x: &Tensor,
    first: &Tensor,
) -> (Tensor, Tensor, Tensor) {
    let h = config.hidden;
    let rows = |start, n| Dense {
        weight: layer.qkv.weight.narrow(0, start, n),
        bias: layer.qkv.bias.narrow(0, start, n),
    };
    let queries = dense(first, &rows(0, h)).view([batch.n_pairs, config.n_heads, 1, config.head()]);
    let parts = heads(&dense(x, &rows(h, 2 * h)), 2, config, batch);
    (queries, parts.select(0, 0), parts.select(0, 1))
}

/// [B S, n H] as n tensors of heads: [n, B, A, S, D].
fn heads(x: &Tensor, n: i64, config: &BertConfig, batch: &Batch) -> Tensor {
    x.view([batch.n_pairs, batch.length, n, config.n_heads, config.head()])
        .permute([2, 0, 3, 1, 4])
        .contiguous()
}

/// softmax(q kᵀ / √D + mask) v for queries of Q tokens: [B Q, H].
fn attend(config: &BertConfig, batch: &Batch, [queries, keys, values]: [&Tensor; 3], masks: Masks) -> Tensor {
    let n_queries = queries.size()[2];
    let scaled = queries * (config.head() as f64).sqrt().recip();
    let scores = scaled.matmul(&keys.transpose(2, 3)) + &batch.mask;
    let probabilities = scores.softmax(-1, None::<Kind>);
    let probabilities = masked(probabilities, config.attention_dropout, masks);
    let mixed = probabilities.matmul(values).transpose(1, 2).contiguous();
    mixed.view([batch.n_pairs * n_queries, config.hidden])
}

/// What follows the attention in a layer, for the rows of `x`: [rows, H].
fn finish(
    layer: &LayerLeaves,
    config: &BertConfig,
    x: &Tensor,
    attended: &Tensor,
    mut masks: Masks,
) -> Tensor {
    let out = dense(attended, &layer.attended);
    let x = layer_norm(
        &added(x, out, config.attended_dropout(), masks.as_deref_mut()),
        &layer.attended_norm,
        config.epsilon,
    );
    let inner = gelu(&dense(&x, &layer.up), config.tanh_gelu);
    let out = dense(&inner, &layer.down);
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
    let pooled = dense(&first, pooler);
    let pooled = match config.family {
        Family::Bert | Family::Roberta => pooled.tanh(),
        Family::DistilBert => pooled.relu(),
    };
    dense(&masked(pooled, config.classifier_dropout, masks), classifier)
}

fn dense(x: &Tensor, map: &Dense) -> Tensor {
    x.linear(&map.weight, Some(&map.bias))
}

/// x + dropout(y), one operation where there is a mask.
fn added(x: &Tensor, y: Tensor, p: f64, masks: Masks) -> Tensor {
    match masks.and_then(|masks| masks.mask(p, &y.size())) {
        Some(mask) => x.addcmul(&y, &mask),
        None => x + y,
    }
}

fn masked(x: Tensor, p: f64, masks: Masks) -> Tensor {
    match masks.and_then(|masks| masks.mask(p, &x.size())) {
        Some(mask) => {
            let mask = mask.to_kind(x.kind());
            x * mask
        }
        None => x,
    }
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
