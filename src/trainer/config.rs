//! What one trial is to do: the command line as it is typed, and the same checked, so that nothing later asks again whether a
//! value makes sense.

use super::device::{self, Place};
use super::kept_model::{Goal, Objective, SaveModel};
use super::log::say;
use super::parameters::Parameters;
use super::task::Task;
use super::tasks;
use super::{Failure, Result, threads};
use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tch::Kind;

const EXAMPLES: &str = "\
Examples:
  One trial on one core, with the recipe of BERT's paper:
    bert-trainer --task mrpc --model minilm-l6-v2 --data data/mrpc --learning-rate 5e-5

  What a tuner runs: the parameters come by the environment and win over the flags.
    TUNING_PARAM_LEARNING_RATE=6.47e-05 TUNING_METRICS_PORT=9090 TUNING_OUTPUT_DIR=out \\
      TUNING_CHECKPOINT_DIR=out/checkpoint bert-trainer --task mrpc --model minilm-l6-v2 --data data/mrpc

  An exact and repeatable run, evaluated each 50 steps:
    bert-trainer --task mrpc --model minilm-l6-v2 --data data/mrpc --precision fp32 --eval-every 50

  Questions of SQuAD 1.1; predictions.json and nbest.json come beside the report:
    bert-trainer --task squad --model minilm-l6-v2 --data data/squad --batch-size 16 --epochs 2 --learning-rate 1e-4 \\
      --output-dir out

  What came of it, and its answers; see bert-trainer evaluate --help and bert-trainer predict --help:
    bert-trainer evaluate --model out/model --data data/mrpc
    printf 'The cat sleeps.\tA cat is asleep.\n' | bert-trainer predict --model out/model

Parameters that may be tuned, as TUNING_PARAM_NAME or in the JSON file $TUNING_PARAMETERS_FILE:
  learning_rate batch_size epochs weight_decay warmup_ratio warmup_steps dropout max_length
  gradient_accumulation_steps max_grad_norm scheduler label_smoothing class_weights eval_every seed

The checkpoint folder is Hugging Face's: config.json; tokenizer.json or vocab.txt; model.safetensors or
pytorch_model.bin. The data folder is the task's as it is published: of GLUE train.tsv and dev.tsv, for mnli train.tsv,
dev_matched.tsv and dev_mismatched.tsv; of squad train-v1.1.json and dev-v1.1.json.

Exit codes: 0 done; 3 diverged; 4 out of memory; 42 configuration; 43 checkpoint folder; 44 data; 45 vocabulary;
46 output; 47 metrics port; 48 device; 70 fault of the trainer; 143 told to stop.";

/// Fine-tunes BERT on SQuAD 1.1 or on a task of GLUE, and reports what those measure.
#[derive(Clone, Debug, Parser)]
#[command(name = "bert-trainer", version, after_help = EXAMPLES, max_term_width = 110, args_override_self = true)]
pub(super) struct Arguments {
    /// What is learned
    #[arg(long, default_value = "mrpc", value_parser = tasks())]
    pub(super) task: String,
    /// Folder of the checkpoint
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Folder of the data
    #[arg(long, value_name = "DIR")]
    pub(super) data: PathBuf,
    /// What a tuner may choose
    #[command(flatten)]
    pub(super) parameters: Parameters,
    /// Arithmetic of the matrix products; auto: bf16 where the device has instructions for it, else fp32. The weights
    /// themselves stay in 32 bits
    #[arg(long, default_value = "auto", value_parser = ["auto", "bf16", "fp32"])]
    pub(super) precision: String,
    /// Where to compute: cpu, cuda, cuda:N, or auto for a GPU if there is one
    #[arg(long, default_value = "auto")]
    pub(super) device: String,
    /// Threads to compute with
    #[arg(long, value_name = "N", env = "TUNING_THREADS", default_value_t = threads::fair_share())]
    pub(super) threads: u32,
    /// Say how far it is each N steps; 0: never
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) log_every: u64,
    /// Save the state of the run each so many minutes; 0: only when told to stop. Without this flag, each half minute,
    /// or less often where that would take more than a hundredth of the time
    #[arg(long, value_name = "MINUTES")]
    pub(super) checkpoint_minutes: Option<f64>,
    /// Folder for the state of the run, from which a later start resumes
    #[arg(long, value_name = "DIR", env = "TUNING_CHECKPOINT_DIR")]
    pub(super) checkpoint_dir: Option<PathBuf>,
    /// Folder for report.json
    #[arg(long, value_name = "DIR", env = "TUNING_OUTPUT_DIR")]
    pub(super) output_dir: Option<PathBuf>,
    /// Of which evaluation the fine-tuned model is kept, and its scores reported as the trial's own
    #[arg(long, value_enum, default_value_t = SaveModel::Best)]
    pub(super) save_model: SaveModel,
    /// Folder for that model, in transformers' layout; of another run it is replaced [default: model in the output folder]
    #[arg(long, value_name = "DIR", env = "TUNING_MODEL_DIR")]
    pub(super) model_dir: Option<PathBuf>,
    /// Keep the model only where the objective is better than this: another trial has a better one else
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(super) model_above: Option<f64>,
    /// What the best evaluation is the best of [default: what the task is ranked by]
    #[arg(long, value_name = "METRIC")]
    pub(super) objective: Option<String>,
    /// Which way that is better [default: maximize; of a loss minimize]
    #[arg(long, value_enum)]
    pub(super) goal: Option<Goal>,
    /// Serve Prometheus metrics at /metrics of this port; 0: not at all
    #[arg(long, value_name = "PORT", env = "TUNING_METRICS_PORT", default_value_t = 0)]
    pub(super) metrics_port: u16,
    /// JSON object of parameters, which win over the flags
    #[arg(long, value_name = "FILE", env = "TUNING_PARAMETERS_FILE")]
    pub(super) parameters_file: Option<PathBuf>,
    /// File for the report as Kubernetes reads it [default: /dev/termination-log where that exists]
    #[arg(long, value_name = "FILE", env = "TUNING_TERMINATION_MESSAGE")]
    pub(super) termination_message: Option<PathBuf>,
    /// Name of the trial, for the log
    #[arg(long, value_name = "NAME", env = "TUNING_TRIAL", default_value = "trial")]
    pub(super) trial: String,
    /// Name of the job that the trial belongs to, for the model's card
    #[arg(long, value_name = "NAME", env = "TUNING_JOB")]
    pub(super) job: Option<String>,
}

