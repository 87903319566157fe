//! What a trial prints: into its log file, and through the metric definitions.
//!
//! A trial's output may be endless, without line ends or not even text; it costs bounded memory and a bounded file.

use crate::metrics::LogMetrics;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

/// Bytes of output that are kept for each attempt.
const KEPT: u64 = 32 << 20;
/// Longest line that is looked at; the rest of a longer one is skipped.
const LONGEST_LINE: u64 = 16 << 10;

/// What was seen in the output.
#[derive(Clone, Debug, PartialEq)]
pub enum LogNews {
    /// One line gave these values.
    Metrics(Vec<(String, f64)>),
    /// The output came to its end; this was its last line that was not empty.
    Closed(String),
}

/// Reads output to its end: copies it to `path`, and tells what the definitions find.
pub fn follow(
    output: impl Read,
    path: &Path,
    mut metrics: Option<LogMetrics>,
    mut tell: impl FnMut(LogNews),
) {
    let mut log = OpenOptions::new().create(true).append(true).open(path).ok();
    let mut reader = BufReader::new(output);
    let mut written = 0u64;
    let mut last_line = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if let Some(file) = log.as_mut().filter(|_| written < KEPT) {
            // A full disk must not stop the trial: its metrics are still followed.
            let _ = file.write_all(&line);
            written += line.len() as u64;
            if written >= KEPT {
                let _ = writeln!(file, "\n[tuning: output beyond {} MiB is not kept]", KEPT >> 20);
            }
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            last_line = text.chars().take(400).collect();
        }
        let found = metrics.as_mut().map(|m| m.feed(text)).unwrap_or_default();
        if !found.is_empty() {
            tell(LogNews::Metrics(found));
        }
    }
    tell(LogNews::Closed(last_line));
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
        assert!(size < KEPT + 2 * LONGEST_LINE, "{size}");
        std::fs::remove_file(&path).unwrap();
    }
}
