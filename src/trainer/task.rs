//! What is learned: how the data's files are read, what the head gives, what it is trained on and how its answers are judged.

use super::Result;
use std::path::Path;
use tch::{Reduction, Tensor};

/// A task.
pub trait Task: Sync + std::fmt::Debug {
    /// As `--task` names it.
    fn name(&self) -> &'static str;

    /// What it is in a few words, for the help.
    fn about(&self) -> &'static str;

    /// Outputs of the head for each example: its classes, or 1 for a score.
    fn n_outputs(&self) -> i64;

    /// Files of the data folder to evaluate on, each with what its metrics' names end in. Those of the first one end in nothing.
    fn dev_files(&self) -> &'static [(&'static str, &'static str)];

    /// The examples of a file.
    ///
    /// # Errors
    /// The file is missing, is not UTF-8, has no examples, or has a line of another form: the sentence names file and line.
    fn read(&self, path: &Path) -> Result<Vec<Row>>;

    /// Loss of the head's outputs, `[B, n]`, against the labels, `[B]`.
    fn loss(&self, outputs: &Tensor, labels: &Tensor, reduction: Reduction) -> Tensor;

    /// One answer for each example, `[B]`, in the units of the labels.
    fn answers(&self, outputs: &Tensor) -> Tensor;

    /// How good answers are, against labels of the same number.
    fn judge(&self, answers: &[f64], labels: &[f64]) -> Judgement;
}

/// One example of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The sentence, or the first of two.
    pub first: String,
    /// The second.
    pub second: Option<String>,
    /// What is right.
    pub label: Label,
}

/// What is right for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Label {
    /// One of the task's classes, from 0.
    Class(u8),
    /// A number.
    Score(f32),
}

impl Label {
    /// As a number: the class's, or the score.
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Class(class) => f64::from(class),
            Self::Score(score) => f64::from(score),
        }
    }
}

/// What answers are worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Metrics by name.
    pub metrics: Vec<(&'static str, f64)>,
    /// Every example got the same answer, where not all labels are the same: nothing was learned.
    pub collapsed: bool,
}
