//! What is learned: how the data's files are read, what the head gives, what it is trained on and how its answers are judged.

use super::Result;
use super::example::Example;
use super::inputs::{Asked, Input};
use super::tokens::Tokens;
use serde_json::{Map, Value};
use std::path::Path;
use tch::{Reduction, Tensor};

/// A task.
pub trait Task: Sync + std::fmt::Debug {
    /// As `--task` names it.
    fn name(&self) -> &'static str;

    /// What it is in a few words, for the help.
    fn about(&self) -> &'static str;

    /// What stands on top of the encoder.
    fn head(&self) -> Head;

    /// The file of the data folder to learn from.
    fn train_file(&self) -> &'static str;

    /// Files of the data folder to evaluate on, each with what its metrics' names end in. Those of the first one end in nothing.
    fn dev_files(&self) -> &'static [(&'static str, &'static str)];

    /// Names of what it measures on the first file, the one that it is ranked by first.
    fn metrics(&self) -> Vec<&'static str>;

    /// Tokens after which an example is cut off, where nobody says.
    fn max_length(&self) -> u32;

    /// Whether it learns with examples of so many tokens at most; the error is a sentence without the number.
    ///
    /// # Errors
    /// It does not.
    fn check_max_length(&self, max_length: u32) -> std::result::Result<(), String>;

    /// Classes among which it chooses, if it chooses among classes.
    fn n_classes(&self) -> Option<usize>;

    /// What each class is called, from class 0 on; empty where it does not choose among classes.
    fn class_names(&self) -> &'static [&'static str];

    /// Examples to learn from.
    ///
    /// # Errors
    /// The file is missing, is not UTF-8, has no examples, or something in it has another form: the sentence names file and
    /// line. Or the vocabulary does not fit the checkpoint.
    fn train_set(&self, path: &Path, tokens: &Tokens) -> Result<Vec<Example>>;

    /// Examples to evaluate on.
    ///
    /// # Errors
    /// The same.
    fn dev_set(&'static self, path: &Path, tokens: &Tokens) -> Result<Box<dyn DevSet>>;

    /// What the texts of an example are called where somebody asks for an answer.
    fn asked(&self) -> Asked;

    /// Examples to answer.
    ///
    /// # Errors
    /// A token's id lies beyond the embedding table.
    fn questions(&'static self, inputs: &[&Input], tokens: &Tokens) -> Result<Box<dyn QuestionSet>>;

    /// Loss of the head's outputs for a batch against the batch's labels.
    fn loss(&self, outputs: &Tensor, labels: &Tensor, criterion: &Criterion, reduction: Reduction) -> Tensor;
}

/// Examples to evaluate on, and what they are judged by. Outputs of the head come as one list for each example: of a
/// [`Head::Pooled`] its n outputs, of a [`Head::Span`] a number for each token as a beginning, then one for each as an end.
pub trait DevSet {
    /// The examples.
    fn examples(&self) -> &[Example];

    /// How good the head's outputs are.
    fn judge(&self, outputs: &[Vec<f32>]) -> Judgement;

    /// What people want to read beside the numbers.
    fn documents(&self, _outputs: &[Vec<f32>]) -> Vec<Document> {
        Vec::new()
    }
}

/// Examples to answer; the head's outputs come as those of a [`DevSet`].
pub trait QuestionSet {
    /// The examples.
    fn examples(&self) -> &[Example];

    /// An answer to each input, for programs to read. `classes` are the names of the classes.
    fn answers(&self, outputs: &[Vec<f32>], classes: &[String]) -> Vec<Map<String, Value>>;
}

/// What stands on top of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// So many outputs for an example, over the pooled first token: `[B, n]`.
    Pooled(i64),
    /// Two outputs for each token, as a beginning and as an end: `[B, 2, S]`.
    Span,
}

/// How a loss is taken.
#[derive(Debug, Default)]
pub struct Criterion {
    /// Share of each label that is spread over all classes, in [0, 1).
    pub label_smoothing: f64,
    /// Weight of each class, where they differ.
    pub class_weights: Option<Tensor>,
}

/// What answers are worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Metrics by name.
    pub metrics: Vec<(&'static str, f64)>,
    /// Every example got the same answer, where not all labels are the same: nothing was learned.
    pub collapsed: bool,
}

/// A file for people and programs to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub text: String,
}
