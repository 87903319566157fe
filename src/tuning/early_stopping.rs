//! Does a running trial lag so far behind that it is given up?
//!
//! The median rule of Vizier (Golovin et al. 2017, section 3.2.2): a trial is stopped at step `s` if the best value that
//! it has shown by then is strictly worse than the median, over the completed trials, of the running averages of their
//! values up to `s`.

use super::{CurvePoint, Job, MedianStop, Phase, Trial};
use crate::optimizer::Goal;

/// A trial that the median rule gives up, with the numbers that were compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LaggingBehind {
    /// The step that was judged: the last reported.
    pub(super) step: u64,
    /// The best value that the trial has shown up to that step.
    pub(super) best: f64,
    /// The median of the others' running averages.
    pub(super) median: f64,
    /// How many others were compared.
    pub(super) n_others: usize,
}

/// Judges the last reported step of a running trial against the trials that completed.
pub(super) fn lags_behind(
    job: &Job,
    rule: &MedianStop,
    trial: &Trial,
    trials: &[Trial],
) -> Option<LaggingBehind> {
    let step = trial.last()?.step;
    if trial.phase != Phase::Running || step < rule.start_step {
        return None;
    }
    let averages: Vec<f64> = trials
        .iter()
        .filter(|t| t.phase == Phase::Succeeded && t.resource == trial.resource)
        .filter_map(|t| running_average(&t.curve, step))
        .collect();
    if averages.len() < rule.min_completed as usize {
        return None;
    }
    let best = best_until(job, &trial.curve, step)?;
    let median = median(&averages)?;
    let n_others = averages.len();
    job.objective.better(median, best).then_some(LaggingBehind {
        step,
        best,
        median,
        n_others,
    })
}

impl LaggingBehind {
    /// The comparison as a sentence.
    pub(super) fn sentence(&self, job: &Job) -> String {
        let side = match job.objective.goal {
            Goal::Maximize => "below",
            Goal::Minimize => "above",
        };
        format!(
            "at step {} its best {} {:.4} is {side} the median {:.4} of {} completed trials",
            self.step, job.objective.metric, self.best, self.median, self.n_others
        )
    }
}

fn running_average(curve: &[CurvePoint], step: u64) -> Option<f64> {
    let values: Vec<f64> = curve
        .iter()
        .filter(|p| p.step <= step)
        .map(|p| p.value)
        .filter(|v| v.is_finite())
        .collect();
    // Around the first value: of values that are all the same the mean is that value, to the last bit.
    let first = *values.first()?;
    let beyond: f64 = values.iter().map(|v| v - first).sum();
    Some(first + beyond / values.len() as f64)
}

fn best_until(job: &Job, curve: &[CurvePoint], step: u64) -> Option<f64> {
    let values = curve
        .iter()
        .filter(|p| p.step <= step)
        .map(|p| p.value)
        .filter(|v| v.is_finite());
    values.reduce(|a, b| if job.objective.better(b, a) { b } else { a })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::fixtures::{job, trial};

    #[test]
    fn the_median_is_a_median_and_not_a_mean() {
        assert_eq!(median(&[1.0, 100.0, 2.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 3.0, 100.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_running_average_ends_at_the_step() {
        let curve = [(1, 0.2), (2, 0.4), (3, 9.0)].map(|(step, value)| CurvePoint { step, value });
        assert!((running_average(&curve, 2).unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(running_average(&curve, 0), None);
    }

    #[test]
    fn nobody_lags_behind_by_rounding() {
        let curve = [1, 2, 3].map(|step| CurvePoint { step, value: 0.8 });
        assert_eq!(running_average(&curve, 3), Some(0.8));
    }

    #[test]
    fn who_is_strictly_below_the_median_lags_behind_once_enough_have_completed() {
        let rule = MedianStop {
            min_completed: 2,
            start_step: 2,
            shadow: false,
        };
        let with_curve = |phase, value| {
            let mut trial = trial(1, 0.5);
            trial.phase = phase;
            trial.curve = [1, 2].map(|step| CurvePoint { step, value }).to_vec();
            trial
        };
        let completed = [0.7, 0.9].map(|value| with_curve(Phase::Succeeded, value));
        let lags = |value, others: &[Trial]| {
            lags_behind(&job(), &rule, &with_curve(Phase::Running, value), others).is_some()
        };
        assert!(lags(0.79, &completed) && !lags(0.8, &completed));
        assert!(!lags(0.1, &completed[..1]), "one is not enough");
        let mut early = with_curve(Phase::Running, 0.1);
        early.curve.truncate(1);
        assert_eq!(lags_behind(&job(), &rule, &early, &completed), None);
    }
}
