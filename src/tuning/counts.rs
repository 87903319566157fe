//! The only place where trials are counted.

use super::{Budget, Phase, Trial};

/// Trials by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub total: u32,
    /// Waiting for their start.
    pub queued: u32,
    /// Running.
    pub running: u32,
    /// Ended with a value.
    pub succeeded: u32,
    /// Ended by the median rule.
    pub early_stopped: u32,
    /// Ended without a value that counts.
    pub failed: u32,
    /// No longer needed.
    pub cancelled: u32,
}

impl Counts {
    /// Counts trials.
    pub fn of(trials: &[Trial]) -> Self {
        let mut counts = Self {
            total: trials.len() as u32,
            ..Self::default()
        };
        for trial in trials {
            *match trial.phase {
                Phase::Queued => &mut counts.queued,
                Phase::Running => &mut counts.running,
                Phase::Succeeded => &mut counts.succeeded,
                Phase::EarlyStopped => &mut counts.early_stopped,
                Phase::Failed(_) => &mut counts.failed,
                Phase::Cancelled => &mut counts.cancelled,
            } += 1;
        }
        counts
    }

    /// Trials that came to an end of their own.
    pub fn done(&self) -> u32 {
        self.succeeded + self.early_stopped + self.failed
    }

    /// Trials that hold a place: waiting or running.
    pub fn active(&self) -> u32 {
        self.queued + self.running
    }

    /// Trials that count against the budget.
    pub fn spent(&self) -> u32 {
        self.done() + self.active()
    }

    /// New trials that the budget allows at this moment.
    ///
    /// A queued trial holds its place: it is started again before anything new is tried.
    pub(super) fn affordable(&self, budget: &Budget) -> u32 {
        let places = budget.parallel.saturating_sub(self.active());
        let left = budget.max_trials.saturating_sub(self.spent());
        places.min(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Failure;
    use crate::tuning::fixtures::{finished, job};

    #[test]
    fn a_cancelled_trial_spends_nothing_and_a_queued_one_holds_its_place() {
        let phases = [
            Phase::Succeeded,
            Phase::Failed(Failure::Crashed),
            Phase::Cancelled,
            Phase::Queued,
            Phase::Running,
        ];
        let snapshot = finished(job(), &phases.map(|phase| (phase, None)));
        let counts = Counts::of(&snapshot.trials);
        assert_eq!(
            (counts.total, counts.done(), counts.active(), counts.spent()),
            (5, 2, 2, 4)
        );
        let affordable = |max_trials, parallel| {
            counts.affordable(&Budget {
                max_trials,
                parallel,
                ..job().budget
            })
        };
        assert_eq!(
            [
                affordable(9, 2),
                affordable(9, 4),
                affordable(5, 4),
                affordable(3, 9)
            ],
            [0, 2, 1, 0]
        );
    }
}
