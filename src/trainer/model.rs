//! A model in training: one step on one batch, or its predictions for one.

use super::Result;
use super::attention;
use super::batches::{Batch, Words};
use super::bert;
use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::dropout::Dropout;
use super::example::Example;
use super::layout::{Slot, WORDS};
use super::optimizer::Optimizer;
use super::setting::Setting;
use super::task::{Criterion, Task};
use super::weights::Weights;
use tch::{Device, Kind, Reduction, Tensor, no_grad, with_grad};

/// What a step says of itself, on the device: it may not have been computed yet.
#[derive(Debug)]
pub struct Step {
    /// Mean loss before the update, a scalar; of classes the cross entropy in nats.
    pub(super) loss: Tensor,
    /// Length of the gradient before clipping, a scalar.
    pub(super) gradient_norm: Tensor,
    logits: Tensor,
}

/// The same on the host.
#[derive(Debug)]
pub struct StepResult {
    /// Mean loss before the update; of classes the cross entropy in nats.
    pub loss: f64,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
    /// Outputs of the head before the update for the last of the batches.
    pub logits: Tensor,
}

impl Step {
    /// Waits until it is computed.
    pub fn read(self) -> StepResult {
        StepResult {
            loss: self.loss.double_value(&[]),
            gradient_norm: self.gradient_norm.double_value(&[]),
            logits: self.logits,
        }
    }
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
    criterion: Criterion,
    kind: Kind,
    device: Device,
    seed: u64,
    /// Whether its batches are packed.
    pub(super) is_packed: bool,
    /// Every word of the checkpoint and the rows of those that learn, where the model is to be kept.
    words: Option<(Tensor, Tensor)>,
}

impl Model {
    /// The checkpoint's model, ready for its first step.
    ///
    /// # Errors
    /// A tensor is missing or has another shape than config.json says.
    pub fn load(file: &CheckpointFile, config: BertConfig, setting: &Setting) -> Result<Self> {
        let kind = setting.precision.kind();
        let weights = Weights::load(file, &config, setting)?;
        let optimizer = Optimizer::new(&weights, &setting.recipe);
        let class_weights = setting.recipe.class_weights.map(|each| {
            let each = Tensor::from_slice(each).to_kind(Kind::Float);
            each.to_device(setting.device)
        });
        Ok(Self {
            task: setting.task,
            weights,
            optimizer,
            is_packed: attention::is_fused(config.head(), kind, setting.device),
            config,
            criterion: Criterion {
                label_smoothing: setting.recipe.label_smoothing,
                class_weights,
            },
            kind,
            device: setting.device,
            seed: setting.seed,
            words: None,
        })
    }

    /// Remembers the checkpoint's words, so that the model can be kept with all of them.
    ///
    /// # Errors
    /// They are missing or have another shape.
    pub(super) fn keep_words(&mut self, file: &CheckpointFile, rows: &[i64]) -> Result<()> {
        let table = file.get(
            &self.config.family.name_in(WORDS),
            &[self.config.n_tokens, self.config.hidden],
        )?;
        self.words = Some((table, Tensor::from_slice(rows)));
        Ok(())
    }

    /// Name of transformers' class for it.
    pub(super) fn architecture(&self) -> &'static str {
        self.config.family.architecture(self.task.head())
    }

    /// Every parameter in 32 bits by its name in a checkpoint, with all words: of one that the data does not have, weight decay leaves
    /// the share `decay`.
    pub(super) fn parameters(&self, decay: f64) -> Vec<(String, Tensor)> {
        let slots = self.weights.layout.slots.iter();
        let parameter = |slot: &Slot| {
            let own = self.weights.master(slot);
            match &self.words {
                Some((table, rows)) if slot.name == WORDS => {
                    let table = table.to_device(own.device()) * decay;
                    table.index_copy(0, &rows.to_device(own.device()), &own)
                }
                _ => own,
            }
        };
        no_grad(|| {
            slots
                .map(|slot| (self.config.family.name_in(&slot.name), parameter(slot)))
                .collect()
        })
    }

    /// The batch of these examples, of which there is at least one, in the form in which this model computes it.
    pub(super) fn batch(&self, examples: &[&Example], words: &Words) -> Batch {
        if self.is_packed {
            Batch::packed(examples, words, self.device)
        } else {
            Batch::new(examples, words, self.kind, self.device)
        }
    }

    /// One update with the learning rate `rate` on all the batches, which are computed one after the other; `number` counts steps
    /// from 0 and keys the dropout. There is at least one batch. On a GPU it returns before the update is computed.
    pub fn train(&mut self, batches: &[Batch], rate: f64, number: u64) -> Step {
        let mut dropout = Dropout::new(self.seed, number, self.kind, self.device);
        let n_examples: i64 = batches.iter().map(|batch| batch.n_pairs).sum();
        let (mut sum, mut logits) = (None, Tensor::new());
        for batch in batches {
            let (outputs, mut loss) = self.forward(batch, &mut dropout);
            if batches.len() > 1 {
                loss *= batch.n_pairs as f64 / n_examples as f64;
            }
            self.weights.differentiate(&loss, sum.is_some());
            let loss = loss.detach();
            sum = Some(match sum {
                None => loss,
                Some(before) => before + loss,
            });
            logits = outputs.detach();
        }
        let gradient_norm = self.optimizer.step(&mut self.weights, rate);
        Step {
            loss: sum.unwrap_or_else(|| unreachable!("a step has a batch")),
            gradient_norm,
            logits,
        }
    }

    /// Computes a gradient and changes no weight, to see whether there is memory for it. It comes after a fault, which may have left
    /// libtorch without gradients.
    pub fn try_out(&mut self, batch: &Batch, number: u64) {
        with_grad(|| {
            let mut dropout = Dropout::new(self.seed, number, self.kind, self.device);
            let (_, loss) = self.forward(batch, &mut dropout);
            self.weights.differentiate(&loss, false);
            // A GPU has computed only once it is asked.
            loss.double_value(&[]);
        });
    }

    /// The outputs of the head, and the mean loss.
    fn forward(&self, batch: &Batch, dropout: &mut Dropout) -> (Tensor, Tensor) {
        let leaves = &self.weights.leaves;
        let outputs = bert::outputs(leaves, &self.config, batch, self.kind, Some(dropout));
        let loss = self
            .task
            .loss(&outputs, &batch.labels, &self.criterion, Reduction::Mean);
        (outputs, loss)
    }

    /// The outputs of the head for a batch without dropout, as the task's head gives them.
    pub fn predict(&self, batch: &Batch) -> Tensor {
        no_grad(|| bert::outputs(&self.weights.leaves, &self.config, batch, self.kind, None))
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
