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

/// The most that `--threads` takes.
const MOST: u32 = 1024;

/// A thread that the system does not give.
pub(super) fn none(fault: Error) -> Failure {
    Failure::OutOfMemory(format!(
        "no thread could be started ({fault}); allow more processes or memory, or ask for fewer with --threads"
    ))
}

/// Threads of a trial that was promised no processors: its share of the node's, where a tuner says how many it has and among how
/// many trials they are shared out, but no more than the container may use. Without a tuner, 1.
pub(super) fn fair_share() -> u32 {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    let (Some(node), Some(trials)) = (number("TUNING_NODE_CPUS"), number("TUNING_PARALLEL_TRIALS")) else {
        return 1;
    };
    // By affinity and by the container's quota.
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    share(node, trials, usable)
}

fn share(node: u32, trials: u32, usable: usize) -> u32 {
    let usable = u32::try_from(usable).unwrap_or(MOST);
    (node / trials.max(1)).min(usable).clamp(1, MOST)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_that_may_meet_on_a_node_do_not_take_more_than_it_has() {
        assert_eq!(share(16, 3, 64), 5);
        assert_eq!(share(16, 1, 4), 4, "a quota");
        assert_eq!((share(2, 8, 2), share(0, 0, 1)), (1, 1), "never none");
        assert_eq!(share(4096, 1, 4096), 1024);
    }
}
