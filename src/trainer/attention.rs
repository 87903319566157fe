//! Attention over the tokens of each example: padded in plain operators, packed in one fused operator.
//!
//! B: examples. S: tokens of the longest. N: tokens of the batch. H: width of the residual stream. A: heads. D = H / A.
//!
//! The fused operator is libtorch's FlashAttention (Dao, "FlashAttention-2: faster attention with better parallelism and work
//! partitioning", 2023): it never writes the A S² probabilities of an example to memory, and it takes examples of different lengths as
//! they lie behind each other. libtorch has it for NVIDIA GPUs from compute capability 8.0 on, for 16-bit numbers.

use super::batches::{Batch, Form};
use super::bert_config::BertConfig;
use super::dispatcher::{self, Ragged};
use super::dropout::{Masks, masked};
use super::weights::{Dense, LayerLeaves};
use tch::{Device, Kind, Tensor};

/// The widest head that the fused operator takes.
const WIDEST: i64 = 256;
/// What a head's width must be a multiple of for it.
const GRANULE: i64 = 8;

/// Whether packed batches can be computed: heads of this width in this kind on this device. A device that computes in 16 bits has the
/// capability for it.
pub(super) fn is_fused(head: i64, kind: Kind, device: Device) -> bool {
    let fits = head <= WIDEST && head % GRANULE == 0;
    device.is_cuda() && kind == Kind::BFloat16 && fits && dispatcher::is_there()
}

/// What each token takes from those of its example: [N, H].
pub(super) fn of_all(
    layer: &LayerLeaves,
    config: &BertConfig,
    batch: &Batch,
    x: &Tensor,
    masks: Masks,
) -> Tensor {
    let projected = layer.qkv.of(x);
    match &batch.form {
        Form::Padded { mask } => {
            let parts = heads(&projected, 3, config, batch);
            let [queries, keys, values] = [0, 1, 2].map(|part| parts.select(0, part));
            padded(config, mask, [&queries, &keys, &values], masks)
        }
        Form::Packed { bounds, .. } => {
            let parts = projected.view([-1, 3, config.n_heads, config.head()]);
            let parts = [0, 1, 2].map(|part| parts.select(1, part));
            let ragged = Ragged {
                bounds: [bounds, bounds],
                longest: [batch.length; 2],
            };
            packed(config, parts.each_ref(), &ragged, masks)
        }
    }
}

/// What each example's first token, whose rows are `first` [B, H], takes from the tokens of its example: [B, H].
pub(super) fn of_first(
    layer: &LayerLeaves,
    config: &BertConfig,
    batch: &Batch,
    x: &Tensor,
    first: &Tensor,
    masks: Masks,
) -> Tensor {
    let h = config.hidden;
    let rows = |start, n| Dense {
        weight: layer.qkv.weight.narrow(0, start, n),
        bias: layer.qkv.bias.narrow(0, start, n),
    };
    let (queries, others) = (rows(0, h).of(first), rows(h, 2 * h).of(x));
    match &batch.form {
        Form::Padded { mask } => {
            let queries = queries.view([batch.n_pairs, config.n_heads, 1, config.head()]);
            let parts = heads(&others, 2, config, batch);
            let [keys, values] = [0, 1].map(|part| parts.select(0, part));
            padded(config, mask, [&queries, &keys, &values], masks)
        }
        Form::Packed { bounds, .. } => {
            let queries = queries.view([batch.n_pairs, config.n_heads, config.head()]);
            let parts = others.view([-1, 2, config.n_heads, config.head()]);
            let [keys, values] = [0, 1].map(|part| parts.select(1, part));
            let one_each = Tensor::arange(batch.n_pairs + 1, (Kind::Int, x.device()));
            let ragged = Ragged {
                bounds: [&one_each, bounds],
                longest: [1, batch.length],
            };
            packed(config, [&queries, &keys, &values], &ragged, masks)
        }
    }
}

/// [B S, n H] as n tensors of heads: [n, B, A, S, D].
fn heads(x: &Tensor, n: i64, config: &BertConfig, batch: &Batch) -> Tensor {
    x.view([batch.n_pairs, batch.length, n, config.n_heads, config.head()])
        .permute([2, 0, 3, 1, 4])
        .contiguous()
}

/// softmax(q kᵀ / √D + mask) v for queries of Q tokens: [B Q, H].
fn padded(config: &BertConfig, mask: &Tensor, [queries, keys, values]: [&Tensor; 3], masks: Masks) -> Tensor {
    let scaled = queries * scale(config);
    let scores = scaled.matmul(&keys.transpose(2, 3)) + mask;
    let probabilities = scores.softmax(-1, None::<Kind>);
    let probabilities = masked(probabilities, config.attention_dropout, masks);
    let mixed = probabilities.matmul(values).transpose(1, 2).contiguous();
    mixed.view([-1, config.hidden])
}

/// The same of queries [M, A, D] that lie one example behind the other, as keys and values do: [M, H].
fn packed(config: &BertConfig, heads: [&Tensor; 3], ragged: &Ragged, masks: Masks) -> Tensor {
    let dropout = masks.map_or(0.0, |_| config.attention_dropout);
    dispatcher::flash_attention(heads, ragged, dropout, scale(config)).reshape([-1, config.hidden])
}

fn scale(config: &BertConfig) -> f64 {
    (config.head() as f64).sqrt().recip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_batches_are_for_cards_and_heads_that_the_operator_takes() {
        let on = |head, kind, device| is_fused(head, kind, device);
        let card = Device::Cuda(0);
        assert!(
            on(64, Kind::BFloat16, card) && on(256, Kind::BFloat16, card) && on(32, Kind::BFloat16, card)
        );
        assert!(!on(64, Kind::Float, card) && !on(64, Kind::BFloat16, Device::Cpu));
        assert!(!on(264, Kind::BFloat16, card) && !on(20, Kind::BFloat16, card));
    }
}
