//! The log of a trial: lines on standard output.

use std::io::Write;

/// Says one line to the log. Whoever closes the pipe of a long run does not end it.
pub(super) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
