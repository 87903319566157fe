//! What a kept log says by other definitions than those with which it was followed.

use super::log_file::LEFT_OUT;
use super::thinning::Thinning;
use crate::metrics::{CurveRecorder, Lines, LogMetrics, Point};
use crate::tuning::{CurvePoint, Reported};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Reads the attempt that begins at byte `from`.
pub(super) fn read(path: &Path, from: u64, metrics: &LogMetrics, objective: &str) -> io::Result<Reported> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut heard = Heard {
        objective: objective.to_owned(),
        recorder: CurveRecorder::new(objective),
        thinning: Thinning::default(),
        points: Vec::new(),
    };
    let mut lines = Lines::default();
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            n => lines.feed(&piece[..n], |line| heard.line(line, metrics)),
        }
    }
    lines.finish(|line| heard.line(line, metrics));
    heard.points.extend(heard.thinning.rest());
    let value = |point: &Point| {
        let value = point.metrics.get(objective).copied()?;
        Some(CurvePoint {
            step: point.step,
            value,
        })
    };
    Ok(Reported {
        points: heard.points.iter().filter_map(value).collect(),
        is_outdated: heard.recorder.is_outdated(),
        metrics: heard.recorder.metrics,
        ..Reported::default()
    })
}

struct Heard {
    objective: String,
    recorder: CurveRecorder,
    thinning: Thinning<Point>,
    points: Vec<Point>,
}

impl Heard {
    fn line(&mut self, line: &str, metrics: &LogMetrics) {
        if line.starts_with(LEFT_OUT) {
            // What was said before may have been said again in what is left out: it is not the last word.
            self.recorder.metrics.clear();
            return;
        }
        let found = metrics.feed(line.trim_end());
        if found.is_empty() {
            return;
        }
        self.recorder.line(found);
        for point in self.recorder.take_news() {
            let value = point.metrics.get(&self.objective).copied().unwrap_or(f64::NAN);
            self.points.extend(self.thinning.keep(value, point));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The objective's last value in a log, whether it is the trial's, and its steps.
    fn read_text(name: &str, text: &str, from: u64) -> (Option<f64>, bool, Vec<u64>) {
        let path = std::env::temp_dir().join(format!("tuning-kept-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let metrics = LogMetrics::new([("f1", "F1 ([0-9.]+)")]).unwrap();
        let reported = read(&path, from, &metrics, "f1").unwrap();
        std::fs::remove_file(&path).unwrap();
        let steps = reported.points.iter().map(|p| p.step).collect();
        (reported.metrics.get("f1").copied(), reported.is_outdated, steps)
    }

    #[test]
    fn the_last_value_of_the_last_attempt_counts() {
        assert_eq!(
            read_text("one", "F1 0.5\nF1 0.7", 0),
            (Some(0.7), false, vec![1, 2])
        );
        assert_eq!(read_text("two", "F1 0.5\nnothing\n", 7), (None, false, vec![]));
    }

    #[test]
    fn what_stands_before_a_part_that_is_left_out_is_no_last_word() {
        let gap =
            format!("F1 0.5\n{LEFT_OUT}99 bytes of output between here and the next line are not kept]\n");
        assert_eq!(read_text("gap", &gap, 0), (None, true, vec![1]));
        let goes_on = format!("{gap}F1 0.6\n");
        assert_eq!(read_text("after", &goes_on, 0), (Some(0.6), false, vec![1, 2]));
    }
}
