//! What the operator needs in order to begin, and why it can't.

use kube::Client;
use std::sync::Arc;

/// Why the operator can't begin, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its metrics could not be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Its HTTP client could not be set up.
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// It has no way to the cluster.
    #[error("Kubernetes client: {0}")]
    Client(#[from] kube::Error),
    /// A thread could not be had.
    #[error("thread: {0}")]
    Thread(std::io::Error),
    /// Its address is taken.
    #[error("{0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// Another replica may lead now: this one must not go on.
    #[error("the Lease could not be renewed in time: another replica may lead now")]
    LeaseLost,
}

/// Makes a client of the cluster for the runtime in which it is called.
pub type Connect = Arc<dyn Fn() -> Result<Client, kube::Error> + Send + Sync>;
