//! Writes the fine-tuned model as a folder that transformers loads, whenever an evaluation is the one that its model is wanted of.

use super::config::Config;
use super::curve::Point;
use super::kept_model::SaveModel;
use super::log::say;
use super::model::Model;
use super::model_card::Card;
use super::model_files::{Trained, config_json, copy_tokenizer};
use super::model_folder;
use super::report::{self, KeptModel};
use super::task::Document;
use super::tensor_bytes::{bytes_of, io_fault};
use super::{Failure, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::HashMap;
use std::path::Path;
use tch::{Device, Tensor};

/// Keeps the model of the best evaluation so far, or of the last one.
pub(super) struct Exporter<'a> {
    config: &'a Config,
    folder: &'a Path,
    kept: SaveModel,
    /// Examples to learn from, and to evaluate on.
    sizes: (usize, usize),
}

impl<'a> Exporter<'a> {
    /// `None` where no model is wanted. `curve` holds the evaluations of the run that is taken up: with none it begins, and a model
    /// that an earlier run has left goes.
    ///
    /// # Errors
    /// The folder can't be written, or holds something else.
    pub(super) fn new(config: &'a Config, sizes: (usize, usize), curve: &[Point]) -> Result<Option<Self>> {
        let Some(folder) = config
            .model_dir
            .as_deref()
            .filter(|_| config.save_model != SaveModel::None)
        else {
            return Ok(None);
        };
        if curve.is_empty() {
            model_folder::discard(folder)?;
        }
        Ok(Some(Self {
            config,
            folder,
            kept: config.save_model,
            sizes,
        }))
    }

    /// The evaluation that the trial is judged by.
    fn chosen<'p>(&self, curve: &'p [Point]) -> Option<&'p Point> {
        match self.kept {
            SaveModel::Best => self.config.objective.best(curve).map(|place| &curve[place]),
            SaveModel::Last | SaveModel::None => curve.last(),
        }
    }

    /// Whether no other trial has a better model.
    fn is_wanted(&self, point: &Point) -> bool {
        let objective = &self.config.objective;
        self.config
            .model_above
            .is_none_or(|bar| objective.is_above(point, bar))
    }

    /// Whether the curve's last evaluation, which is the run's last one or not, is the one that the trial is judged by so far.
    pub(super) fn is_chosen(&self, curve: &[Point], is_last: bool) -> bool {
        let step = |point: Option<&Point>| point.map(|point| point.step);
        match self.kept {
            SaveModel::Best => step(self.chosen(curve)) == step(curve.last()),
            SaveModel::Last => is_last,
            SaveModel::None => false,
        }
    }

    /// The evaluation that the trial is judged by, and its model, if that is there: whoever has removed it in the meantime changes
    /// nothing of what the trial is worth.
    pub(super) fn kept(&self, curve: &[Point]) -> Option<(Point, Option<KeptModel>)> {
        let point = self.chosen(curve)?;
        let is_there = Trained::read(self.folder).is_some_and(|trained| trained.step == point.step);
        let kept = is_there.then(|| KeptModel {
            evaluation: self.kept.word(),
            step: point.step,
            folder: self.folder.to_owned(),
        });
        Some((point.clone(), kept))
    }

    /// Writes the model of the curve's last evaluation, if no other trial has a better one; `decay` is what weight decay has left of
    /// the words that the data does not have.
    ///
    /// # Errors
    /// The folder can't be written, or the tokenizer's files are gone.
    pub(super) fn write(
        &self,
        model: &Model,
        decay: f64,
        curve: &[Point],
        documents: &[Document],
    ) -> Result<()> {
        let Some(point) = curve.last().filter(|point| self.is_wanted(point)) else {
            return Ok(());
        };
        let config = self.config;
        let trained = Trained {
            task: config.task.name().to_owned(),
            max_length: config.parameters.max_length(),
            step: point.step,
        };
        let path = config.model.join("config.json");
        let checkpoint = std::fs::read_to_string(&path).map_err(|fault| {
            Failure::Model(format!(
                "{}: it cannot be read any more ({fault})",
                path.display()
            ))
        })?;
        model_folder::replace(self.folder, |folder| {
            copy_tokenizer(&config.model, folder)?;
            let text = config_json(&checkpoint, model.architecture(), config.task, &trained);
            report::write_whole(&folder.join("config.json"), &text)?;
            report::write_whole(&folder.join("README.md"), &self.card(curve, &trained).text())?;
            report::write_documents(folder, documents)?;
            let (weights, card) = (folder.join("model.safetensors"), folder.join("README.md"));
            write_tensors(&weights, &model.parameters(decay))?;
            // Whoever may read the rest may read the weights: the library makes a file for its owner alone.
            let readable = std::fs::metadata(card)
                .and_then(|card| std::fs::set_permissions(&weights, card.permissions()));
            readable.map_err(|fault| Failure::write(&weights, &fault))
        })?;
        say(format_args!(
            "kept the model of step {} in {}",
            point.step,
            self.folder.display()
        ));
        Ok(())
    }

    fn card<'c>(&'c self, curve: &'c [Point], trained: &'c Trained) -> Card<'c> {
        let config = self.config;
        Card {
            task: config.task,
            trial: &config.trial,
            job: config.job.as_deref(),
            checkpoint: config.model.display().to_string(),
            data: config.data.display().to_string(),
            n_train: self.sizes.0,
            n_dev: self.sizes.1,
            parameters: serde_json::to_value(&config.parameters).unwrap_or_default(),
            objective: config.objective.metric(),
            kept: self.kept.word(),
            curve,
            trained,
        }
    }
}

/// Sees to it before an hour of training that the model can be kept where it is wanted.
///
/// # Errors
/// The folder holds something that no run of this program has written.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    model_folder::recover(folder)?;
    let is_foreign = folder.exists() && Trained::read(folder).is_none() && !is_empty(folder);
    if is_foreign {
        return Err(Failure::Output(format!(
            "{}: it is to hold the fine-tuned model and holds something else; choose another folder with --model-dir",
            folder.display()
        )));
    }
    report::prepare_folder(model_folder::parent(folder))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let on_cpu: Vec<(&str, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.to_device(Device::Cpu).contiguous()))
        .collect();
    let views = on_cpu.iter().map(|(name, tensor)| {
        let shape = tensor.size().iter().map(|n| *n as usize).collect();
        let view = TensorView::new(Dtype::F32, shape, bytes_of(tensor));
        Ok((*name, view.map_err(|fault| Failure::Internal(fault.to_string()))?))
    });
    let views: Vec<_> = views.collect::<Result<_>>()?;
    // transformers refuses a file that does not say where its tensors come from.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(views, Some(metadata), path)
        .map_err(io_fault)
        .map_err(|fault| Failure::write(path, &fault))
}
