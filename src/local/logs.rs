//! What a trial prints: into its log file, and through the metric definitions.
//!
//! A trial's output may be endless, without line ends or not even text; it costs bounded memory and a bounded file.

use crate::metrics::{Lines, LogMetrics, LogValue};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// Bytes of output that are kept for each attempt.
const MAX_LOG_BYTES: u64 = 32 << 20;
/// Most bytes that are read at once.
const MAX_PIECE_BYTES: usize = 16 << 10;

/// What was seen in the output.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LogNews {
    /// One line gave these values.
    Metrics(Vec<LogValue>),
    /// The output came to its end; this was its last line that was not empty.
    Closed(String),
}

/// Reads output to its end: copies it to `path`, and tells what the definitions find.
pub(super) fn follow(
    mut output: impl Read,
    path: &Path,
    metrics: Option<LogMetrics>,
    mut tell: impl FnMut(LogNews),
) {
    let mut copy = Copy::to(path);
    let mut lines = Lines::default();
    let mut last_line = String::new();
    let mut each = |line: &str| {
        let line = line.trim_end();
        if !line.is_empty() {
            last_line = line.chars().take(400).collect();
        }
        let found = metrics.as_ref().map(|m| m.feed(line)).unwrap_or_default();
        if !found.is_empty() {
            tell(LogNews::Metrics(found));
        }
    };
    let mut piece = vec![0; MAX_PIECE_BYTES];
    loop {
        match output.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(n) => {
                copy.append(&piece[..n]);
                lines.feed(&piece[..n], &mut each);
            }
        }
    }
    lines.finish(&mut each);
    tell(LogNews::Closed(last_line));
}

/// The log file.
struct Copy {
    file: Option<File>,
    written: u64,
}

impl Copy {
    fn to(path: &Path) -> Self {
        Self {
            file: OpenOptions::new().create(true).append(true).open(path).ok(),
            written: 0,
        }
    }

    fn append(&mut self, piece: &[u8]) {
        if let Some(file) = self.file.as_mut().filter(|_| self.written < MAX_LOG_BYTES) {
            // A full disk must not stop the trial: its metrics are still followed.
            let _ = file.write_all(piece);
            self.written += piece.len() as u64;
            if self.written >= MAX_LOG_BYTES {
                let _ = writeln!(
                    file,
                    "\n[tuning: output beyond {} MiB is not kept]",
                    MAX_LOG_BYTES >> 20
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_without_line_ends_is_bounded_and_the_last_line_is_kept() {
        let path = std::env::temp_dir().join(format!("tuning-flood-{}", std::process::id()));
        let flood = std::io::repeat(b'x')
            .take(40 << 20)
            .chain(&b"\n\nthe end\n\n"[..]);
        let mut news = Vec::new();
        follow(flood, &path, None, |n| news.push(n));
        assert_eq!(news, [LogNews::Closed("the end".into())]);
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size < MAX_LOG_BYTES + 2 * MAX_PIECE_BYTES as u64, "{size}");
        std::fs::remove_file(&path).unwrap();
    }

    fn values(output: &[u8]) -> Vec<f64> {
        let path = std::env::temp_dir().join(format!("tuning-lines-{}-{}", std::process::id(), output.len()));
        let metrics = LogMetrics::new([("f1", "f1=([0-9.]+)")]).unwrap();
        let mut found = Vec::new();
        follow(output, &path, Some(metrics), |news| {
            if let LogNews::Metrics(values) = news {
                found.extend(values.into_iter().filter_map(|found| found.value.ok()));
            }
        });
        assert_eq!(
            std::fs::read(&path).unwrap(),
            output,
            "the log file is the output as it is"
        );
        std::fs::remove_file(&path).unwrap();
        found
    }

    #[test]
    fn each_state_of_a_progress_bar_is_a_line() {
        let bar = format!("f1=0.25 {}\r", "#".repeat(MAX_PIECE_BYTES / 2));
        let output = format!("{}f1=0.71", bar.repeat(5));
        assert_eq!(values(output.as_bytes()), [0.25, 0.25, 0.25, 0.25, 0.25, 0.71]);
    }

    #[test]
    fn a_number_is_read_whole_or_not_at_all() {
        let long = format!("{} f1=0.8712 f1=0.5\nf1=0.9\n", "x".repeat(MAX_PIECE_BYTES - 8));
        assert_eq!(values(long.as_bytes()), [0.9]);
    }
}
