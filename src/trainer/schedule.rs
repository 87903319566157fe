//! Which learning rate at which step: up in a straight line, then down to zero in another.

/// The recipe of BERT's fine-tuning: rate(0) = 0, the peak after the warm-up, 0 after the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    peak: f64,
    n_warmup: u64,
    n_steps: u64,
}

impl Schedule {
    /// `warmup_ratio` in [0, 1] of `n_steps` steps warm up, rounded down.
    pub fn new(peak: f64, warmup_ratio: f64, n_steps: u64) -> Self {
        Self {
            peak,
            n_warmup: (warmup_ratio * n_steps as f64) as u64,
            n_steps,
        }
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.n_warmup {
            return self.peak * (step as f64 / self.n_warmup as f64);
        }
        let left = self.n_steps.saturating_sub(step) as f64;
        self.peak * (left / (self.n_steps - self.n_warmup).max(1) as f64)
    }

    /// Steps from the first to the last.
    pub(super) fn n_steps(&self) -> u64 {
        self.n_steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_from_zero_and_falls_to_zero() {
        let schedule = Schedule::new(5e-5, 0.1, 20);
        let rates: Vec<f64> = (0..=20).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates[..3], [0.0, 2.5e-5, 5e-5]);
        // Three roundings to 53 bits of a number near 5e-5 are 2e-20.
        assert!((rates[3] - 5e-5 * 17.0 / 18.0).abs() < 1e-18);
        assert!((rates[19] - 5e-5 / 18.0).abs() < 1e-18);
        assert_eq!(rates[20], 0.0);
    }

    #[test]
    fn the_warm_up_is_rounded_down() {
        assert_eq!(Schedule::new(1.0, 0.1, 345).rate(34), 1.0);
        assert!(Schedule::new(1.0, 0.1, 345).rate(33) < 1.0);
    }

    #[test]
    fn without_a_warm_up_it_starts_at_the_peak() {
        assert_eq!(Schedule::new(1.0, 0.0, 10).rate(0), 1.0);
        assert_eq!(Schedule::new(1.0, 1.0, 10).rate(5), 0.5);
    }
}
