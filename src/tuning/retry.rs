//! How often, and when, is a trial started again that a node would not run?
//!
//! A node that refuses a pod, can't start its container or has a broken device says nothing about the trial's point: the
//! attempt is lost, not failed. It is tried again after a pause that doubles, a bounded number of times in a row; then only a
//! person can help.

use super::{Job, Phase, Retry, Trial};
use jiff::{SignedDuration, Timestamp};

impl Retry {
    /// The pause after this many lost attempts in a row; `None`: it is not tried again.
    pub(super) fn pause_after(&self, n_lost: u32) -> Option<SignedDuration> {
        let doublings = n_lost.saturating_sub(1).min(16);
        (n_lost < self.max_tries).then(|| self.pause * (1 << doublings))
    }
}

/// Whether a queued trial may be started now.
pub(super) fn may_start(job: &Job, trial: &Trial, now: Timestamp) -> bool {
    let is_due = trial.not_before.is_none_or(|time| time <= now);
    trial.phase == Phase::Queued && is_due && stuck(job, trial).is_none()
}

/// Why a queued trial is not started again until a person helps; `None`: it goes on by itself.
pub fn stuck<'a>(job: &Job, trial: &'a Trial) -> Option<&'a str> {
    let is_stuck = trial.phase == Phase::Queued && trial.n_lost >= job.retry.max_tries;
    is_stuck.then_some(trial.message.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_ends() {
        let retry = Retry::default();
        let pauses: Vec<_> = (1..=4)
            .map(|n| retry.pause_after(n).map(|p| p.as_secs()))
            .collect();
        assert_eq!(pauses, [Some(10), Some(20), Some(40), None]);
        let many = Retry {
            max_tries: u32::MAX,
            ..retry
        };
        assert_eq!(many.pause_after(1_000), many.pause_after(17));
    }
}
