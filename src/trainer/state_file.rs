//! The file of a run's state: six buffers of numbers in 32 bits and a text, as safetensors, with a checksum over all of it.
//!
//! It is read through a small window into the buffers that the model has anyway: resuming needs no more memory than training.
//! Before anything is taken over the whole file has been checked, whatever it is.

use super::checksum::Checksum;
use super::tensor_bytes::{bytes_of, io_fault};
use safetensors::Dtype;
use safetensors::tensor::{TensorInfo, TensorView};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::Path;
use tch::{Device, Kind, Tensor, no_grad};

const BUFFERS: [&str; 6] = ["master.0", "master.1", "mean.0", "mean.1", "square.0", "square.1"];
const TEXT: &str = "progress";
const CHECKSUM: &str = "checksum";

/// Bytes that are in memory at once, beside the header.
const WINDOW: usize = 4 << 20;

/// As safetensors itself has it.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Bytes of a number.
const WIDTH: u64 = size_of::<f32>() as u64;

/// Writes a state; what stood at `path` is gone, whether it succeeds or not.
pub(super) fn write(path: &Path, text: String, buffers: &[Tensor; 6]) -> Result<()> {
    let buffers = buffers.each_ref().map(|buffer| buffer.to_device(Device::Cpu));
    let mut sum = Checksum::new();
    sum.take(text.as_bytes());
    let mut views = Vec::new();
    for (name, buffer) in BUFFERS.iter().zip(&buffers) {
        let bytes = bytes_of(buffer);
        sum.take(bytes);
        views.push((
            *name,
            TensorView::new(Dtype::F32, vec![buffer.numel()], bytes).map_err(io_fault)?,
        ));
    }
    let metadata = HashMap::from([(TEXT.to_owned(), text), (CHECKSUM.to_owned(), sum.text())]);
    safetensors::serialize_to_file(views, Some(metadata), path).map_err(io_fault)?;
    File::open(path)?.sync_all()
}

/// A checksum of tensors, wherever they are.
pub(super) fn checksum(tensors: &[Tensor]) -> String {
    const STEP: i64 = WINDOW as i64 / WIDTH as i64;
    let mut sum = Checksum::new();
    for tensor in tensors {
        let flat = tensor.detach().flatten(0, -1);
        let n = flat.numel() as i64;
        for at in (0..n).step_by(STEP as usize) {
            sum.take(bytes_of(
                &flat.narrow(0, at, STEP.min(n - at)).to_device(Device::Cpu),
            ));
        }
    }
    sum.text()
}

/// The header of the format.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: HashMap<String, String>,
    #[serde(flatten)]
    tensors: HashMap<String, TensorInfo>,
}

/// A state that is whole.
#[derive(Debug)]
pub(super) struct StateFile {
    file: File,
    /// What was written beside the buffers.
    pub(super) text: String,
    /// Whether it has a checksum, which earlier versions did not write.
    pub(super) has_checksum: bool,
    /// Where each buffer begins in the file, and its bytes.
    places: [(u64, u64); 6],
}

impl StateFile {
    /// Looks whether the file holds a whole state.
    ///
    /// # Errors
    /// It does not; the error says why.
    pub(super) fn read(mut file: File) -> Result<Self> {
        let length = file.metadata()?.len();
        let mut n = [0; 8];
        file.read_exact(&mut n)?;
        let n = u64::from_le_bytes(n);
        let begin = n.saturating_add(8);
        if n > MAX_HEADER_BYTES || begin > length {
            return Err(invalid(format!("a header of {n} bytes in {length}")));
        }
        let mut header = room(n as usize)?;
        file.read_exact(&mut header)?;
        let mut header: Header = serde_json::from_slice(&header)?;
        let mut places = [(0, 0); 6];
        for (name, place) in BUFFERS.iter().zip(&mut places) {
            let info = header.tensors.get(*name);
            *place = place_of(info.ok_or_else(|| invalid(format!("no {name} in it")))?)
                .ok_or_else(|| invalid(format!("{name} has another form")))?;
            place.0 += begin;
        }
        let ends = places.iter().map(|(first, n_bytes)| first + n_bytes);
        let end = ends.fold(0, u64::max);
        if end != length {
            return Err(invalid(format!("it has {length} bytes in place of {end}")));
        }
        let text = header.metadata.remove(TEXT);
        let sum = header.metadata.remove(CHECKSUM);
        let mut state = Self {
            file,
            text: text.ok_or_else(|| invalid("no progress in it".into()))?,
            has_checksum: sum.is_some(),
            places,
        };
        if let Some(sum) = sum
            && state.checksum()? != sum
        {
            return Err(invalid("its checksum is another".into()));
        }
        Ok(state)
    }

    /// Numbers in each buffer.
    pub(super) fn sizes(&self) -> [i64; 6] {
        self.places.map(|(_, n_bytes)| (n_bytes / WIDTH) as i64)
    }

    /// Copies the buffers into tensors of the same sizes.
    ///
    /// # Errors
    /// It can't be read any more; then the tensors hold a part of it.
    pub(super) fn copy_to(&mut self, tensors: &mut [Tensor; 6]) -> Result<()> {
        for (number, tensor) in tensors.iter_mut().enumerate() {
            let mut at = 0;
            self.each_window(number, |bytes| {
                let n = bytes.len() as i64 / WIDTH as i64;
                let part = Tensor::f_from_data_size(bytes, &[n], Kind::Float).map_err(Error::other)?;
                no_grad(|| tensor.narrow(0, at, n).f_copy_(&part)).map_err(Error::other)?;
                at += n;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn checksum(&mut self) -> Result<String> {
        let mut sum = Checksum::new();
        sum.take(self.text.as_bytes());
        for number in 0..BUFFERS.len() {
            self.each_window(number, |bytes| {
                sum.take(bytes);
                Ok(())
            })?;
        }
        Ok(sum.text())
    }

    fn each_window(&mut self, number: usize, mut with: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (begin, n_bytes) = self.places[number];
        let mut rest = n_bytes as usize;
        let mut window = room(rest.min(WINDOW))?;
        self.file.seek(SeekFrom::Start(begin))?;
        while rest > 0 {
            let now = rest.min(WINDOW);
            self.file.read_exact(&mut window[..now])?;
            with(&window[..now])?;
            rest -= now;
        }
        Ok(())
    }
}

/// Where a buffer begins behind the header, and its bytes.
fn place_of(info: &TensorInfo) -> Option<(u64, u64)> {
    let (first, last) = info.data_offsets;
    let [n] = info.shape[..] else { return None };
    let n_bytes = last.checked_sub(first)?;
    // No file is that long, and nothing that is added to it below overflows.
    let fits = info.dtype == Dtype::F32 && n.checked_mul(WIDTH as usize)? == n_bytes && last < usize::MAX / 2;
    fits.then_some((first as u64, n_bytes as u64))
}

/// So many bytes, if the machine has them.
fn room(n: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(n)
        .map_err(|_| Error::from(ErrorKind::OutOfMemory))?;
    bytes.resize(n, 0);
    Ok(bytes)
}

fn invalid(said: String) -> Error {
    Error::new(ErrorKind::InvalidData, said)
}

#[cfg(test)]
#[path = "state_file_tests.rs"]
mod tests;
