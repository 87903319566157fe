//! What keeps a replica that does not lead any more from writing.

use crate::shell::lock;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Until when this replica may write. A process that was frozen finds the fence shut before it knows that its Lease is
/// gone. Always open where there is no election.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Option<Instant>>>);

impl Fence {
    /// Whether a write may be sent now.
    pub fn is_open(&self) -> bool {
        let until = *lock(&self.0);
        until.is_none_or(|until| Instant::now() < until)
    }

    /// Lets writes through until then.
    pub fn open_until(&self, until: Instant) {
        *lock(&self.0) = Some(until);
    }
}
