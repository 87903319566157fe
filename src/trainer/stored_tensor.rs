//! A tensor as it lies in a file of a checkpoint: checked when the file is opened, read when it is asked for.

use super::{Failure, Result};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tch::{Kind, Tensor};

/// Dimensions beyond which no tensor of a BERT goes.
const MAX_DIMENSIONS: usize = 8;

/// A file of a checkpoint.
#[derive(Debug)]
pub(super) struct Part {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its bytes.
    pub(super) len: u64,
    file: File,
}

impl Part {
    /// Opens it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            len: file.metadata()?.len(),
            file,
        })
    }

    /// Its bytes from `begin` on, of which there must be so many.
    ///
    /// # Errors
    /// There are not, or the system does not give them.
    pub(super) fn bytes(&self, begin: u64, n: u64) -> std::result::Result<Vec<u8>, String> {
        if begin.checked_add(n).is_none_or(|end| end > self.len) {
            return Err(format!(
                "it ends at byte {} where {n} bytes from {begin} on belong to it",
                self.len
            ));
        }
        let mut bytes = Vec::new();
        let room = bytes.try_reserve_exact(n as usize);
        room.map_err(|_| format!("there is no memory for {n} bytes of it"))?;
        bytes.resize(n as usize, 0);
        let read = self.file.read_exact_at(&mut bytes, begin);
        read.map_err(|fault| fault.to_string())?;
        Ok(bytes)
    }
}

/// How a tensor's elements follow each other in a storage of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Elements of the storage before its first one.
    pub(super) offset: i64,
    /// Its shape.
    pub(super) shape: Vec<i64>,
    /// Elements of the storage from one index to the next, in each dimension.
    pub(super) strides: Vec<i64>,
}

/// A tensor of real numbers in a file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    part: Rc<Part>,
    kind: Kind,
    /// From its first element on.
    view: View,
    begin: u64,
    /// Elements from its first to its last.
    span: u64,
}

impl Stored {
    /// The tensor `view` of the elements of this kind in the bytes `storage` of a file.
    ///
    /// # Errors
    /// It does not lie in the storage, or the storage does not lie in the file.
    pub(super) fn new(
        part: &Rc<Part>,
        kind: Kind,
        storage: Range<u64>,
        view: View,
    ) -> std::result::Result<Self, String> {
        let n = (storage.end.checked_sub(storage.start)).filter(|_| storage.end <= part.len);
        let n = n.ok_or("a storage goes beyond the end of the file")? / bytes_of(kind);
        let span = view.span(n).ok_or_else(|| {
            let shape = &view.shape[..view.shape.len().min(MAX_DIMENSIONS)];
            format!("a tensor of the shape {shape:?} goes beyond the {n} numbers of its storage")
        })?;
        Ok(Self {
            part: Rc::clone(part),
            kind,
            begin: storage.start + view.offset as u64 * bytes_of(kind),
            view: View { offset: 0, ..view },
            span,
        })
    }

    /// Its shape.
    pub(super) fn shape(&self) -> &[i64] {
        &self.view.shape
    }

    /// The file in which it lies, and how many bytes that has.
    pub(super) fn file(&self) -> (&Path, u64) {
        (&self.part.path, self.part.len)
    }

    /// Its elements in 32 bits, in the usual order.
    ///
    /// # Errors
    /// The file does not give them, or there is no memory left.
    pub(super) fn read(&self) -> Result<Tensor> {
        let bytes = self.part.bytes(self.begin, self.span * bytes_of(self.kind));
        let bytes = bytes.map_err(|said| {
            let path = self.part.path.display();
            Failure::Model(format!(
                "{path}: it changes while it is read ({said}); begin again"
            ))
        })?;
        let flat = Tensor::f_from_data_size(&bytes, &[self.span as i64], self.kind)?;
        drop(bytes);
        let View { shape, strides, .. } = &self.view;
        let tensor = if *strides == usual(shape) {
            flat.f_view(shape.as_slice())?
        } else if self.span == 0 {
            flat.f_reshape(shape.as_slice())?
        } else {
            flat.f_as_strided(shape.as_slice(), strides.as_slice(), 0)?
                .f_contiguous()?
        };
        Ok(tensor.f_to_kind(Kind::Float)?)
    }
}

impl View {
    /// A tensor of this shape that begins where its storage does, its elements in the usual order; `None` if they can't be counted.
    pub(super) fn whole(shape: Vec<i64>) -> Self {
        let strides = usual(&shape);
        Self {
            offset: 0,
            shape,
            strides,
        }
    }

    /// Its elements, if they can be counted.
    pub(super) fn numel(&self) -> Option<u64> {
        let factors = self.shape.iter().map(|n| u64::try_from(*n).ok());
        factors
            .into_iter()
            .try_fold(1_u64, |product, n| product.checked_mul(n?))
    }

    /// Elements from its first to its last, if it lies in a storage of `n`. It has no more elements than that: whoever repeats
    /// some by a stride of 0 could ask for any amount of memory.
    fn span(&self, n: u64) -> Option<u64> {
        let numel = self.numel().filter(|numel| *numel <= n)?;
        let offset = u64::try_from(self.offset).ok().filter(|offset| *offset <= n)?;
        if self.shape.len() != self.strides.len() || self.shape.len() > MAX_DIMENSIONS {
            return None;
        }
        if numel == 0 {
            return Some(0);
        }
        let mut last = 0_u64;
        for (n, stride) in self.shape.iter().zip(&self.strides) {
            let step = u64::try_from(*stride).ok()?.checked_mul(*n as u64 - 1)?;
            last = last.checked_add(step)?;
        }
        let span = last.checked_add(1)?;
        (offset.checked_add(span)? <= n).then_some(span)
    }
}

/// Strides of a tensor whose last index moves fastest.
fn usual(shape: &[i64]) -> Vec<i64> {
    let mut strides = vec![1_i64; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at].saturating_mul(shape[at].max(1));
    }
    strides
}

fn bytes_of(kind: Kind) -> u64 {
    kind.elt_size_in_bytes() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(offset: i64, shape: &[i64], strides: &[i64]) -> View {
        View {
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
        }
    }

    #[test]
    fn a_view_must_lie_in_its_storage() {
        assert_eq!(view(0, &[2, 3], &[3, 1]).span(6), Some(6));
        assert_eq!(view(0, &[3, 2], &[1, 3]).span(6), Some(6));
        assert_eq!(view(1, &[2, 2], &[3, 1]).span(6), Some(5));
        assert_eq!(view(2, &[], &[]).span(3), Some(1));
        assert_eq!(view(3, &[0, 9], &[9, 1]).span(3), Some(0));
        for wrong in [
            view(1, &[2, 3], &[3, 1]),
            view(3, &[], &[]),
            view(-1, &[1], &[1]),
            view(0, &[-1], &[1]),
            view(0, &[2], &[-1]),
            view(0, &[1 << 40], &[0]),
            view(0, &[i64::MAX, i64::MAX], &[1, 1]),
            view(0, &[2], &[i64::MAX]),
            view(i64::MAX, &[1], &[1]),
            view(0, &[1, 1], &[1]),
            view(0, &[1; 9], &[1; 9]),
        ] {
            assert_eq!(wrong.span(3), None, "{wrong:?}");
        }
    }
}