/// The tasks by name, with what each is for the help.
pub(super) fn tasks() -> PossibleValuesParser {
    let named = tasks::all().map(|task| PossibleValue::new(task.name()).help(task.about()));
    PossibleValuesParser::new(named)
}

/// Where Kubernetes reads a container's last words by default.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Arithmetic of the matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// bfloat16 products and activations over weights in 32 bits.
    Bf16,
    /// 32 bits throughout.
    Fp32,
}

impl Precision {
    /// Element type of activations and working weights.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Bf16 => Kind::BFloat16,
            Self::Fp32 => Kind::Float,
        }
    }

    /// What `auto`, `bf16` or `fp32` comes to at `place`: a processor without bfloat16 instructions emulates each product, a hundred
    /// times slower than in 32 bits, so there bf16 becomes fp32, which is also the more exact. Of a GPU it is said, since whoever
    /// pays for one expects otherwise.
    pub(super) fn at(place: &Place, asked: &str) -> Self {
        if asked == "fp32" {
            return Self::Fp32;
        }
        if place.multiplies_bf16 {
            return Self::Bf16;
        }
        if place.is_card() {
            let label = place.label();
            say(format_args!(
                "{label} has no instructions for bf16 (cards have them from compute capability 8.0 on): fp32"
            ));
        }
        Self::Fp32
    }

    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Fp32 => "fp32",
        }
    }
}

/// One trial's orders.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// What is learned.
    pub(super) task: &'static dyn Task,
    /// Name of the trial, for the log.
    pub(super) trial: String,
    /// Folder of the checkpoint.
    pub model: PathBuf,
    /// Folder of the data.
    pub(super) data: PathBuf,
    /// What a tuner may choose.
    pub(super) parameters: Parameters,
    /// Arithmetic of the matrix products, as the device can do it.
    pub(super) precision: Precision,
    /// Where to compute.
    pub(super) place: Place,
    /// Threads to compute with, at least 1.
    pub(super) threads: u32,
    /// Steps between lines of progress; `None`: none.
    pub(super) log_every: Option<u64>,
    /// When the state is saved.
    pub(super) saves: Saves,
    /// Folder for the state.
    pub(super) checkpoint_dir: Option<PathBuf>,
    /// Folder for the report.
    pub(super) output_dir: Option<PathBuf>,
    /// Of which evaluation the model is kept.
    pub(super) save_model: SaveModel,
    /// Folder for the model, where one is kept.
    pub(super) model_dir: Option<PathBuf>,
    /// Values up to which no model is kept.
    pub(super) model_above: Option<f64>,
    /// By what evaluations are compared.
    pub(super) objective: Objective,
    /// Name of the job, for the model's card.
    pub(super) job: Option<String>,
    /// Port of the metrics.
    pub(super) metrics_port: Option<u16>,
    /// File for the report as Kubernetes reads it.
    pub(super) termination_message: Option<PathBuf>,
}

