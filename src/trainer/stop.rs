//! Told to stop, by SIGTERM or SIGINT.
//!
//! Before the first step nothing can be lost, so the program ends at once, whatever library it is waiting for. From then on the
//! run looks between its steps, and saves.

use super::{Failure, Result, threads};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{exit, pipe};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the program was told to stop.
#[derive(Debug, Default)]
pub(super) struct Stop {
    /// It was.
    pub(super) asked: AtomicBool,
    /// The run looks for itself.
    is_training: AtomicBool,
}

impl Stop {
    /// Listens from now on; `last_words` is what is said before the first step, and gives the exit code.
    ///
    /// # Errors
    /// Signals can't be caught, or there is no thread for them.
    pub(super) fn watch(last_words: impl FnOnce() -> u8 + Send + 'static) -> Result<Arc<Self>> {
        let stop = Arc::new(Self::default());
        let watcher = Arc::clone(&stop);
        let mut signals =
            signals().map_err(|fault| Failure::Internal(format!("signals cannot be caught: {fault}")))?;
        let listen = move || {
            let heard = signals.read_exact(&mut [0]);
            watcher.asked.store(heard.is_ok(), Ordering::SeqCst);
            if heard.is_ok() && !watcher.is_training.load(Ordering::SeqCst) {
                // Without the handlers that libraries left for the end: their threads are still at work.
                exit(last_words().into());
            }
        };
        let thread = std::thread::Builder::new().name("signals".into());
        thread.spawn(listen).map_err(threads::none)?;
        Ok(stop)
    }

    /// From now on the run looks for itself.
    pub(super) fn leave_to_the_run(&self) {
        self.is_training.store(true, Ordering::SeqCst);
    }
}

/// A byte comes out of this with each signal.
fn signals() -> std::io::Result<UnixStream> {
    let (signals, sender) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, sender.try_clone()?)?;
    }
    Ok(signals)
}
