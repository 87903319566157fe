//! The built-in fine-tuner, as a trial asks for it.

use super::task::Task;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The built-in BERT fine-tuner. Each of `learning_rate`, `batch_size`, `epochs`, `weight_decay`, `warmup_ratio`,
/// `warmup_steps`, `dropout`, `max_length`, `gradient_accumulation_steps`, `max_grad_norm`, `scheduler`, `label_smoothing`,
/// `class_weights`, `eval_every` and `seed` may be a parameter; what is not a parameter is fixed here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BertSpec {
    /// The image; absent: the operator's own, for CPUs or for GPUs by where the trial computes. Of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// What is learned.
    pub task: Task,
    /// Folder of the checkpoint of a BERT, RoBERTa or DistilBERT, in Hugging Face's layout: config.json, the tokenizer's files,
    /// model.safetensors or pytorch_model.bin.
    #[schemars(length(min = 1, max = 1024))]
    pub model: String,
    /// Folder of the data: train.tsv and dev.tsv of GLUE's task, or train-v1.1.json and dev-v1.1.json of squad.
    #[schemars(length(min = 1, max = 1024))]
    pub data: String,
    /// Passes over the training data.
    #[serde(default = "epochs")]
    #[schemars(range(min = 1, max = 1000))]
    pub epochs: u32,
    /// Examples in a batch.
    #[serde(default = "batch_size")]
    #[schemars(range(min = 1, max = 4096))]
    pub batch_size: u32,
    /// Tokens after which an example is cut off, or for squad continued in another one; absent: 128, for squad 384.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8, max = 4096))]
    pub max_length: Option<u32>,
    /// Arithmetic of the matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// Where to compute. On a cluster `auto` is `cuda` where `resources` ask for a GPU: without one that works the trial is not run
    /// on a CPU, but tried on another node. On one machine it is `cuda` then, too, and otherwise a GPU if there is one.
    #[serde(default)]
    pub device: Device,
    /// Learning rate, where it is not a parameter: above 0, at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub learning_rate: Option<f64>,
    /// How the learning rate goes on after the warm-up; absent: linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// Share of the training steps in which the learning rate rises; absent: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub warmup_ratio: Option<f64>,
    /// Training steps in which the learning rate rises, in place of `warmupRatio`; 0: the share holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub warmup_steps: Option<u32>,
    /// AdamW's weight decay; never on biases and LayerNorm weights. Absent: 0.01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10))]
    pub weight_decay: Option<f64>,
    /// Dropout everywhere, below 1; absent: as config.json says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub dropout: Option<f64>,
    /// Batches whose gradients make one training step: as if a batch were so many times as large, in the memory of one.
    /// Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub gradient_accumulation_steps: Option<u32>,
    /// Length to which a longer gradient is cut; 0: not at all. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_grad_norm: Option<f64>,
    /// Share of the certainty, below 1, that is taken from the right class and spread over all; for tasks with classes only.
    /// Absent: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub label_smoothing: Option<f64>,
    /// How much each class counts in the loss: `balanced`, so that rare classes count as much as frequent ones, or one number
    /// above 0 for each class with commas between, such as `1,2.5`; for tasks with classes only. Absent: all alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub class_weights: Option<String>,
    /// Seed of the head, the order of the data and dropout.
    #[serde(default = "one")]
    pub seed: u32,
    /// Steps between evaluations; 0: after each epoch only.
    #[serde(default)]
    pub eval_every: u32,
    /// Of which evaluation the fine-tuned model is kept: the best by the job's objective, the last one, or none. The trial's value
    /// is that of the model: with `Best` what the best evaluation gave, otherwise what the last one did. On a cluster models are
    /// kept on `checkpointVolume`; without it they last as long as the pod.
    #[serde(default)]
    pub save_model: SaveModel,
    /// Trials whose models stay: those with the best values. A trial writes its model only where it is better than theirs. On one
    /// machine the others go as soon as they are left behind, on a cluster when the job has ended; `retain: All` keeps the model
    /// of every trial there.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep_models: u32,
}

impl BertSpec {
    /// How many trials' models stay, where trials keep any.
    pub fn n_models(&self) -> Option<usize> {
        (self.save_model != SaveModel::None).then_some(self.keep_models as usize)
    }
}

fn epochs() -> u32 {
    3
}

fn batch_size() -> u32 {
    32
}

fn one() -> u32 {
    1
}

/// Of which evaluation the fine-tuned model is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SaveModel {
    /// The best one, by the job's objective.
    #[default]
    Best,
    /// The last one.
    Last,
    /// None.
    None,
}

impl SaveModel {
    /// As `bert-trainer --save-model` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Last => "last",
            Self::None => "none",
        }
    }
}

/// Arithmetic of the matrix products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bf16 where the device computes in it, else fp32: the faster of both.
    #[default]
    Auto,
    /// 16 bits of bfloat16, with weights kept in 32.
    Bf16,
    /// 32 bits throughout.
    Fp32,
}

impl Precision {
    /// As manifests and `bert-trainer --precision` have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Bf16 => "bf16",
            Self::Fp32 => "fp32",
        }
    }
}

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A GPU where there is one or where one is asked for, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, and nothing else.
    Cuda,
}

impl Device {
    /// As manifests and `bert-trainer --device` have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// How the learning rate goes on after the warm-up; absent: linear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// In a straight line down to 0 at the end.
    Linear,
    /// Along half a cosine down to 0 at the end.
    Cosine,
    /// Not at all: it stays where the warm-up left it.
    Constant,
}

impl Scheduler {
    /// Every schedule.
    pub const ALL: [Self; 3] = [Self::Linear, Self::Cosine, Self::Constant];

    /// As manifests, parameters and `bert-trainer --scheduler` have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Constant => "constant",
        }
    }
}
