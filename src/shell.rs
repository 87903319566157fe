//! What both shells need of the machine beside their own rooms.

#[cfg(feature = "operator")]
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reads the body of an answer; `None` where it has more bytes than this.
pub(crate) async fn body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> reqwest::Result<Option<String>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > max_bytes {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}

/// Locks a value that is whole after each statement, so that a thread which panicked with the lock has spoiled nothing.
#[cfg(feature = "operator")]
pub(crate) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
