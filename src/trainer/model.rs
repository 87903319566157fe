//! A model in training: one step on one batch, or its predictions for one.

use super::Result;
use super::batches::Batch;
use super::bert;
use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::config::Precision;
use super::dropout::Dropout;
use super::optimizer::Optimizer;
use super::weights::Weights;
use tch::{Device, Kind, Tensor, no_grad};

/// What a step says of itself.
#[derive(Debug)]
pub struct StepResult {
    /// Mean cross entropy before the update, in nats.
    pub loss: f64,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
    /// Logits before the update, [B, 2].
    pub logits: Tensor,
}

/// Weights, optimizer and how they compute.
#[derive(Debug)]
pub struct Model {
    /// The parameters.
    pub weights: Weights,
    /// The optimizer's state.
    pub optimizer: Optimizer,
    config: BertConfig,
    kind: Kind,
    device: Device,
    seed: u64,
}

/// What a model depends on beside its checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Rows of the word table that are kept, ascending.
    pub words: &'a [i64],
    /// Arithmetic.
    pub precision: Precision,
    /// Where to compute.
    pub device: Device,
    /// Weight decay of AdamW.
    pub weight_decay: f64,
    /// Seed of the new head and of dropout.
    pub seed: u64,
}

impl Model {
    /// The checkpoint's model, ready for its first step.
    ///
    /// # Errors
    /// A tensor is missing or has another shape than config.json says.
    pub fn load(file: &CheckpointFile, config: BertConfig, setting: &Setting) -> Result<Self> {
        let kind = setting.precision.kind();
        let weights = Weights::load(file, &config, setting.words, setting.seed, kind, setting.device)?;
        let optimizer = Optimizer::new(&weights, setting.weight_decay);
        Ok(Self {
            weights,
            optimizer,
            config,
            kind,
            device: setting.device,
            seed: setting.seed,
        })
    }

    /// One update with the learning rate `rate`; `number` counts steps from 0 and keys the dropout.
    pub fn train(&mut self, batch: &Batch, rate: f64, number: u64) -> StepResult {
        let mut dropout = Dropout::new(self.seed, number, self.kind, self.device);
        let logits = bert::logits(
            &self.weights.leaves,
            &self.config,
            batch,
            self.kind,
            Some(&mut dropout),
        );
        let loss = logits.cross_entropy_for_logits(&batch.labels);
        self.weights.differentiate(&loss);
        let gradient_norm = self.optimizer.step(&mut self.weights, rate);
        StepResult {
            loss: loss.double_value(&[]),
            gradient_norm,
            logits: logits.detach(),
        }
    }

    /// The logits of a batch without dropout, [B, 2].
    pub fn predict(&self, batch: &Batch) -> Tensor {
        no_grad(|| bert::logits(&self.weights.leaves, &self.config, batch, self.kind, None))
    }

    /// Element type of the activations.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the model computes.
    pub(super) fn device(&self) -> Device {
        self.device
    }
}
