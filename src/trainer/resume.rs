//! The state of a run on disk, so that a run that was stopped goes on as if nothing had happened.
//!
//! Chance is keyed by seed and step, and the order of the data by seed and epoch, so the state is: parameters, moments,
//! the number of the step, and what was measured so far. It is written aside, made durable and renamed: whatever happens,
//! the folder holds one whole state or none.

use super::curve::Point;
use super::log::say;
use super::model::Model;
use super::parameters::Parameters;
use super::readings::Computed;
use super::state_file::{self, StateFile};
use super::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::fs::{File, rename};
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Steps over which the training loss is averaged.
const RECENT: usize = 20;

const FILE: &str = "state.safetensors";

/// Where a state is kept that is of no use to this run: the last one of them.
const OTHER: &str = "state.safetensors.other";

/// What makes two runs the same run: a state is of use to no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The tuner's parameters, which set the course.
    pub(super) parameters: Parameters,
    /// Arithmetic.
    pub(super) precision: String,
    /// A digest of the tokens, the labels and the model's shape.
    pub(super) digest: String,
    /// A checksum of the checkpoint's weights, which earlier versions did not note. Not needed where nothing is saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checkpoint: Option<String>,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Whose progress it is.
    pub(super) identity: Identity,
    /// Steps done.
    pub(super) step: u64,
    /// Pairs trained on.
    pub(super) n_pairs: u64,
    /// Seconds spent on steps.
    pub(super) seconds: f64,
    /// Losses of the last steps, the newest last.
    pub(super) losses: Vec<f64>,
    /// Evaluations so far.
    pub(super) curve: Vec<Point>,
}

impl Progress {
    /// A run's that has done nothing yet.
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            step: 0,
            n_pairs: 0,
            seconds: 0.0,
            losses: Vec::new(),
            curve: Vec::new(),
        }
    }

    /// Takes in what steps say of themselves.
    pub(super) fn take(&mut self, computed: &Computed) {
        self.n_pairs += computed.n_examples;
        self.seconds += computed.seconds;
        self.losses.extend(computed.steps.iter().map(|step| step.loss));
        self.losses.drain(..self.losses.len().saturating_sub(RECENT));
    }

    /// Examples that were trained on in a second.
    pub(super) fn samples_per_second(&self) -> f64 {
        self.n_pairs as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Mean loss of the last steps.
    pub(super) fn train_loss(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len().max(1) as f64
    }
}

/// Saves the state of a run in `folder`, which must exist.
///
/// # Errors
/// It cannot be written; then the state that was there before is untouched.
pub(super) fn save(folder: &Path, model: &Model, progress: &Progress) -> Result<()> {
    let (path, aside) = (folder.join(FILE), aside(folder));
    let text = serde_json::to_string(progress).map_err(|fault| Failure::Internal(fault.to_string()))?;
    state_file::write(&aside, text, &buffers(model))
        .and_then(|()| rename(&aside, &path))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|fault| {
            // What could not be written in full is of no use, and its room may be what is missing.
            let _ = std::fs::remove_file(&aside);
            Failure::write(&path, &fault)
        })
}

/// Gives `model` the state that `folder` holds, if it holds one of this run. Another run's is set aside, and what can't be read
/// is left to the next save; the log says so.
///
/// # Errors
/// A state can't be set aside, or can't be read a second time.
pub(super) fn load(folder: &Path, model: &mut Model, identity: &Identity) -> Result<Option<Progress>> {
    let path = folder.join(FILE);
    // A kill in the middle of a save leaves this.
    let _ = std::fs::remove_file(aside(folder));
    let damaged = |said: &str| {
        say(format_args!(
            "{}: not a whole state ({said}); starting from the beginning",
            path.display()
        ));
        Ok(None)
    };
    let state = match File::open(&path).map(StateFile::read) {
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(state) => state,
        Err(fault) => Err(fault),
    };
    let mut state = match state {
        Ok(state) => state,
        Err(fault) => return damaged(&fault.to_string()),
    };
    let progress: Progress = match serde_json::from_str(&state.text) {
        Ok(progress) => progress,
        Err(fault) => return damaged(&fault.to_string()),
    };
    if progress.identity.checkpoint.is_some() && !state.has_checksum {
        return damaged("its checksum is missing");
    }
    if let Some(difference) = difference(&progress.identity, identity) {
        return set_aside(folder, &difference).map(|()| None);
    }
    let mut places = buffers(model);
    if places.each_ref().map(|place| place.numel() as i64) != state.sizes() {
        return damaged("a buffer has another length");
    }
    state.copy_to(&mut places).map_err(|fault| {
        Failure::Internal(format!(
            "{}: it was whole a moment ago and can't be read any more ({fault}); look after the disk, then start it again",
            path.display()
        ))
    })?;
    model.optimizer.n_updates = progress.step;
    model.weights.refresh();
    Ok(Some(progress))
}

fn set_aside(folder: &Path, difference: &str) -> Result<()> {
    let (path, other) = (folder.join(FILE), folder.join(OTHER));
    rename(&path, &other).map_err(|fault| Failure::write(&path, &fault))?;
    say(format_args!(
        "{}: this state belongs to another run ({difference}); it is {OTHER} now, and training starts from the beginning",
        path.display()
    ));
    Ok(())
}

fn aside(folder: &Path) -> PathBuf {
    folder.join(format!(".{FILE}.new"))
}

/// A checksum of what the model has before its first step.
pub(super) fn checkpoint(model: &Model) -> String {
    state_file::checksum(&model.weights.master_weights)
}

/// Removes the state: the report says all there is to say. A folder without a state is as good.
pub(super) fn forget(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}

fn buffers(model: &Model) -> [Tensor; 6] {
    let (weights, optimizer) = (&model.weights, &model.optimizer);
    let [[a, b], [c, d], [e, f]] = [&weights.master_weights, &optimizer.means, &optimizer.squares];
    [a, b, c, d, e, f].map(Tensor::shallow_clone)
}

/// The first thing in which two runs differ.
fn difference(there: &Identity, here: &Identity) -> Option<String> {
    let flat = |identity: &Identity| {
        let mut value = serde_json::to_value(&identity.parameters).unwrap_or_default();
        value["precision"] = identity.precision.clone().into();
        value["data and model"] = identity.digest.clone().into();
        value["weights of the checkpoint"] = identity.checkpoint.clone().into();
        value
    };
    let (mut there, here) = (flat(there), flat(here));
    // An earlier version did not know.
    if there["weights of the checkpoint"].is_null() {
        there["weights of the checkpoint"] = here["weights of the checkpoint"].clone();
    }
    let keys = here.as_object()?.keys();
    let mut differing = keys.filter(|key| there[*key] != here[*key]);
    differing
        .next()
        .map(|key| format!("{key} is {} there and {} here", there[key], here[key]))
}