/// When the state of a run is saved; in any case when it is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saves {
    /// Then only.
    WhenStopped,
    /// Each so long.
    Every(Duration),
    /// Each [`Saves::MIN_INTERVAL`], or less often where saving would take more than a hundredth of the time.
    Seldom,
}

impl Saves {
    /// Least time between two saves that nobody has asked for.
    const MIN_INTERVAL: Duration = Duration::from_secs(30);

    /// Whether it is time, so long after the last save, which took so long.
    pub(super) fn are_due(self, since: Duration, took: Duration) -> bool {
        match self {
            Self::WhenStopped => false,
            Self::Every(interval) => since >= interval,
            Self::Seldom => since >= Self::MIN_INTERVAL.max(100 * took),
        }
    }
}

impl Config {
    /// The orders that the command line gives, with the tuner's parameters in `env` over its flags.
    ///
    /// # Errors
    /// A parameter, device or folder that cannot be used.
    pub(super) fn new(arguments: Arguments, env: &[(String, String)]) -> Result<Self> {
        let place = device::choose(&arguments.device)?;
        let saves = match arguments.checkpoint_minutes {
            None => Saves::Seldom,
            Some(0.0) => Saves::WhenStopped,
            Some(minutes) if (0.0..=1e6).contains(&minutes) => {
                Saves::Every(Duration::from_secs_f64(minutes * 60.0))
            }
            Some(minutes) => {
                let sentence = format!("--checkpoint-minutes is {minutes}; choose a value from 0 to 1000000");
                return Err(Failure::Configuration(sentence));
            }
        };
        if !(1..=1024).contains(&arguments.threads) {
            let sentence = format!(
                "--threads is {}; choose a value from 1 to 1024",
                arguments.threads
            );
            return Err(Failure::Configuration(sentence));
        }
        let task = tasks::find(&arguments.task).ok_or_else(|| {
            Failure::Configuration(format!("--task is {:?}, which is no task", arguments.task))
        })?;
        let in_output = arguments.output_dir.as_ref().map(|folder| folder.join("model"));
        let model_dir = arguments.model_dir.or(in_output);
        Ok(Self {
            task,
            save_model: arguments.save_model,
            model_above: arguments.model_above,
            model_dir: model_dir.filter(|_| arguments.save_model != SaveModel::None),
            objective: Objective::new(arguments.objective, arguments.goal, task)?,
            job: arguments.job,
            trial: arguments.trial,
            model: folder(arguments.model, "--model", Failure::Model)?,
            data: folder(arguments.data, "--data", Failure::Data)?,
            parameters: arguments
                .parameters
                .overridden(arguments.parameters_file.as_deref(), env, task)?,
            precision: Precision::at(&place, &arguments.precision),
            place,
            threads: arguments.threads,
            log_every: (arguments.log_every > 0).then_some(arguments.log_every),
            saves,
            checkpoint_dir: arguments.checkpoint_dir,
            output_dir: arguments.output_dir,
            metrics_port: (arguments.metrics_port > 0).then_some(arguments.metrics_port),
            termination_message: arguments.termination_message.or_else(default_message),
        })
    }
}

pub(super) fn folder(path: PathBuf, flag: &str, failure: fn(String) -> Failure) -> Result<PathBuf> {
    if path.is_dir() {
        return Ok(path);
    }
    let why = if path.exists() {
        "is not a folder"
    } else {
        "does not exist"
    };
    Err(failure(format!(
        "{}: the folder that {flag} names {why}; correct the path",
        path.display()
    )))
}

/// Kubernetes makes this file; elsewhere nobody would read it.
pub(super) fn default_message() -> Option<PathBuf> {
    let path = Path::new(TERMINATION_LOG);
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .ok()
        .map(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_takes_a_hundredth_of_the_time_at_most() {
        let seconds = Duration::from_secs;
        assert!(!Saves::Seldom.are_due(seconds(29), seconds(0)));
        assert!(Saves::Seldom.are_due(seconds(30), Duration::from_millis(300)));
        assert!(!Saves::Seldom.are_due(seconds(199), seconds(2)));
        assert!(Saves::Seldom.are_due(seconds(200), seconds(2)));
        assert!(!Saves::WhenStopped.are_due(seconds(100_000), seconds(0)));
    }
}
