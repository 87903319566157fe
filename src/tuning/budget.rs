//! How many trials may be added now?

use super::{Counts, Job};

/// Number of new trials that the budget allows at this moment.
///
/// A queued trial holds its place: it is started again before anything new is tried.
pub fn affordable(job: &Job, counts: &Counts) -> u32 {
    let places = job.budget.parallel.saturating_sub(counts.active());
    let left = job.budget.max_trials.saturating_sub(counts.spent());
    places.min(left)
}
