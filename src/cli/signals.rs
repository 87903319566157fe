//! Signals to requests: the first asks gently, the second does not.

use crate::local::Interrupt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Requests as they arrive.
pub(super) struct Interrupts {
    /// One for each signal.
    pub requests: mpsc::UnboundedReceiver<Interrupt>,
    last: Arc<AtomicI32>,
}

impl Interrupts {
    /// Listens to SIGINT, SIGTERM and SIGHUP from now on.
    pub fn listen() -> io::Result<Self> {
        let (tell, requests) = mpsc::unbounded_channel();
        let last = Arc::new(AtomicI32::new(0));
        for (kind, number) in [
            (SignalKind::interrupt(), 2),
            (SignalKind::terminate(), 15),
            (SignalKind::hangup(), 1),
        ] {
            tokio::spawn(forward(signal(kind)?, number, last.clone(), tell.clone()));
        }
        Ok(Self { requests, last })
    }

    /// The exit code that tells of the last signal, by the shell's convention.
    pub fn exit_code(&self) -> u8 {
        match self.last.load(Ordering::Relaxed) {
            15 => 143,
            1 => 129,
            _ => 130,
        }
    }
}

async fn forward(
    mut signal: Signal,
    number: i32,
    last: Arc<AtomicI32>,
    tell: mpsc::UnboundedSender<Interrupt>,
) {
    while signal.recv().await.is_some() {
        let first = last.swap(number, Ordering::Relaxed) == 0;
        let request = if first { Interrupt::Gentle } else { Interrupt::Hard };
        if tell.send(request).is_err() {
            return;
        }
    }
}
