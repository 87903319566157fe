//! What a run begins with: its data, its model and its learning rates.

use super::Result;
use super::bert_config::BertConfig;
use super::checkpoint_check;
use super::checkpoint_files::CheckpointFile;
use super::config::Config;
use super::data::Data;
use super::model::Model;
use super::schedule::Schedule;
use super::setting::{Recipe, Setting};

/// The data and a model that has not learned from it.
///
/// # Errors
/// The checkpoint, the data or a parameter can't be used.
pub(super) fn load(config: &Config) -> Result<(Data, Model)> {
    let parameters = &config.parameters;
    let mut bert_config = BertConfig::read(&config.model)?;
    if let Some(p) = parameters.dropout {
        bert_config = bert_config.with_dropout(p);
    }
    bert_config.check_length(parameters.max_length())?;
    // Before the data, since what is asked for in memory goes by config.json.
    let file = CheckpointFile::read(&config.model)?;
    checkpoint_check::check(&file, &bert_config)?;
    let data = Data::read(config, &bert_config)?;
    let n_classes = config.task.n_classes().unwrap_or(0);
    let class_weights = parameters.class_weights.as_ref();
    let class_weights = class_weights.map(|weights| weights.of(&data.train, n_classes));
    let setting = Setting {
        task: config.task,
        words: &data.words,
        precision: config.precision,
        device: config.place.device,
        recipe: Recipe {
            weight_decay: parameters.weight_decay,
            max_grad_norm: parameters.max_grad_norm,
            label_smoothing: parameters.label_smoothing,
            class_weights: class_weights.as_deref(),
        },
        seed: parameters.seed,
    };
    let mut model = Model::load(&file, bert_config, &setting)?;
    if config.model_dir.is_some() {
        model.keep_words(&file, data.words.kept())?;
    }
    Ok((data, model))
}

/// The learning rates of a run with so many steps in an epoch.
pub(super) fn schedule(config: &Config, steps_per_epoch: u64) -> Schedule {
    let parameters = &config.parameters;
    let n_steps = steps_per_epoch * u64::from(parameters.epochs);
    let n_warmup = parameters.n_warmup(n_steps);
    Schedule::new(parameters.scheduler, parameters.learning_rate, n_warmup, n_steps)
}
