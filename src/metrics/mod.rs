//! What a trial tells: its Prometheus page, the lines of its log, its final report.
//!
//! Pure parsing of text that any program may have written: sizes are bounded, nothing panics, and one bad line never
//! spoils the others. Who fetches the text, and how often, is the shells' business.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

mod curve_recorder;
mod lines;
mod log_regex;
mod narrow_group;
mod plain_definition;
mod prom_query;
mod prometheus_text;
mod trial_reading;
mod trial_report;

pub use curve_recorder::{CurveRecorder, Point};
pub use lines::Lines;
pub use log_regex::{LogMetrics, LogValue, MAX_DEFINITIONS, MAX_EXPRESSION, Unread};
pub use narrow_group::narrow_group;
pub use prom_query::{MAX_ANSWER_BYTES, selector, series};
pub use prometheus_text::{Exposition, MAX_EXPOSITION_BYTES, Sample, parse};
pub use trial_reading::TrialReading;
pub use trial_report::TrialReport;
pub(crate) use trial_report::quote_bare_numbers;

/// Most metrics that one trial may have; those beyond are dropped, so that a trial's record stays small.
pub const MAX_METRICS: usize = 100;
/// Longest name of a metric, in bytes; one with a longer name is dropped.
pub const MAX_NAME_BYTES: usize = 256;
/// Largest count, such as a step: up to here every whole number has a double of its own. What is larger is no count.
const MAX_COUNT: u64 = 1 << 53;
/// What may stand for a number, whatever its form: what to write where an expression takes less.
const WHOLE_NUMBER: &str = r"([-+.\w]+)";

/// A number as programs print it, `nan` and `-inf` included; `None` for anything else, such as `87%`.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// A count such as a step; `None` if it is negative, not finite or larger than any program counts.
pub fn count(value: f64) -> Option<u64> {
    (0.0..=MAX_COUNT as f64)
        .contains(&value)
        .then(|| value.round() as u64)
}

/// Takes in what was said anew, within the bounds; the objective always has a place.
pub fn merge(
    known: &mut BTreeMap<String, f64>,
    news: impl IntoIterator<Item = (String, f64)>,
    objective: &str,
) {
    for (name, value) in news {
        if name.len() > MAX_NAME_BYTES {
            continue;
        }
        if known.len() >= MAX_METRICS && !known.contains_key(&name) {
            if name != objective {
                continue;
            }
            known.pop_last();
        }
        known.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_whole_number_that_a_program_can_reach() {
        assert_eq!(count(115.0), Some(115));
        assert_eq!(count(MAX_COUNT as f64), Some(MAX_COUNT));
        for nonsense in [-1.0, f64::NAN, f64::INFINITY, 1e16, 1e30] {
            assert_eq!(count(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn metrics_are_bounded_over_time_and_the_objective_has_its_place() {
        let mut known = BTreeMap::new();
        for n in 0..500 {
            merge(&mut known, [(format!("m{n}"), 1.0)], "f1");
        }
        merge(
            &mut known,
            [("x".repeat(MAX_NAME_BYTES + 1), 1.0), ("f1".into(), 0.9)],
            "f1",
        );
        merge(&mut known, [("m0".into(), 2.0)], "f1");
        assert_eq!((known.len(), known["f1"], known["m0"]), (MAX_METRICS, 0.9, 2.0));
    }
}
