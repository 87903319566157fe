//! Whoever wants to see a run while it happens.

use super::{Event, Ledger};

/// Is told what happens.
pub trait Listener {
    /// Something happened; it is in the journal and in the ledger already.
    fn event(&mut self, event: &Event, ledger: &Ledger);

    /// Time has passed, or a trial has come a bit further.
    fn tick(&mut self, ledger: &Ledger);
}
