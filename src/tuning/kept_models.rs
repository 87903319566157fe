//! Whose models stay?

use super::status::observed;
use super::{Best, Snapshot};
use std::cmp::Ordering;

/// The trials with the best `n` values so far, the best first: models of others that have ended are of no use, since a value that
/// has been left behind by so many never comes back. Ranked as the best observation is.
pub fn best_models(snapshot: &Snapshot, n: usize) -> Vec<u32> {
    ranked(snapshot).iter().take(n).map(|best| best.index).collect()
}

/// What a new trial has to beat for its model to be one of the best `n`; `None`: any is.
pub fn bar_for_models(snapshot: &Snapshot, n: usize) -> Option<f64> {
    let last = *ranked(snapshot).get(n.checked_sub(1)?)?;
    (!last.is_collapsed).then_some(last.value)
}

fn ranked(snapshot: &Snapshot) -> Vec<Best> {
    let objective = &snapshot.job.objective;
    let mut ranked: Vec<Best> = snapshot.trials.iter().filter_map(observed).collect();
    // It is stable, so of equals the first stays.
    ranked.sort_by(|a, b| match (a.beats(*b, objective), b.beats(*a, objective)) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Greater,
        _ => Ordering::Equal,
    });
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Goal;
    use crate::tuning::fixtures::{finished, job};
    use crate::tuning::{COLLAPSED, Phase, status};

    #[test]
    fn the_best_stay_the_first_of_equals_and_what_collapsed_last() {
        let values = [0.8, 0.9, 0.7, 0.9, 0.95];
        let ends = values.map(|value| (Phase::Succeeded, Some(value)));
        let mut snapshot = finished(job(), &[&ends[..], &[(Phase::EarlyStopped, Some(0.99))]].concat());
        snapshot.trials[4].metrics.insert(COLLAPSED.into(), 1.0);
        let numbers = |snapshot: &Snapshot, n| best_models(snapshot, n);
        let first = snapshot.trials[0].index;
        let expected: Vec<u32> = [1, 3, 0, 2, 4].map(|place| first + place).to_vec();
        assert_eq!(numbers(&snapshot, 9), expected);
        assert_eq!(numbers(&snapshot, 2), expected[..2]);
        let best = status(&snapshot, crate::tuning::fixtures::at(0)).best;
        assert_eq!(best.map(|best| best.index), Some(expected[0]));
        let bars = [1, 4, 5, 6].map(|n| bar_for_models(&snapshot, n));
        assert_eq!(
            bars,
            [Some(0.9), Some(0.7), None, None],
            "whatever is no collapse beats one"
        );
        snapshot.job.objective.goal = Goal::Minimize;
        assert_eq!(numbers(&snapshot, 1), [first + 2]);
    }
}
