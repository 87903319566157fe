//! The tensors of a Hugging Face checkpoint: model.safetensors or pytorch_model.bin, by their names.

use super::excerpt::shortened;
use super::lfs::refuse_pointer;
use super::{Failure, Result};
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Tensors by the name they have in a classifier: `bert.…` for the encoder, `classifier.…` for the head.
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl CheckpointFile {
    /// Reads the checkpoint in `folder`.
    ///
    /// # Errors
    /// Neither file is there, or the one that is there cannot be understood.
    pub fn read(folder: &Path) -> Result<Self> {
        let (safe, pickled) = (folder.join("model.safetensors"), folder.join("pytorch_model.bin"));
        refuse_pointer(&safe, Failure::Model)?;
        refuse_pointer(&pickled, Failure::Model)?;
        let (tensors, path) = if safe.is_file() {
            (read_safetensors(&safe)?, safe)
        } else if pickled.is_file() {
            (read_pickled(&pickled)?, pickled)
        } else {
            let sentence =
                "neither model.safetensors nor pytorch_model.bin is there; fetch the checkpoint again";
            return Err(Failure::Model(format!("{}: {sentence}", folder.display())));
        };
        let tensors = tensors
            .into_iter()
            .map(|(name, tensor)| (canonical(&name), tensor))
            .collect();
        Ok(Self { path, tensors })
    }

    /// The tensor of this name in 32 bits, or `None` if there is none.
    ///
    /// # Errors
    /// It has another shape; the sentence names the tensor and both shapes.
    pub(super) fn find(&self, name: &str, shape: &[i64]) -> Result<Option<Tensor>> {
        let Some(tensor) = self.tensors.get(name) else {
            return Ok(None);
        };
        if tensor.size() != shape {
            return Err(Failure::Model(format!(
                "{}: the tensor {name} has the shape {:?} where config.json asks for {shape:?}; use the config.json that \
                 belongs to the checkpoint",
                self.path.display(),
                tensor.size()
            )));
        }
        Ok(Some(tensor.to_kind(Kind::Float)))
    }

    /// The same, where it has to be there.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.find(name, shape)?.ok_or_else(|| {
            Failure::Model(format!(
                "{}: the tensor {name} of the shape {shape:?} is missing; use a whole BERT checkpoint",
                self.path.display()
            ))
        })
    }
}

/// Checkpoints of the bare encoder leave out `bert.`, and the oldest ones call LayerNorm's tensors gamma and beta.
fn canonical(name: &str) -> String {
    let name = name
        .replace("LayerNorm.gamma", "LayerNorm.weight")
        .replace("LayerNorm.beta", "LayerNorm.bias");
    let bare = ["embeddings.", "encoder.", "pooler."]
        .iter()
        .any(|part| name.starts_with(part));
    if bare { format!("bert.{name}") } else { name }
}

fn damaged(path: &Path, said: &str) -> Failure {
    Failure::Model(format!(
        "{}: it cannot be read as a checkpoint ({}); fetch it again",
        path.display(),
        shortened(said)
    ))
}

fn read_safetensors(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let bytes = std::fs::read(path).map_err(|fault| damaged(path, &fault.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|fault| damaged(path, &fault.to_string()))?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            // Integers are position ids and the like: no parameter.
            _ => continue,
        };
        let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
        tensors.push((
            name.to_owned(),
            Tensor::f_from_data_size(view.data(), &shape, kind)?,
        ));
    }
    Ok(tensors)
}

fn read_pickled(path: &Path) -> Result<Vec<(String, Tensor)>> {
    Tensor::loadz_multi(path).map_err(|fault| damaged(path, fault.to_string().lines().next().unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_bare_names_are_made_canonical() {
        assert_eq!(
            canonical("embeddings.LayerNorm.gamma"),
            "bert.embeddings.LayerNorm.weight"
        );
        assert_eq!(canonical("bert.pooler.dense.bias"), "bert.pooler.dense.bias");
        assert_eq!(canonical("classifier.weight"), "classifier.weight");
    }
}
