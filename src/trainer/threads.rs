//! Threads, where there may be too few of them: a container has a limit, and each wants an address space.

use super::{Failure, Result};
use std::io::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use tch::{Kind, Tensor};

/// What OpenMP gives each of its threads, where nothing else is said.
const STACK_BYTES: usize = 8 << 20;

/// Enough numbers that libtorch shares the work.
const N_SHARED: i64 = 1 << 20;

/// A thread that the system does not give.
pub(super) fn none(fault: Error) -> Failure {
    Failure::OutOfMemory(format!(
        "no thread could be started ({fault}); allow more processes or memory, or ask for fewer with --threads"
    ))
}

/// Has libtorch compute with `n` threads. It starts so many for one pool and all but one for OpenMP's. Where they can't be had it
/// waits for ever, and OpenMP ends the program: so they are tried first, and then started at once.
///
/// # Errors
/// There are not so many.
pub(super) fn start(n: u32) -> Result<()> {
    if n > 1 {
        try_out(2 * n)?;
    }
    tch::set_num_threads(n as i32);
    let numbers = Tensor::f_zeros([N_SHARED], (Kind::Float, tch::Device::Cpu))?;
    drop(numbers.f_exp()?);
    Ok(())
}

/// Whether there can be `n` threads at once.
fn try_out(n: u32) -> Result<()> {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = |_| {
        let gate = Arc::clone(&gate);
        let thread = Builder::new().stack_size(STACK_BYTES);
        thread.spawn(move || drop(gate.lock()))
    };
    let tried: std::io::Result<Vec<JoinHandle<()>>> = (0..n).map(waiting).collect();
    drop(closed);
    for thread in tried.map_err(none)? {
        // It does nothing that could fail.
        let _ = thread.join();
    }
    Ok(())
}
