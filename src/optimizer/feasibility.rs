//! Probability that a trial succeeds, from which trials failed.
//!
//! ```text
//! P(x) = (2 p + sum_i k_i ok_i) / (2 + sum_i k_i),   p = (n_ok + 1) / (n + 1),   k_i = exp(-r_i^2 / (2 l^2))
//! ```
//!
//! A Beta estimate with the overall rate as its prior, smoothed over the cube with length scale `l = 0.15 sqrt(d)`.

use super::columns::Columns;
use super::kernel::{Kernel, squared_difference};

/// What is known of failures.
#[derive(Clone, Debug)]
pub struct Feasibility<'a> {
    columns: &'a Columns,
    places: Vec<(Vec<f64>, bool)>,
    prior: f64,
    any_failed: bool,
}

impl<'a> Feasibility<'a> {
    /// From the places of all finished trials and whether they succeeded.
    pub fn new(columns: &'a Columns, places: Vec<(Vec<f64>, bool)>) -> Self {
        let n_ok = places.iter().filter(|(_, ok)| *ok).count();
        let prior = (n_ok as f64 + 1.0) / (places.len() as f64 + 1.0);
        Self {
            columns,
            any_failed: n_ok < places.len(),
            prior,
            places,
        }
    }

    /// Whether any trial failed.
    pub fn any_failed(&self) -> bool {
        self.any_failed
    }

    /// Whether a trial failed at this very place.
    pub fn failed_at(&self, place: &[f64]) -> bool {
        self.any_failed && self.places.iter().any(|(p, ok)| !ok && p == place)
    }

    /// Probability of success; 1 while nothing has failed.
    pub fn probability(&self, place: &[f64]) -> f64 {
        if !self.any_failed {
            return 1.0;
        }
        let precision = 1.0 / (0.15 * 0.15 * self.columns.n() as f64);
        let (mut weight, mut successes) = (2.0, 2.0 * self.prior);
        for (other, ok) in &self.places {
            let squares = place.iter().zip(other).enumerate();
            let r2: f64 = squares
                .map(|(j, (a, b))| squared_difference(*a, *b, self.columns.is_ordered(j)))
                .sum();
            let k = Kernel::Rbf.correlation(r2 * precision);
            weight += k;
            successes += if *ok { k } else { 0.0 };
        }
        successes / weight
    }

    /// Logarithm of the probability; minus infinity where a trial failed, since it would fail again.
    pub fn log_probability(&self, place: &[f64]) -> f64 {
        if self.failed_at(place) {
            f64::NEG_INFINITY
        } else {
            libm::log(self.probability(place))
        }
    }

    /// A wall for the model's mean: nothing where success is likelier than not, steeper the less likely it is.
    pub fn wall(&self, place: &[f64]) -> f64 {
        if self.any_failed {
            (self.log_probability(place) + std::f64::consts::LN_2).min(0.0)
        } else {
            0.0
        }
    }
}
