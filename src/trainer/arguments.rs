//! The command line, as it is typed; `config` says what it means.

use clap::Parser;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  One trial on one core, with the recipe of BERT's paper:
    bert-trainer --task mrpc --model minilm-l6-v2 --data data/mrpc --learning-rate 5e-5

  What a tuner runs: the parameters come by the environment and win over the flags.
    TUNING_PARAM_LEARNING_RATE=6.47e-05 TUNING_METRICS_PORT=9090 TUNING_OUTPUT_DIR=out \\
      TUNING_CHECKPOINT_DIR=out/checkpoint bert-trainer --task mrpc --model minilm-l6-v2 --data data/mrpc

  An exact and repeatable run, evaluated each 50 steps:
    bert-trainer --task mrpc --model minilm-l6-v2 --data data/mrpc --precision fp32 --eval-every 50

Parameters that may be tuned, as TUNING_PARAM_NAME or in the JSON file $TUNING_PARAMETERS_FILE:
  learning_rate batch_size epochs weight_decay warmup_ratio dropout max_length seed

The checkpoint folder is Hugging Face's: config.json; tokenizer.json or vocab.txt; model.safetensors or
pytorch_model.bin. The data folder is GLUE's: train.tsv and dev.tsv with the columns Quality, #1 ID, #2 ID,
#1 String, #2 String.

Exit codes: 0 done; 3 diverged; 4 out of memory; 42 configuration; 43 checkpoint folder; 44 data; 45 vocabulary;
46 output; 47 metrics port; 48 device; 49 state of another run; 70 fault of the trainer; 143 told to stop.";

/// Fine-tunes BERT to judge sentence pairs, and reports F1, accuracy and loss.
#[derive(Clone, Debug, Parser)]
#[command(name = "bert-trainer", version, after_help = EXAMPLES, max_term_width = 110, args_override_self = true)]
pub struct Arguments {
    /// What is learned; mrpc: whether two sentences say the same
    #[arg(long, default_value = "mrpc", value_parser = ["mrpc"])]
    pub task: String,
    /// Folder of the checkpoint
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Folder of the data
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Passes over the training data
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub epochs: u32,
    /// Pairs in a training step
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub batch_size: u32,
    /// Tokens after which a pair is cut off
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub max_length: u32,
    /// Highest learning rate of the schedule
    #[arg(long, value_name = "RATE", default_value_t = 5e-5)]
    pub learning_rate: f64,
    /// AdamW's weight decay; never on biases and LayerNorm weights
    #[arg(long, value_name = "W", default_value_t = 0.01)]
    pub weight_decay: f64,
    /// Share of the steps in which the learning rate rises
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub warmup_ratio: f64,
    /// Dropout everywhere in place of what config.json says
    #[arg(long, value_name = "P")]
    pub dropout: Option<f64>,
    /// Seed of the head, the order of the data and dropout
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Arithmetic of the matrix products; auto: bf16 where the device has instructions for it, else fp32. The weights
    /// themselves stay in 32 bits
    #[arg(long, default_value = "auto", value_parser = ["auto", "bf16", "fp32"])]
    pub precision: String,
    /// Where to compute: cpu, cuda, cuda:N, or auto for a GPU if there is one
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Threads to compute with
    #[arg(long, value_name = "N", env = "TUNING_THREADS", default_value_t = 1)]
    pub threads: u32,
    /// Evaluate each N steps too; 0: after each epoch only
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub eval_every: u64,
    /// Say how far it is each N steps; 0: never
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub log_every: u64,
    /// Save the state of the run each so many minutes; 0: only when told to stop. Without this flag, each half minute,
    /// or less often where that would take more than a hundredth of the time
    #[arg(long, value_name = "MINUTES")]
    pub checkpoint_minutes: Option<f64>,
    /// Folder for the state of the run, from which a later start resumes
    #[arg(long, value_name = "DIR", env = "TUNING_CHECKPOINT_DIR")]
    pub checkpoint_dir: Option<PathBuf>,
    /// Folder for report.json
    #[arg(long, value_name = "DIR", env = "TUNING_OUTPUT_DIR")]
    pub output_dir: Option<PathBuf>,
    /// Serve Prometheus metrics at /metrics of this port; 0: not at all
    #[arg(long, value_name = "PORT", env = "TUNING_METRICS_PORT", default_value_t = 0)]
    pub metrics_port: u16,
    /// JSON object of parameters, which win over the flags
    #[arg(long, value_name = "FILE", env = "TUNING_PARAMETERS_FILE")]
    pub parameters_file: Option<PathBuf>,
    /// File for the report as Kubernetes reads it [default: /dev/termination-log where that exists]
    #[arg(long, value_name = "FILE", env = "TUNING_TERMINATION_MESSAGE")]
    pub termination_message: Option<PathBuf>,
    /// Name of the trial, for the log
    #[arg(long, value_name = "NAME", env = "TUNING_TRIAL", default_value = "trial")]
    pub trial: String,
}
