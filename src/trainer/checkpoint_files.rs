//! The tensors of a Hugging Face checkpoint by their names: model.safetensors or pytorch_model.bin, each whole or in shards.

use super::excerpt::{excerpt, one_line};
use super::family::Family;
use super::lfs::refuse_pointer;
use super::stored_tensor::{Part, Stored};
use super::{Failure, Result, safetensors_file, torch_file};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tch::Tensor;

/// Bytes of an index beyond which none goes.
const MAX_INDEX: u64 = 16 << 20;

/// What a checkpoint's file may be called, in the order in which they are looked for.
const NAMES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Tensors by the names that they have in the file.
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
    tensors: HashMap<String, Stored>,
}

/// An index of shards.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl CheckpointFile {
    /// Reads which tensors the checkpoint in `folder` has, and not yet their numbers.
    ///
    /// # Errors
    /// No file is there, or one that is there cannot be understood.
    pub fn read(folder: &Path) -> Result<Self> {
        for name in NAMES {
            let (whole, index) = (folder.join(name), folder.join(format!("{name}.index.json")));
            if whole.is_file() {
                let tensors = read_part(&whole)?.into_iter();
                let tensors = tensors
                    .filter_map(|(name, stored)| Some((name, stored?)))
                    .collect();
                return Ok(Self { path: whole, tensors });
            }
            if index.is_file() {
                let tensors = read_shards(folder, &index)?;
                return Ok(Self { path: index, tensors });
            }
        }
        let sentence = "neither model.safetensors nor pytorch_model.bin is there, whole or with an index of shards; fetch the \
                        checkpoint again";
        Err(Failure::Model(format!("{}: {sentence}", folder.display())))
    }

    /// The file that it was read from, or the index of several.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of its files.
    pub(super) fn n_bytes(&self) -> u64 {
        let parts: BTreeMap<&Path, u64> = self.tensors.values().map(Stored::file).collect();
        parts.values().sum()
    }

    /// The shape of the tensor of this name, if there is one.
    pub(super) fn shape(&self, name: &str) -> Option<&[i64]> {
        self.stored(name).map(Stored::shape)
    }

    /// Refuses a tensor that is missing or has another shape.
    ///
    /// # Errors
    /// The sentence names the tensor and both shapes.
    pub(super) fn check(&self, name: &str, shape: &[i64]) -> Result<()> {
        match self.shape(name) {
            None => Err(Failure::Model(format!(
                "{}: the tensor {name} of the shape {shape:?} is missing; use a whole BERT checkpoint",
                self.path.display()
            ))),
            Some(found) if found != shape => Err(Failure::Model(format!(
                "{}: the tensor {name} has the shape {found:?} where config.json asks for {shape:?}; use the config.json that \
                 belongs to the checkpoint",
                self.path.display(),
            ))),
            Some(_) => Ok(()),
        }
    }

    /// The tensor of this name in 32 bits.
    ///
    /// # Errors
    /// It is missing, has another shape, or holds numbers that are not finite.
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.check(name, shape)?;
        let stored = self.stored(name).ok_or_else(|| self.vanished(name))?;
        let tensor = stored.read()?;
        if tensor.isfinite().all().int64_value(&[]) == 0 {
            return Err(Failure::Model(format!(
                "{}: the tensor {name} holds numbers that are not finite; fetch it again",
                stored.file().0.display()
            )));
        }
        Ok(tensor)
    }

    fn vanished(&self, name: &str) -> Failure {
        Failure::Internal(format!("{}: {name} vanished", self.path.display()))
    }

    /// Checkpoints of the bare encoder leave out `bert.` and its like, and the oldest ones call LayerNorm's tensors gamma and beta.
    fn stored(&self, name: &str) -> Option<&Stored> {
        let bare = Family::ALL
            .iter()
            .find_map(|family| name.strip_prefix(family.prefix()));
        let mut names = std::iter::once(name).chain(bare);
        names.find_map(|name| {
            let old = name
                .replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta");
            self.tensors.get(name).or_else(|| self.tensors.get(&old))
        })
    }
}

fn damaged(path: &Path, said: &str) -> Failure {
    Failure::Model(format!(
        "{}: it cannot be read as a checkpoint ({}); fetch it again, or save it anew as model.safetensors",
        path.display(),
        one_line(said)
    ))
}

/// The tensors of one file, and the names of those that have no real numbers.
fn read_part(path: &Path) -> Result<Vec<(String, Option<Stored>)>> {
    refuse_pointer(path, Failure::Model)?;
    let part = Part::open(path).map_err(|fault| damaged(path, &fault.to_string()))?;
    let part = Rc::new(part);
    let is_safe = path
        .extension()
        .is_some_and(|extension| extension == "safetensors");
    let read = if is_safe {
        safetensors_file::read
    } else {
        torch_file::read
    };
    read(&part).map_err(|said| damaged(path, &said))
}

/// The tensors that an index names, each from its shard.
fn read_shards(folder: &Path, index: &Path) -> Result<HashMap<String, Stored>> {
    refuse_pointer(index, Failure::Model)?;
    let read = || -> std::result::Result<Index, String> {
        let part = Part::open(index).map_err(|fault| fault.to_string())?;
        if part.len > MAX_INDEX {
            return Err(format!("it has {} bytes", part.len));
        }
        serde_json::from_slice(&part.bytes(0, part.len)?).map_err(|fault| fault.to_string())
    };
    let Index { weight_map } = read().map_err(|said| damaged(index, &said))?;
    let mut by_shard: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tensor, shard) in &weight_map {
        by_shard.entry(shard).or_default().push(tensor);
    }
    let mut tensors = HashMap::new();
    for (shard, names) in by_shard {
        if Path::new(shard).file_name().is_none_or(|name| name != shard) {
            let said = format!("the shard {} is no file of this folder", excerpt(shard));
            return Err(damaged(index, &said));
        }
        let path = folder.join(shard);
        if !path.is_file() {
            let said = format!("its shard {} is missing", excerpt(shard));
            return Err(damaged(index, &said));
        }
        let mut found: HashMap<String, Option<Stored>> = read_part(&path)?.into_iter().collect();
        for name in names {
            match found.remove(name) {
                Some(Some(stored)) => drop(tensors.insert(name.to_owned(), stored)),
                Some(None) => {}
                None => {
                    let said = format!("{} has no tensor {}", excerpt(shard), excerpt(name));
                    return Err(damaged(index, &said));
                }
            }
        }
    }
    Ok(tensors)
}
