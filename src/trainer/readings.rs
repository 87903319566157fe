//! What steps say of themselves, read a few at a time.
//!
//! A GPU computes behind the program, which only hands it work. Whoever asks for a loss waits until all before it is computed, and the
//! GPU then waits for the next work: so losses stay on the device and are read some steps later, all at once.

use super::Result;
use super::model::Step;
use std::time::Instant;
use tch::{Kind, Tensor};

/// Steps of a GPU that are read at once.
const STEPS_ON_A_CARD: usize = 20;

/// Steps that are not read yet.
#[derive(Debug)]
pub(super) struct Readings {
    /// How many there may be.
    most: usize,
    waiting: Vec<Waiting>,
    /// When the first of them began.
    begun: Instant,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    n_examples: u64,
    step: Step,
}

/// Steps that are computed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Computed {
    /// In their order.
    pub(super) steps: Vec<Reading>,
    /// Examples in them.
    pub(super) n_examples: u64,
    /// Seconds that they took.
    pub(super) seconds: f64,
}

/// What a step says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// Which step, from 0.
    pub(super) number: u64,
    /// Mean loss before the update.
    pub(super) loss: f64,
    /// Length of the gradient before clipping.
    pub(super) gradient_norm: f64,
}

impl Readings {
    /// Those of a run on a GPU or on the host, which computes each step before it goes on.
    pub(super) fn new(is_card: bool) -> Self {
        Self {
            most: if is_card { STEPS_ON_A_CARD } else { 1 },
            waiting: Vec::new(),
            begun: Instant::now(),
        }
    }

    /// A step begins now.
    pub(super) fn begin(&mut self) {
        if self.waiting.is_empty() {
            self.begun = Instant::now();
        }
    }

    /// Takes a step; whether all of them should be read now.
    pub(super) fn push(&mut self, number: u64, n_examples: usize, step: Step) -> bool {
        self.waiting.push(Waiting {
            number,
            n_examples: n_examples as u64,
            step,
        });
        self.waiting.len() >= self.most
    }

    /// Waits until the steps are computed.
    ///
    /// # Errors
    /// libtorch's answer can't be read.
    pub(super) fn read(&mut self) -> Result<Computed> {
        if self.waiting.is_empty() {
            return Ok(Computed::default());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let losses = waiting.iter().map(|waiting| &waiting.step.loss);
        let norms = waiting.iter().map(|waiting| &waiting.step.gradient_norm);
        // One copy from the device.
        let all = Tensor::stack(&losses.chain(norms).collect::<Vec<_>>(), 0);
        let all = Vec::<f64>::try_from(all.to_kind(Kind::Double))?;
        let (losses, norms) = all.split_at(waiting.len());
        let read = waiting.iter().zip(losses.iter().zip(norms));
        let steps = read.map(|(waiting, (loss, norm))| Reading {
            number: waiting.number,
            loss: *loss,
            gradient_norm: *norm,
        });
        Ok(Computed {
            steps: steps.collect(),
            n_examples: waiting.iter().map(|waiting| waiting.n_examples).sum(),
            seconds: self.begun.elapsed().as_secs_f64(),
        })
    }
}
