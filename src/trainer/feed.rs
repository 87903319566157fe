//! What the steps of an epoch compute on. Padded batches are made one by one; packed ones lie on the device, all of an epoch.

use super::batches::{self, Batch};
use super::data::Data;
use super::example::Example;
use super::model::Model;
use super::packed::Epoch;
use super::parameters::Parameters;

/// The batches of an epoch, step by step.
pub(super) struct Feed {
    /// Which epoch, from 0.
    pub(super) epoch: u64,
    /// Places of the examples of each step among those to learn from.
    steps: Vec<Vec<usize>>,
    /// Examples in a batch at most; a step has several where gradients are accumulated.
    batch_size: usize,
    /// On the device.
    resident: Option<Epoch>,
}

impl Feed {
    /// An epoch of a run with these parameters.
    pub(super) fn new(epoch: u64, data: &Data, parameters: &Parameters, model: &Model) -> Self {
        let steps = batches::order(&data.train, parameters.step_size(), parameters.seed, epoch);
        let mut feed = Self {
            epoch,
            steps,
            batch_size: parameters.batch_size as usize,
            resident: None,
        };
        if model.is_packed {
            let steps = (0..feed.steps.len()).map(|place| {
                let examples = feed.examples(place, data);
                examples.chunks(feed.batch_size).map(<[_]>::to_vec).collect()
            });
            let steps: Vec<Vec<Vec<&Example>>> = steps.collect();
            feed.resident = Some(Epoch::new(&steps, &data.words, model.device()));
        }
        feed
    }

    /// The examples of the step at `place` in the epoch.
    pub(super) fn examples<'a>(&self, place: usize, data: &'a Data) -> Vec<&'a Example> {
        self.steps[place]
            .iter()
            .map(|place| &data.train[*place])
            .collect()
    }

    /// How many they are.
    pub(super) fn n_examples(&self, place: usize) -> usize {
        self.steps[place].len()
    }

    /// Their batches.
    pub(super) fn batches(&self, place: usize, data: &Data, model: &Model) -> Vec<Batch> {
        if let Some(epoch) = &self.resident {
            return epoch.step(place);
        }
        let examples = self.examples(place, data);
        let parts = examples.chunks(self.batch_size);
        parts.map(|part| model.batch(part, &data.words)).collect()
    }
}
