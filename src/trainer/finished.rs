//! A model that has learned and only answers now, as `evaluate` and `predict` take it up.

use super::batches::Words;
use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::config::{self, Precision};
use super::model::Model;
use super::model_files::Trained;
use super::setting::{Recipe, Setting};
use super::task::Task;
use super::tokens::Tokens;
use super::{Failure, Result, checkpoint_check, device, new_head, tasks, threads};
use clap::Args;
use std::path::PathBuf;
use tch::Device;

/// Which model, and how it computes.
#[derive(Args, Clone, Debug)]
pub(super) struct FinishedArguments {
    /// Folder of the fine-tuned model
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// What it has learned [default: what its config.json says, where bert-trainer wrote it]
    #[arg(long, value_parser = config::tasks())]
    task: Option<String>,
    /// Tokens after which a text is cut off [default: as in training]
    #[arg(long, value_name = "N")]
    max_length: Option<u32>,
    /// Arithmetic of the matrix products; auto: bf16 where the device has instructions for it, else fp32
    #[arg(long, default_value = "auto", value_parser = ["auto", "bf16", "fp32"])]
    precision: String,
    /// Where to compute: cpu, cuda, cuda:N, or auto for a GPU if there is one
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads to compute with
    #[arg(long, value_name = "N", env = "TUNING_THREADS", default_value_t = threads::fair_share(), value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
}

/// Everything but the weights.
pub(super) struct Finished {
    folder: PathBuf,
    /// What it has learned.
    pub(super) task: &'static dyn Task,
    /// Its tokenizer.
    pub(super) tokens: Tokens,
    /// What it is like.
    pub(super) config: BertConfig,
    precision: Precision,
    device: Device,
}

impl Finished {
    /// Reads what stands beside the weights.
    ///
    /// # Errors
    /// The folder can't be used, or nobody says what the model has learned.
    pub(super) fn read(arguments: FinishedArguments) -> Result<Self> {
        let folder = config::folder(arguments.model, "--model", Failure::Model)?;
        let trained = Trained::read(&folder);
        let name = arguments
            .task
            .or_else(|| trained.as_ref().map(|trained| trained.task.clone()));
        let name = name.ok_or_else(|| {
            let sentence = "its config.json does not say what the model has learned; name it with --task";
            Failure::Configuration(format!("{}: {sentence}", folder.display()))
        })?;
        let task = tasks::find(&name).ok_or_else(|| {
            let excerpt = super::excerpt::excerpt(&name);
            Failure::Model(format!(
                "{}: its task is {excerpt}, which is no task; name it with --task",
                folder.display()
            ))
        })?;
        let config = BertConfig::read(&folder)?;
        let of_training = trained
            .filter(|trained| trained.task == name)
            .map(|trained| trained.max_length);
        let length = arguments.max_length.or(of_training).unwrap_or(task.max_length());
        config.check_length(length)?;
        task.check_max_length(length)
            .map_err(|said| Failure::Configuration(format!("--max-length is {length}; {said}")))?;
        threads::start(arguments.threads)?;
        let place = device::choose(&arguments.device)?;
        Ok(Self {
            tokens: Tokens::read(&folder, config.n_tokens, length as usize)?,
            folder,
            task,
            config,
            precision: Precision::at(&place, &arguments.precision),
            device: place.device,
        })
    }

    /// The model, which answers examples of these words.
    ///
    /// # Errors
    /// Its weights can't be used, or have never learned the task.
    pub(super) fn model(&self, words: &Words) -> Result<Model> {
        let setting = Setting {
            task: self.task,
            words,
            precision: self.precision,
            device: self.device,
            recipe: Recipe::default(),
            seed: 0,
        };
        let file = CheckpointFile::read(&self.folder)?;
        checkpoint_check::check(&file, &self.config)?;
        let model = Model::load(&file, self.config.clone(), &setting)?;
        match new_head::missing(&file, &self.config, &model.weights.layout) {
            None => Ok(model),
            Some(name) => Err(Failure::Model(format!(
                "{}: the tensor {name} is missing, so this model has not learned {}; fine-tune it first, or name with --task what \
                 it has learned",
                self.folder.display(),
                self.task.name()
            ))),
        }
    }

    /// What the classes are called, as config.json has it or else as the task has it.
    pub(super) fn class_names(&self) -> Vec<String> {
        let n = self.task.n_classes().unwrap_or(0);
        let own = super::model_files::class_names(&self.folder).filter(|names| names.len() == n);
        own.unwrap_or_else(|| {
            self.task
                .class_names()
                .iter()
                .map(|name| (*name).to_owned())
                .collect()
        })
    }
}
