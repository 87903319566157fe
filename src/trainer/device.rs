//! Where to compute: the CPU, or a GPU whose libraries are loaded only when it is asked for.

use super::excerpt::excerpt;
use super::{Failure, Result};
use std::ffi::{CStr, c_char, c_int, c_void};
use tch::{Cuda, Device};

/// The library that makes libtorch see GPUs. The program does not link it, so that it starts without one.
const CUDA_LIBRARY: &CStr = c"libtorch_cuda.so";
const NOW: c_int = 2;
const GLOBAL: c_int = 0x100;

unsafe extern "C" {
    fn dlopen(file: *const c_char, mode: c_int) -> *mut c_void;
}

/// The device that `cpu`, `cuda`, `cuda:N` or `auto` names.
///
/// # Errors
/// A name of another form (configuration), or a GPU that is not there (device).
pub(super) fn choose(name: &str) -> Result<Device> {
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "auto" if n_gpus() == 0 => return Ok(Device::Cpu),
        "auto" | "cuda" => 0,
        _ => name
            .strip_prefix("cuda:")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| {
                let sentence = format!("--device is {}; choose cpu, cuda, cuda:N or auto", excerpt(name));
                Failure::Configuration(sentence)
            })?,
    };
    match n_gpus() {
        0 => Err(Failure::Device(format!(
            "--device {name}: libtorch sees no GPU here; use --device cpu, or a node with a GPU and its driver"
        ))),
        n if index >= n => Err(Failure::Device(format!(
            "--device {name}: there are {n} GPUs, numbered from 0; choose another"
        ))),
        _ => Ok(Device::Cuda(index)),
    }
}

/// Whether libtorch multiplies bfloat16 matrices on this processor by instructions rather than by emulation: it does so
/// from AVX-512 on, and on 64-bit Arm with the bf16 extension.
pub fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let can = is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq");
    #[cfg(target_arch = "aarch64")]
    let can = std::arch::is_aarch64_feature_detected!("bf16");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let can = false;
    can
}

fn n_gpus() -> usize {
    // SAFETY: the name is a C string; loading a library has no precondition, and a null answer is a plain "no".
    let loaded = unsafe { dlopen(CUDA_LIBRARY.as_ptr(), NOW | GLOBAL) };
    if loaded.is_null() {
        0
    } else {
        usize::try_from(Cuda::device_count()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_or_refused() {
        assert_eq!(choose("cpu"), Ok(Device::Cpu));
        assert_eq!(choose("gpu").unwrap_err().code(), 42);
        assert_eq!(choose("cuda:x").unwrap_err().code(), 42);
        assert_eq!(choose("cuda:4096").unwrap_err().code(), 48);
    }
}
