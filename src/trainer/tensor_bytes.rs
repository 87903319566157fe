//! Numbers of a tensor as the bytes of a safetensors file.

use safetensors::SafeTensorError;
use std::io::Error;
use tch::{Device, Kind, Tensor};

/// The bytes of a tensor of 32 bits that is one block on the CPU.
pub(super) fn bytes_of(tensor: &Tensor) -> &[u8] {
    if tensor.numel() == 0 {
        return &[];
    }
    assert!(
        tensor.is_contiguous() && tensor.kind() == Kind::Float && tensor.device() == Device::Cpu,
        "a buffer is one block of 32 bits each"
    );
    // SAFETY: so many bytes lie there, as was just checked, and they live as long as the tensor.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel() * size_of::<f32>()) }
}

/// What kept a file from being written.
pub(super) fn io_fault(fault: SafeTensorError) -> Error {
    match fault {
        SafeTensorError::IoError(fault) => fault,
        other => Error::other(other.to_string()),
    }
}
