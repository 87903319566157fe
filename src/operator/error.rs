//! What keeps a pass from its end.

use std::time::Duration;

/// Why a pass did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// It took too long.
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
    /// A fault of ours.
    #[error("it panicked: {0}")]
    Panic(String),
}

impl Error {
    /// Every word that [`Error::kind`] says.
    pub const KINDS: [&str; 4] = ["api", "connection", "timeout", "panic"];

    /// One word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kube(kube::Error::Api(_)) => "api",
            Self::Kube(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Panic(_) => "panic",
        }
    }
}
