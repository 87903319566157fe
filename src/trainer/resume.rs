//! The state of a run on disk, so that a run that was stopped goes on as if nothing had happened.
//!
//! Chance is keyed by seed and step, and the order of the data by seed and epoch, so the state is: parameters, moments,
//! the number of the step, and what was measured so far. It is written aside, made durable and renamed: whatever happens,
//! the folder holds one whole state or none.

use super::curve::Point;
use super::model::Model;
use super::parameters::Parameters;
use super::{Failure, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, rename};
use std::path::Path;
use tch::{Device, Kind, Tensor, no_grad};

const FILE: &str = "state.safetensors";
const KEY: &str = "progress";
const BUFFERS: [&str; 6] = ["master.0", "master.1", "mean.0", "mean.1", "square.0", "square.1"];

/// What makes two runs the same run: a state is of use to no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The tuner's parameters, which set the course.
    pub(super) parameters: Parameters,
    /// Arithmetic.
    pub(super) precision: String,
    /// A digest of the tokens, the labels and the model's shape.
    pub(super) digest: String,
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

/// What was found in a folder.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// No state.
    Nothing,
    /// A state that cannot be read; the sentence says why.
    Damaged(String),
    /// A state, which the model now has.
    Progress(Box<Progress>),
}

/// Saves the state of a run in `folder`, which must exist.
///
/// # Errors
/// It cannot be written; then the state that was there before is untouched.
pub(super) fn save(folder: &Path, model: &Model, progress: &Progress) -> Result<()> {
    let (path, aside) = (folder.join(FILE), folder.join(format!(".{FILE}.new")));
    let text = serde_json::to_string(progress).map_err(|fault| Failure::Internal(fault.to_string()))?;
    let tensors = buffers(model).map(|tensor| tensor.to_device(Device::Cpu));
    let views = BUFFERS
        .iter()
        .zip(&tensors)
        .map(|(name, tensor)| Ok((*name, bytes_of(tensor)?)));
    let views: Vec<_> = views.collect::<Result<_>>()?;
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    let written = safetensors::serialize_to_file(views, Some(metadata), &aside).map_err(io_fault);
    written
        .and_then(|()| File::open(&aside)?.sync_all())
        .and_then(|()| rename(&aside, &path))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|fault| {
            // What could not be written in full is of no use, and its room may be what is missing.
            let _ = std::fs::remove_file(&aside);
            Failure::write(&path, &fault)
        })
}

/// Gives `model` the state that `folder` holds, if it holds one.
///
/// # Errors
/// The state belongs to another run than `identity`.
pub(super) fn load(folder: &Path, model: &mut Model, identity: &Identity) -> Result<Found> {
    let path = folder.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(fault) => return Ok(damaged(&path, &fault.to_string())),
    };
    let (progress, tensors) = match read(&bytes) {
        Ok(state) => state,
        Err(said) => return Ok(damaged(&path, &said)),
    };
    if let Some(difference) = difference(&progress.identity, identity) {
        return Err(Failure::Resume(format!(
            "{}: this state belongs to another run ({difference}); empty the folder, or ask for the same run again",
            path.display()
        )));
    }
    let mut places = buffers(model);
    if let Some(at) = (0..BUFFERS.len()).find(|at| tensors[*at].size() != places[*at].size()) {
        return Ok(damaged(&path, &format!("{} has another length", BUFFERS[at])));
    }
    no_grad(|| {
        for (place, tensor) in places.iter_mut().zip(&tensors) {
            place.copy_(tensor);
        }
    });
    model.optimizer.n_updates = progress.step;
    model.weights.refresh();
    Ok(Found::Progress(Box::new(progress)))
}

/// Removes the state: the report says all there is to say. A folder without a state is as good.
pub(super) fn forget(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}

fn damaged(path: &Path, said: &str) -> Found {
    Found::Damaged(format!(
        "{}: not a whole state ({said}); starting from the beginning",
        path.display()
    ))
}

fn buffers(model: &Model) -> [Tensor; 6] {
    let (weights, optimizer) = (&model.weights, &model.optimizer);
    let [[a, b], [c, d], [e, f]] = [&weights.master_weights, &optimizer.means, &optimizer.squares];
    [a, b, c, d, e, f].map(Tensor::shallow_clone)
}

fn bytes_of(tensor: &Tensor) -> Result<TensorView<'_>> {
    let n = tensor.numel();
    // SAFETY: the buffers are contiguous, on the CPU and of 32 bits, and the view does not outlive the tensor.
    let bytes = unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<u8>(), n * size_of::<f32>()) };
    TensorView::new(Dtype::F32, vec![n], bytes).map_err(|fault| Failure::Internal(fault.to_string()))
}

fn read(bytes: &[u8]) -> std::result::Result<(Progress, Vec<Tensor>), String> {
    let text = |fault: SafeTensorError| fault.to_string();
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(text)?;
    let progress = header
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(KEY))
        .ok_or("no progress in it")?;
    let progress = serde_json::from_str(progress).map_err(|fault| fault.to_string())?;
    let file = SafeTensors::deserialize(bytes).map_err(text)?;
    let mut tensors = Vec::new();
    for name in BUFFERS {
        let view = file.tensor(name).map_err(text)?;
        let tensor = Tensor::f_from_data_size(view.data(), &[view.data().len() as i64 / 4], Kind::Float);
        let tensor = tensor.map_err(|fault| fault.to_string())?;
        tensors.push(tensor);
    }
    Ok((progress, tensors))
}

fn io_fault(fault: SafeTensorError) -> std::io::Error {
    match fault {
        SafeTensorError::IoError(fault) => fault,
        other => std::io::Error::other(other.to_string()),
    }
}

/// The first thing in which two runs differ.
fn difference(there: &Identity, here: &Identity) -> Option<String> {
    let flat = |identity: &Identity| {
        let mut value = serde_json::to_value(&identity.parameters).unwrap_or_default();
        value["precision"] = identity.precision.clone().into();
        value["data and model"] = identity.digest.clone().into();
        value
    };
    let (there, here) = (flat(there), flat(here));
    let keys = here.as_object()?.keys();
    let mut differing = keys.filter(|key| there[*key] != here[*key]);
    differing
        .next()
        .map(|key| format!("{key} is {} there and {} here", there[key], here[key]))
}
