//! An operator at work in a test.

use super::counting::Counting;
use super::until;
use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::oneshot;
use tuning_operator::operator::StartError;

/// A future that several may wait for.
pub fn shared(
    stop: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + Sync + 'static {
    let (done, wait) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        stop.await;
        let _ = done.send(true);
    });
    async move {
        let mut wait = wait;
        let _ = wait.wait_for(|done| *done).await;
    }
}

/// An operator at work; dropped, it is killed.
pub struct Operator {
    layer: Counting,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    pub task: tokio::task::JoinHandle<Result<(), StartError>>,
}

impl Operator {
    /// One that runs as a task, behind a layer that counts its writes.
    pub fn new(
        layer: Counting,
        stop: oneshot::Sender<()>,
        task: tokio::task::JoinHandle<Result<(), StartError>>,
    ) -> Self {
        Self {
            layer,
            stop: Mutex::new(Some(stop)),
            task,
        }
    }

    /// Number of writes so far.
    pub fn writes(&self) -> usize {
        self.layer.writes.load(Ordering::SeqCst)
    }

    /// What was written, in order.
    pub fn log(&self) -> Vec<String> {
        self.times().into_iter().map(|(_, line)| line).collect()
    }

    /// When what was written.
    pub fn times(&self) -> Vec<(Instant, String)> {
        self.layer.log.lock().unwrap().clone()
    }

    /// Tells it to stop, as SIGTERM does, and waits until it has.
    pub async fn stop(&self) {
        drop(self.stop.lock().unwrap().take());
        until("the operator stops", async || self.task.is_finished()).await;
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.task.abort();
    }
}
