//! What a trial prints: into its log file, and through the metric definitions.
//!
//! A trial's output may be endless, without line ends or not even text; it costs bounded memory and a bounded file.

use super::log_file::LogFile;
use crate::metrics::{Lines, LogMetrics, LogValue};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Most bytes that are read at once.
const MAX_PIECE_BYTES: usize = 16 << 10;

/// What was seen in the output.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LogNews {
    /// Lines that gave values, in their order, each with its own. What was read at once is told at once.
    Metrics(Vec<Vec<LogValue>>),
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
    let mut copy = LogFile::to(path);
    let mut lines = Lines::default();
    let mut heard = Heard {
        metrics,
        found: Vec::new(),
        last_line: String::new(),
    };
    let mut piece = vec![0; MAX_PIECE_BYTES];
    loop {
        match output.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(n) => {
                copy.append(&piece[..n]);
                lines.feed(&piece[..n], |line| heard.line(line));
                heard.take_news().into_iter().for_each(&mut tell);
            }
        }
    }
    lines.finish(|line| heard.line(line));
    heard.take_news().into_iter().for_each(&mut tell);
    // Whoever is told of the end finds the log whole.
    copy.finish();
    tell(LogNews::Closed(heard.last_line));
}

/// What was heard since it was last told.
struct Heard {
    metrics: Option<LogMetrics>,
    found: Vec<Vec<LogValue>>,
    last_line: String,
}

impl Heard {
    fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if !line.is_empty() {
            self.last_line = line.chars().take(400).collect();
        }
        let found = self.metrics.as_ref().map(|m| m.feed(line));
        self.found.extend(found.filter(|found| !found.is_empty()));
    }

    fn take_news(&mut self) -> Option<LogNews> {
        let found = std::mem::take(&mut self.found);
        (!found.is_empty()).then_some(LogNews::Metrics(found))
    }
}

#[cfg(test)]
mod tests {
    use super::super::log_file::HALF;
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
        let log = std::fs::read(&path).unwrap();
        assert!((log.len() as u64) < 2 * HALF + 200, "{}", log.len());
        assert!(log.ends_with(b"\n\nthe end\n\n"));
        std::fs::remove_file(&path).unwrap();
    }

    fn values(output: &[u8]) -> Vec<f64> {
        let path = std::env::temp_dir().join(format!("tuning-lines-{}-{}", std::process::id(), output.len()));
        let metrics = LogMetrics::new([("f1", "f1=([0-9.]+)")]).unwrap();
        let mut found = Vec::new();
        follow(output, &path, Some(metrics), |news| {
            if let LogNews::Metrics(lines) = news {
                found.extend(lines.into_iter().flatten().filter_map(|found| found.value.ok()));
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
