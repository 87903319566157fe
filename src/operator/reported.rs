//! What an attempt has reported so far, wherever that was read.

use crate::metrics;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Most points that are remembered of one attempt.
const MAX_POINTS: usize = 400;

/// What an attempt has told so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportedMetrics {
    /// The last value of every metric.
    pub metrics: BTreeMap<String, f64>,
    /// The objective by step, in the order of its measurement.
    pub points: Vec<(u64, f64)>,
    /// Training steps done.
    pub step: Option<u64>,
    /// Training steps in all.
    pub total_steps: Option<u64>,
    /// Why nothing can be heard.
    pub trouble: Option<String>,
    /// Why what was read last is no value of the objective, where it is none.
    pub unread: Option<String>,
    /// Whether that is so after it had one.
    pub is_outdated: bool,
    /// When its endpoint was read last, where that is how it is heard.
    pub last_read: Option<Timestamp>,
}

/// Adds the objective's new points to those that are remembered.
pub fn keep_points(points: &mut Vec<(u64, f64)>, news: Vec<metrics::Point>, objective: &str) {
    let value = |p: metrics::Point| Some((p.step, *p.metrics.get(objective)?));
    points.extend(news.into_iter().filter_map(value));
    drop_oldest(points);
}

pub fn drop_oldest(points: &mut Vec<(u64, f64)>) {
    let excess = points.len().saturating_sub(MAX_POINTS);
    points.drain(..excess);
}
