//! The log of a trial: lines on standard output.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether standard output belongs to answers.
static TO_STDERR: AtomicBool = AtomicBool::new(false);

/// From now on lines go to standard error.
pub(super) fn leave_stdout() {
    TO_STDERR.store(true, Ordering::Relaxed);
}

/// Says one line to the log. Whoever closes the pipe of a long run does not end it.
pub(super) fn say(line: impl std::fmt::Display) {
    let _ = match TO_STDERR.load(Ordering::Relaxed) {
        true => writeln!(std::io::stderr(), "{line}"),
        false => writeln!(std::io::stdout(), "{line}"),
    };
}

/// Minutes and seconds, with hours where there are any.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}h{minutes:02}m{seconds:02}s")
    } else {
        format!("{minutes}m{seconds:02}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_as_people_say_it() {
        assert_eq!(clock(Duration::from_secs(185)), "3m05s");
        assert_eq!(clock(Duration::from_secs(3_725)), "1h02m05s");
    }
}
