//! Which learning rate at which step: up in a straight line, then down, or not.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// What the learning rate does after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// Down to 0 in a straight line: the recipe of BERT's paper.
    #[default]
    Linear,
    /// Down to 0 in half a wave of a cosine.
    Cosine,
    /// It stays.
    Constant,
}

/// The learning rates of a run: rate(0) = 0 where there is a warm-up, then the peak, and 0 after the last step unless it stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    scheduler: Scheduler,
    peak: f64,
    n_warmup: u64,
    n_steps: u64,
}

/// Steps of the warm-up that are this share of all, in [0, 1]: rounded up, as transformers' Trainer does.
pub fn warmup_steps(ratio: f64, n_steps: u64) -> u64 {
    (ratio * n_steps as f64).ceil() as u64
}

impl Schedule {
    /// `n_steps` steps, of which the first `n_warmup` warm up.
    pub fn new(scheduler: Scheduler, peak: f64, n_warmup: u64, n_steps: u64) -> Self {
        Self {
            scheduler,
            peak,
            n_warmup,
            n_steps,
        }
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.n_warmup {
            return self.peak * (step as f64 / self.n_warmup as f64);
        }
        let left = self.n_steps.saturating_sub(step) as f64;
        let left = left / self.n_steps.saturating_sub(self.n_warmup).max(1) as f64;
        match self.scheduler {
            Scheduler::Linear => self.peak * left,
            Scheduler::Cosine => self.peak * (0.5 - 0.5 * (PI * left).cos()),
            Scheduler::Constant => self.peak,
        }
    }

    /// What weight decay leaves of a parameter without gradients in the first `step` steps: AdamW multiplies it by 1 - rate decay.
    pub(super) fn left_by_decay(&self, weight_decay: f64, step: u64) -> f64 {
        (0..step)
            .map(|step| 1.0 - self.rate(step) * weight_decay)
            .product()
    }

    /// Steps from the first to the last.
    pub(super) fn n_steps(&self) -> u64 {
        self.n_steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(n_warmup: u64, n_steps: u64) -> Schedule {
        Schedule::new(Scheduler::Linear, 1.0, n_warmup, n_steps)
    }

    #[test]
    fn it_rises_from_zero_and_falls_to_zero() {
        let schedule = Schedule::new(Scheduler::Linear, 5e-5, 2, 20);
        let rates: Vec<f64> = (0..=20).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates[..3], [0.0, 2.5e-5, 5e-5]);
        // Three roundings to 53 bits of a number near 5e-5 are 2e-20.
        assert!((rates[3] - 5e-5 * 17.0 / 18.0).abs() < 1e-18);
        assert!((rates[19] - 5e-5 / 18.0).abs() < 1e-18);
        assert_eq!(rates[20], 0.0);
    }

    #[test]
    fn the_warm_up_is_rounded_up() {
        assert_eq!(
            (
                warmup_steps(0.1, 345),
                warmup_steps(0.1, 20),
                warmup_steps(0.0, 9)
            ),
            (35, 2, 0)
        );
        assert_eq!(warmup_steps(0.001, 9), 1);
    }

    #[test]
    fn without_a_warm_up_it_starts_at_the_peak() {
        assert_eq!(linear(0, 10).rate(0), 1.0);
        assert_eq!(linear(10, 10).rate(5), 0.5);
    }

    #[test]
    fn a_warm_up_longer_than_the_run_never_reaches_the_peak() {
        assert_eq!((linear(20, 10).rate(9), linear(20, 10).rate(0)), (0.45, 0.0));
    }

    #[test]
    fn what_is_never_shown_decays_with_the_rest() {
        let schedule = Schedule::new(Scheduler::Constant, 0.5, 1, 10);
        assert_eq!(schedule.left_by_decay(0.1, 0), 1.0);
        assert_eq!(
            schedule.left_by_decay(0.1, 1),
            1.0,
            "the first step of a warm-up has the rate 0"
        );
        assert_eq!(schedule.left_by_decay(0.1, 3), 0.95 * 0.95);
    }

    #[test]
    fn a_cosine_falls_slowly_at_both_ends_and_a_constant_stays() {
        let cosine = Schedule::new(Scheduler::Cosine, 1.0, 2, 10);
        assert_eq!((cosine.rate(1), cosine.rate(2), cosine.rate(10)), (0.5, 1.0, 0.0));
        // 0.5 (1 + cos(π / 4)), transformers' formula, after a quarter of the way down.
        assert!((cosine.rate(4) - 0.853_553_390_593_273_8).abs() < 1e-12);
        let constant = Schedule::new(Scheduler::Constant, 1.0, 2, 10);
        assert_eq!(
            (constant.rate(1), constant.rate(2), constant.rate(9)),
            (0.5, 1.0, 1.0)
        );
    }
}
