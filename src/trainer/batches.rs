//! Which pairs go into a step together, and the tensors of a batch.
//!
//! B: pairs in the batch. S: tokens of its longest pair. Where the others are padded to it, pairs of similar length had better go
//! together: an epoch's random order is cut into buckets of `BUCKET` batches, each bucket is sorted by length, and the
//! batches are shuffled again.

use super::example::{Example, Label};
use super::random::{Purpose, Stream};
use super::task::Head;
use tch::{Device, Kind, Tensor};

/// Batches in a bucket.
const BUCKET: usize = 8;

/// Score of a key that is only padding, before the softmax.
pub(super) const MASKED: f64 = -30_000.0;

/// The batches of an epoch, each a list of places in `examples`; a function of `seed` and `epoch`.
pub(super) fn order(examples: &[Example], batch_size: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let mut stream = Stream::new(seed, Purpose::Order, epoch);
    let mut places: Vec<usize> = (0..examples.len()).collect();
    stream.shuffle(&mut places);
    for bucket in places.chunks_mut(BUCKET * batch_size) {
        bucket.sort_by_key(|place| examples[*place].ids.len());
    }
    let mut batches: Vec<Vec<usize>> = places.chunks(batch_size).map(<[usize]>::to_vec).collect();
    stream.shuffle(&mut batches);
    batches
}

/// The word rows that the data needs: the embedding table is cut down to them, since the other rows never get a gradient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    kept: Vec<i64>,
    row_of: Vec<i64>,
    /// The row that fills up shorter examples, where the head sees it.
    padding: Option<i64>,
}

impl Words {
    /// The rows of `examples` in a vocabulary of `n_tokens`.
    pub fn of(examples: &[&[Example]], n_tokens: i64) -> Self {
        let mut used = vec![false; n_tokens as usize];
        for id in examples
            .iter()
            .flat_map(|part| part.iter())
            .flat_map(|example| &example.ids)
        {
            used[*id as usize] = true;
        }
        Self::from_used(&used)
    }

    /// The whole vocabulary.
    pub fn all(n_tokens: i64) -> Self {
        Self::from_used(&vec![true; n_tokens as usize])
    }

    fn from_used(used: &[bool]) -> Self {
        let kept: Vec<i64> = (0..used.len() as i64).filter(|id| used[*id as usize]).collect();
        let mut row_of = vec![-1; used.len()];
        for (row, id) in kept.iter().enumerate() {
            row_of[*id as usize] = row as i64;
        }
        Self {
            kept,
            row_of,
            padding: None,
        }
    }

    /// The same rows for a task with this head: over each token it sees the ones that fill up shorter examples, too.
    pub(super) fn seen_by(self, head: Head, padding: u32) -> Self {
        match head {
            Head::Span => self.with_padding(padding),
            Head::Pooled(_) => self,
        }
    }

    /// The same rows and that of the token `padding`, with which shorter examples are filled up.
    pub fn with_padding(self, padding: u32) -> Self {
        let mut used: Vec<bool> = self.row_of.iter().map(|row| *row >= 0).collect();
        used[padding as usize] = true;
        let mut words = Self::from_used(&used);
        words.padding = Some(words.row_of[padding as usize]);
        words
    }

    /// The row of a token of the data.
    pub(super) fn row(&self, id: u32) -> i64 {
        self.row_of[id as usize]
    }

    /// The row that fills up shorter examples, where the head sees it; what stands in it is never learned.
    pub(super) fn padding(&self) -> Option<i64> {
        self.padding
    }

    /// Token ids of the kept rows, ascending.
    pub fn kept(&self) -> &[i64] {
        &self.kept
    }
}

/// One batch on its device.
#[derive(Debug)]
pub struct Batch {
    /// Rows of the word table, `[N]`.
    pub(super) words: Tensor,
    /// 0 or 1 for the sentence, `[N]`.
    pub(super) types: Tensor,
    /// How the N tokens are those of the examples.
    pub(super) form: Form,
    /// Classes as whole numbers, or scores, `[B]`; or first and last tokens, `[B, 2]`.
    pub(super) labels: Tensor,
    /// B.
    pub(super) n_pairs: i64,
    /// S.
    pub(super) length: i64,
}

/// How the tokens of a batch are laid out.
#[derive(Debug)]
pub(super) enum Form {
    /// Each example has S of them, padding included: N = B S.
    Padded {
        /// 0 for a token, a large negative number for padding, [B, 1, 1, S] in the activations' kind.
        mask: Tensor,
    },
    /// One example follows the other: N is the sum of their lengths.
    Packed {
        /// Each token's place in its example, from 0: `[N]`.
        positions: Tensor,
        /// Where the examples begin, and at last N: `[B + 1]` in 32 bits.
        bounds: Tensor,
    },
}

impl Batch {
    /// The padded batch of these examples, which must only hold tokens that `words` keeps.
    pub fn new(examples: &[&Example], words: &Words, kind: Kind, device: Device) -> Self {
        let length = examples
            .iter()
            .map(|example| example.ids.len())
            .max()
            .unwrap_or(0);
        let n = examples.len() * length;
        let (mut rows, mut types, mut mask) = (
            vec![words.padding.unwrap_or(0); n],
            vec![0_i64; n],
            vec![MASKED as f32; n],
        );
        for (example, at) in examples.iter().zip((0..).step_by(length)) {
            for (i, (id, kind)) in example.ids.iter().zip(&example.types).enumerate() {
                rows[at + i] = words.row(*id);
                types[at + i] = i64::from(*kind);
                mask[at + i] = 0.0;
            }
        }
        let (n_pairs, length) = (examples.len() as i64, length as i64);
        let mask = Tensor::from_slice(&mask).view([n_pairs, 1, 1, length]);
        Self {
            words: Tensor::from_slice(&rows).to_device(device),
            types: Tensor::from_slice(&types).to_device(device),
            form: Form::Padded {
                mask: mask.to_device(device).to_kind(kind),
            },
            labels: labels(examples).to_device(device),
            n_pairs,
            length,
        }
    }
}

/// A task has labels of one kind.
pub(super) fn labels(examples: &[&Example]) -> Tensor {
    let whole: Option<Vec<i64>> = examples
        .iter()
        .map(|example| match example.label {
            Label::Class(class) => Some(i64::from(class)),
            _ => None,
        })
        .collect();
    if let Some(classes) = whole {
        return Tensor::from_slice(&classes);
    }
    let spans: Vec<i64> = examples
        .iter()
        .filter_map(|example| match example.label {
            Label::Span(first, last) => Some([i64::from(first), i64::from(last)]),
            _ => None,
        })
        .flatten()
        .collect();
    if !spans.is_empty() {
        return Tensor::from_slice(&spans).view([-1, 2]);
    }
    let scores = examples.iter().map(|example| match example.label {
        Label::Score(score) => score,
        _ => unreachable!("a task has labels of one kind"),
    });
    Tensor::from_slice(&scores.collect::<Vec<f32>>())
}

#[cfg(test)]
#[path = "batches_tests.rs"]
mod tests;
