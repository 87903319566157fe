//! Where each parameter lies: two flat buffers, one for what weight decay shrinks and one for the rest.
//!
//! An optimizer step is then one call over two tensors, and the encoder's matrices and their biases, which lie first in
//! their buffers, become working copies of 16 bits in one copy each. Query, key and value lie side by side, so that
//! one matrix product makes all three.
//!
//! H: width of the residual stream. I: width of the feed-forward layer. V: kept rows of the word table.

use super::bert_config::BertConfig;
use super::task::Head;

/// Elements in a row of the buffers, to which they are padded with zeros: norms are taken row by row, because one sum
/// over ten million numbers of 32 bits is wrong in the fourth place.
pub(super) const ROW: i64 = 1024;

/// The word table.
pub(super) const WORDS: &str = "bert.embeddings.word_embeddings.weight";
/// The position table.
pub(super) const POSITIONS: &str = "bert.embeddings.position_embeddings.weight";
/// The dense map between the encoder's first token and a classifier.
pub(super) const POOLER: &str = "bert.pooler.dense";
/// The classifier.
pub(super) const CLASSIFIER: &str = "classifier";
/// The head over each token.
pub(super) const SPAN: &str = "qa_outputs";

/// Which of the two buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Matrices and embeddings.
    Decayed = 0,
    /// Biases and LayerNorm weights.
    Undecayed = 1,
}

/// One tensor of the checkpoint in its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name in a checkpoint of BERT, with the prefix `bert.` unless it belongs to the head.
    pub name: String,
    /// Its buffer.
    pub(super) group: Group,
    /// Where it begins, in elements.
    pub(super) offset: i64,
    /// Its shape.
    pub shape: Vec<i64>,
}

impl Slot {
    /// Number of its elements.
    pub fn numel(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// Every parameter's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The parameters, buffer by buffer in the order of their offsets.
    pub slots: Vec<Slot>,
    /// Length of each buffer, a multiple of [`ROW`].
    pub(super) sizes: [i64; 2],
    /// Leading elements of each buffer that get a working copy: the encoder's matrices and their biases.
    pub(super) working: [i64; 2],
}

impl Layout {
    /// The places for a BERT of this kind with `n_words` rows in its word table.
    pub fn new(config: &BertConfig, n_words: i64, head: Head) -> Self {
        let mut layout = Self {
            slots: Vec::new(),
            sizes: [0; 2],
            working: [0; 2],
        };
        let (h, inner) = (config.hidden, config.inner);
        for layer in 0..config.n_layers {
            for (part, n_out, n_in) in dense_parts(h, inner) {
                layout.push(Group::Decayed, layer_name(layer, part, "weight"), &[n_out, n_in]);
                layout.push(Group::Undecayed, layer_name(layer, part, "bias"), &[n_out]);
            }
        }
        layout.working = layout.sizes;
        let embedding = |name: &str| format!("bert.embeddings.{name}");
        let tables = [
            ("word_embeddings", n_words),
            ("position_embeddings", config.n_positions),
            ("token_type_embeddings", config.n_types),
        ];
        for (name, rows) in tables.into_iter().filter(|(_, rows)| *rows > 0) {
            layout.push(Group::Decayed, embedding(&format!("{name}.weight")), &[rows, h]);
        }
        for part in ["weight", "bias"] {
            layout.push(Group::Undecayed, embedding(&format!("LayerNorm.{part}")), &[h]);
        }
        for layer in 0..config.n_layers {
            for place in ["attention.output.LayerNorm", "output.LayerNorm"] {
                for part in ["weight", "bias"] {
                    layout.push(Group::Undecayed, layer_name(layer, place, part), &[h]);
                }
            }
        }
        let parts = match head {
            Head::Pooled(n) => vec![(POOLER, h), (CLASSIFIER, n)],
            Head::Span => vec![(SPAN, 2)],
        };
        for (name, n_out) in parts {
            layout.push(Group::Decayed, format!("{name}.weight"), &[n_out, h]);
            layout.push(Group::Undecayed, format!("{name}.bias"), &[n_out]);
        }
        layout.sizes = layout.sizes.map(|size| (size + ROW - 1) / ROW * ROW);
        layout
    }

    fn push(&mut self, group: Group, name: String, shape: &[i64]) {
        let size = &mut self.sizes[group as usize];
        let slot = Slot {
            name,
            group,
            offset: *size,
            shape: shape.to_vec(),
        };
        *size += slot.numel();
        self.slots.push(slot);
    }

    /// The parameter of this name.
    pub fn find(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }
}

/// The dense maps of a layer in the buffers' order, with their widths out and in.
pub(super) fn dense_parts(h: i64, inner: i64) -> [(&'static str, i64, i64); 6] {
    [
        ("attention.self.query", h, h),
        ("attention.self.key", h, h),
        ("attention.self.value", h, h),
        ("attention.output.dense", h, h),
        ("intermediate.dense", inner, h),
        ("output.dense", h, inner),
    ]
}

/// Name of a parameter of a layer.
pub(super) fn layer_name(layer: usize, place: &str, part: &str) -> String {
    format!("bert.encoder.layer.{layer}.{place}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> BertConfig {
        let config = BertConfig::parse(
            r#"{"model_type": "bert", "vocab_size": 50, "hidden_size": 32, "intermediate_size": 64,
                "num_attention_heads": 4, "num_hidden_layers": 2, "max_position_embeddings": 16}"#,
        );
        config.unwrap()
    }

    fn layout() -> Layout {
        Layout::new(&config(), 50, Head::Pooled(2))
    }

    #[test]
    fn biases_and_layer_norms_do_not_decay_and_all_else_does() {
        for slot in &layout().slots {
            let exempt = slot.name.ends_with("bias") || slot.name.contains("LayerNorm");
            assert_eq!(slot.group == Group::Undecayed, exempt, "{}", slot.name);
        }
    }

    #[test]
    fn slots_fill_their_buffers_without_gaps() {
        let layout = layout();
        for group in [Group::Decayed, Group::Undecayed] {
            let mut next = 0;
            for slot in layout.slots.iter().filter(|slot| slot.group == group) {
                assert_eq!(slot.offset, next, "{}", slot.name);
                next += slot.numel();
            }
            let size = layout.sizes[group as usize];
            assert!(size % ROW == 0 && size - next < ROW);
        }
        assert_eq!(layout.slots.len(), 5 + 2 * 16 + 4);
    }

    #[test]
    fn a_head_over_tokens_takes_the_place_of_the_pooler_and_its_own() {
        let layout = Layout::new(&config(), 50, Head::Span);
        assert_eq!(layout.find("qa_outputs.weight").unwrap().shape, [2, 32]);
        assert!(layout.find("bert.pooler.dense.weight").is_none());
        assert_eq!(layout.slots.len(), 5 + 2 * 16 + 2);
    }

    #[test]
    fn query_key_and_value_are_one_matrix() {
        let layout = layout();
        let offset = |part: &str| {
            layout
                .find(&layer_name(1, &format!("attention.self.{part}"), "weight"))
                .unwrap()
                .offset
        };
        assert_eq!(
            [offset("key") - offset("query"), offset("value") - offset("key")],
            [32 * 32; 2]
        );
        let word = layout.find("bert.embeddings.word_embeddings.weight").unwrap();
        assert_eq!(layout.working[0], word.offset);
    }
}
