//! Batches without padding, which lie on the device for a whole epoch.
//!
//! N: tokens of a batch. B: its examples. An epoch's tokens are uploaded in the order of its steps, and a batch is a part of
//! them: no step copies anything to the device. They take 12 bytes a token: SQuAD's 88,000
//! windows, of 176 on average, 190 MB.

use super::batches::{Batch, Form, Words, labels};
use super::example::Example;
use tch::{Device, Tensor};

/// The tokens of an epoch on the device.
#[derive(Debug)]
pub struct Epoch {
    words: Tensor,
    types: Tensor,
    positions: Tensor,
    bounds: Tensor,
    labels: Tensor,
    /// The batches of each step.
    steps: Vec<Vec<Place>>,
}

/// A batch in the epoch.
#[derive(Clone, Copy, Debug)]
struct Place {
    first_token: i64,
    n_tokens: i64,
    first_example: i64,
    n_examples: i64,
    /// Batches before it: each has one bound more than examples.
    n_before: i64,
    longest: i64,
}

impl Epoch {
    /// The steps of these batches of examples, which must only hold tokens that `words` keeps. There is at least one example.
    pub fn new(steps: &[Vec<Vec<&Example>>], words: &Words, device: Device) -> Self {
        let mut table = Table::default();
        let places = steps.iter().map(|batches| {
            let places = batches.iter().map(|batch| table.push(batch, words));
            places.collect()
        });
        let places = places.collect();
        let examples: Vec<&Example> = steps.iter().flatten().flatten().copied().collect();
        let upload = |values: &[i32]| Tensor::from_slice(values).to_device(device);
        Self {
            words: upload(&table.words),
            types: upload(&table.types),
            positions: upload(&table.positions),
            bounds: upload(&table.bounds),
            labels: labels(&examples).to_device(device),
            steps: places,
        }
    }

    /// The batches of a step.
    pub fn step(&self, number: usize) -> Vec<Batch> {
        self.steps[number]
            .iter()
            .map(|place| self.batch(*place))
            .collect()
    }

    fn batch(&self, place: Place) -> Batch {
        let tokens = |all: &Tensor| all.narrow(0, place.first_token, place.n_tokens);
        Batch {
            words: tokens(&self.words),
            types: tokens(&self.types),
            form: Form::Packed {
                positions: tokens(&self.positions),
                bounds: self
                    .bounds
                    .narrow(0, place.first_example + place.n_before, place.n_examples + 1),
            },
            labels: self.labels.narrow(0, place.first_example, place.n_examples),
            n_pairs: place.n_examples,
            length: place.longest,
        }
    }
}

impl Batch {
    /// The packed batch of these examples, of which there is at least one.
    pub fn packed(examples: &[&Example], words: &Words, device: Device) -> Self {
        let mut batches = Epoch::new(&[vec![examples.to_vec()]], words, device).step(0);
        batches.remove(0)
    }
}

/// The tokens on the host.
#[derive(Default)]
struct Table {
    words: Vec<i32>,
    types: Vec<i32>,
    positions: Vec<i32>,
    bounds: Vec<i32>,
    n_examples: i64,
    n_batches: i64,
}

impl Table {
    fn push(&mut self, examples: &[&Example], words: &Words) -> Place {
        let first_token = self.words.len();
        let mut longest = 0;
        self.bounds.push(0);
        for example in examples {
            let rows = example.ids.iter().map(|id| words.row(*id) as i32);
            self.words.extend(rows);
            self.types
                .extend(example.types.iter().map(|kind| i32::from(*kind)));
            self.positions.extend(0..example.ids.len() as i32);
            self.bounds.push((self.words.len() - first_token) as i32);
            longest = longest.max(example.ids.len());
        }
        let place = Place {
            first_token: first_token as i64,
            n_tokens: (self.words.len() - first_token) as i64,
            first_example: self.n_examples,
            n_examples: examples.len() as i64,
            n_before: self.n_batches,
            longest: longest as i64,
        };
        self.n_examples += place.n_examples;
        self.n_batches += 1;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::example::Label;

    fn example(ids: &[u32], class: u8) -> Example {
        Example {
            ids: ids.to_vec(),
            types: ids.iter().map(|id| u8::from(*id > 5)).collect(),
            label: Label::Class(class),
        }
    }

    fn whole(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor.to_kind(tch::Kind::Int64)).unwrap()
    }

    #[test]
    fn each_batch_is_a_part_of_the_epoch() {
        let all = [
            example(&[2, 7, 3], 1),
            example(&[7], 0),
            example(&[2, 8], 1),
            example(&[3, 3, 8, 8], 0),
        ];
        let words = Words::of(&[&all], 9);
        assert_eq!(words.kept(), [2, 3, 7, 8]);
        let [a, b, c, d] = &all;
        let epoch = Epoch::new(&[vec![vec![d, b], vec![c]], vec![vec![a]]], &words, Device::Cpu);
        let (first, second) = (epoch.step(0), epoch.step(1));
        assert_eq!((first.len(), second.len()), (2, 1));
        let expected = [
            (
                [1, 1, 3, 3, 2].as_slice(),
                [0, 4, 5].as_slice(),
                [0, 0].as_slice(),
                4,
            ),
            (&[0, 3], &[0, 2], &[1], 2),
            (&[0, 2, 1], &[0, 3], &[1], 3),
        ];
        for (batch, (words, bounds, labels, longest)) in first.iter().chain(&second).zip(expected) {
            let Form::Packed {
                positions,
                bounds: found,
            } = &batch.form
            else {
                panic!("{:?} is not packed", batch.form)
            };
            assert_eq!(whole(&batch.words), words);
            assert_eq!(whole(found), bounds);
            assert_eq!(whole(&batch.labels), labels);
            assert_eq!((batch.n_pairs, batch.length), (labels.len() as i64, longest));
            let ends = bounds.windows(2).flat_map(|ends| 0..ends[1] - ends[0]);
            assert_eq!(whole(positions), ends.collect::<Vec<_>>());
        }
        assert_eq!(whole(&first[0].types), [0, 0, 1, 1, 1]);
    }
}
