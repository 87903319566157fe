//! What a model depends on beside its checkpoint.

use super::batches::Words;
use super::config::Precision;
use super::task::Task;
use tch::Device;

/// How a model is made and computes.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// What is learned.
    pub task: &'static dyn Task,
    /// Rows of the word table that are kept.
    pub words: &'a Words,
    /// Arithmetic.
    pub precision: Precision,
    /// Where to compute.
    pub device: Device,
    /// How it is trained.
    pub recipe: Recipe<'a>,
    /// Seed of the new head and of dropout.
    pub seed: u64,
}

/// How a model is trained, beside the learning rates.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// Weight decay of AdamW.
    pub weight_decay: f64,
    /// Gradients longer than this are scaled down to it; 0: none.
    pub max_grad_norm: f64,
    /// Share of each label that is spread over all classes.
    pub label_smoothing: f64,
    /// A weight for each class, where they differ.
    pub class_weights: Option<&'a [f64]>,
}

impl Default for Recipe<'_> {
    fn default() -> Self {
        Self {
            weight_decay: 0.01,
            max_grad_norm: 1.0,
            label_smoothing: 0.0,
            class_weights: None,
        }
    }
}
