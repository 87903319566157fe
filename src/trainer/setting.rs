//! What a model depends on beside its checkpoint.

use super::config::Precision;
use super::task::Task;
use tch::Device;

/// How a model is made and computes.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// What is learned.
    pub task: &'static dyn Task,
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
