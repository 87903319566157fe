//! What a trial tells: its Prometheus page, the lines of its log, its final report.
//!
//! Pure parsing of text that any program may have written: sizes are bounded, nothing panics, and one bad line never
//! spoils the others. Who fetches the text, and how often, is the shells' business.
#![deny(clippy::disallowed_methods)]

mod lines;
mod listener;
mod log_regex;
mod prom_query;
mod prometheus_text;
mod trial_reading;
mod trial_report;

pub use lines::{Lines, MAX_LINE_BYTES};
pub use listener::{Listener, Point};
pub use log_regex::{LogMetrics, MAX_DEFINITIONS, MAX_EXPRESSION};
pub use prom_query::{MAX_ANSWER_BYTES, selector, series};
pub use prometheus_text::{Exposition, MAX_EXPOSITION_BYTES, Sample, TooLarge, parse};
pub use trial_reading::TrialReading;
pub use trial_report::{MAX_REPORT_BYTES, ReportPoint, TrialReport};

/// Most metrics that one trial may have; those beyond are dropped, so that a trial's record stays small.
pub const MAX_METRICS: usize = 100;

/// A number as programs print it, `nan` and `-inf` included; `None` for anything else, such as `87%`.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// A count such as a step; `None` if it is negative or not finite.
fn count(value: f64) -> Option<u64> {
    (value.is_finite() && value >= 0.0).then(|| value.round() as u64)
}
