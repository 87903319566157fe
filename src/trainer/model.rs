//! A model in training: one step on one batch, or its predictions for one.

use super::Result;
use super::batches::Batch;
use super::bert;
use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::dropout::Dropout;
use super::optimizer::Optimizer;
use super::setting::Setting;
use super::task::Task;
use super::weights::Weights;
use tch::{Device, Kind, Reduction, Tensor, no_grad};

/// What a step says of itself.
#[derive(Debug)]
pub struct StepResult {
    /// Mean loss before the update; of classes the cross entropy in nats.
    pub loss: f64,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
    /// Outputs of the head before the update, [B, n].
    pub logits: Tensor,
}

/// Weights, optimizer and how they compute.
#[derive(Debug)]
pub struct Model {
    /// What it learns.
    pub(super) task: &'static dyn Task,
    /// The parameters.
    pub weights: Weights,
    /// The optimizer's state.
    pub optimizer: Optimizer,
    config: BertConfig,
    kind: Kind,
    device: Device,
    seed: u64,
}

impl Model {
    /// The checkpoint's model, ready for its first step.
    ///
    /// # Errors
    /// A tensor is missing or has another shape than config.json says.
    pub fn load(file: &CheckpointFile, config: BertConfig, setting: &Setting) -> Result<Self> {
        let kind = setting.precision.kind();
        let weights = Weights::load(file, &config, setting)?;
        let optimizer = Optimizer::new(&weights, setting.weight_decay);
        Ok(Self {
            task: setting.task,
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
        let loss = self.task.loss(&logits, &batch.labels, Reduction::Mean);
        self.weights.differentiate(&loss);
        let gradient_norm = self.optimizer.step(&mut self.weights, rate);
        StepResult {
            loss: loss.double_value(&[]),
            gradient_norm,
            logits: logits.detach(),
        }
    }

    /// The outputs of the head for a batch without dropout, [B, n].
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
