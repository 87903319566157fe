//! How a job stands, in numbers that a person or a condition can use.

use super::{Counts, Ended, Objective, Phase, Snapshot, Trial};
use jiff::Timestamp;

/// A job's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Trials by phase.
    pub counts: Counts,
    /// The best observation so far.
    pub best: Option<Best>,
    /// GPUs times hours so far.
    pub gpu_hours: f64,
    /// Set once the job has ended.
    pub ended: Option<Ended>,
    /// Whether the job holds still.
    pub suspended: bool,
}

/// The best observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// Which trial made it.
    pub index: u32,
    /// Its value.
    pub value: f64,
    /// Whether its model collapsed. Such a trial is the best only where there is no other.
    pub is_collapsed: bool,
}

/// Reads the status off a snapshot.
pub fn status(snapshot: &Snapshot, now: Timestamp) -> Status {
    Status {
        counts: Counts::of(&snapshot.trials),
        best: best(snapshot),
        gpu_hours: gpu_hours(snapshot, now),
        ended: snapshot.ended.clone(),
        suspended: snapshot.job.suspend,
    }
}

/// The best value of the trials that succeeded; of equals, the first. Those that collapsed are behind all others.
///
/// Early-stopped trials do not compete: their last value is not that of a whole run.
pub(super) fn best(snapshot: &Snapshot) -> Option<Best> {
    let objective = &snapshot.job.objective;
    let values = snapshot.trials.iter().filter_map(observed);
    values.reduce(|a, b| if b.beats(a, objective) { b } else { a })
}

/// What a trial adds to the comparison, if it succeeded.
pub(super) fn observed(trial: &Trial) -> Option<Best> {
    let succeeded = trial.phase == Phase::Succeeded;
    Some(Best {
        index: trial.index,
        value: trial.value.filter(|_| succeeded)?,
        is_collapsed: trial.is_collapsed(),
    })
}

impl Best {
    /// Whether it takes the place of another.
    pub(super) fn beats(self, other: Self, objective: &Objective) -> bool {
        match (self.is_collapsed, other.is_collapsed) {
            (false, true) => true,
            (true, false) => false,
            _ => objective.better(self.value, other.value),
        }
    }
}

/// GPUs times hours that all trials held so far.
pub(super) fn gpu_hours(snapshot: &Snapshot, now: Timestamp) -> f64 {
    let hours = |t: &Trial| t.gpu_duration(now).as_secs_f64() / 3600.0;
    snapshot.trials.iter().map(hours).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::fixtures::{at, finished, job};
    use crate::tuning::lifecycle;

    #[test]
    fn of_equals_the_first_is_the_best_and_who_was_stopped_early_does_not_compete() {
        let ends = [
            (Phase::EarlyStopped, Some(0.9)),
            (Phase::Succeeded, Some(0.8)),
            (Phase::Succeeded, Some(0.8)),
        ];
        assert_eq!(best(&finished(job(), &ends)).unwrap().index, 2);
        assert_eq!(best(&finished(job(), &ends[..1])), None);
    }

    #[test]
    fn every_gpu_of_an_attempt_counts_for_as_long_as_it_ran() {
        let mut snapshot = finished(job(), &[(Phase::Queued, None), (Phase::Running, None)]);
        let [first, second] = &mut snapshot.trials[..] else {
            unreachable!()
        };
        lifecycle::start(first, 2);
        first.attempt_started = Some(at(0));
        lifecycle::requeue(first, String::new(), at(3600));
        (second.gpus, second.attempt_started) = (2, Some(at(0)));
        assert_eq!(gpu_hours(&snapshot, at(1800)), 3.0);
        // What the next attempt holds is not what the one before held.
        let first = &mut snapshot.trials[0];
        lifecycle::start(first, 4);
        first.attempt_started = Some(at(1800));
        assert_eq!((first.gpus, gpu_hours(&snapshot, at(3600))), (4, 6.0));
    }
}
