//! Probability that a trial succeeds, from which trials failed.
//!
//! ```text
//! P(x) = (2 p + sum_i k_i ok_i) / (2 + sum_i k_i),   p = (n_ok + 1) / (n + 1),   k_i = exp(-r_i^2 / (2 l^2))
//! ```
//!
//! A Beta estimate with the overall rate as its prior, smoothed over the cube with length scale `l = 0.15 sqrt(d)`.

use super::dimensions::{Dimensions, same};
use super::kernel::{Kernel, squared_difference};

/// How the wall grows with the square of `-ln 2P`.
const STEEPNESS: f64 = 4.0;

/// What is known of failures.
#[derive(Clone, Debug)]
pub(super) struct Feasibility<'a> {
    dimensions: &'a Dimensions,
    places: Vec<(Vec<f64>, bool)>,
    prior: f64,
    any_failed: bool,
}

impl<'a> Feasibility<'a> {
    /// From the places of all finished trials and whether they succeeded.
    pub(super) fn new(dimensions: &'a Dimensions, places: Vec<(Vec<f64>, bool)>) -> Self {
        let n_ok = places.iter().filter(|(_, ok)| *ok).count();
        let prior = (n_ok as f64 + 1.0) / (places.len() as f64 + 1.0);
        Self {
            dimensions,
            any_failed: n_ok < places.len(),
            prior,
            places,
        }
    }

    /// Whether any trial failed.
    pub(super) fn any_failed(&self) -> bool {
        self.any_failed
    }

    /// Whether a trial failed at this very place.
    fn failed_at(&self, place: &[f64]) -> bool {
        self.any_failed && self.places.iter().any(|(p, ok)| !ok && same(p, place))
    }

    /// Probability of success; 1 while nothing has failed.
    pub(super) fn probability(&self, place: &[f64]) -> f64 {
        if !self.any_failed {
            return 1.0;
        }
        let precision = 1.0 / (0.15 * 0.15 * self.dimensions.n_varying() as f64);
        let (mut weight, mut successes) = (2.0, 2.0 * self.prior);
        for (other, ok) in &self.places {
            let squares = place.iter().zip(other).enumerate();
            let r2: f64 = squares
                .map(|(j, (a, b))| squared_difference(*a, *b, self.dimensions.is_ordered(j)))
                .sum();
            let k = Kernel::Rbf.correlation(r2 * precision);
            weight += k;
            successes += if *ok { k } else { 0.0 };
        }
        successes / weight
    }

    /// Logarithm of the probability; minus infinity where a trial failed, since it would fail again.
    fn log_probability(&self, place: &[f64]) -> f64 {
        if self.failed_at(place) {
            f64::NEG_INFINITY
        } else {
            libm::log(self.probability(place))
        }
    }

    /// A wall for a height: nothing where success is likelier than not, gentle where it is almost so, then steep, and minus
    /// infinity where a trial failed. The probability as a factor alone would not do: where all that is left elsewhere is a
    /// thousandth of what the model promises behind the edge, a chance of one in ten looks like a bargain for ever.
    fn wall(&self, place: &[f64]) -> f64 {
        self.wall_at(self.log_probability(place))
    }

    fn wall_at(&self, log_probability: f64) -> f64 {
        if self.any_failed {
            let depth = (log_probability + std::f64::consts::LN_2).min(0.0);
            depth - STEEPNESS * depth * depth
        } else {
            0.0
        }
    }

    /// Means with the wall.
    pub(super) fn walled(&self, means: Vec<f64>, places: &[Vec<f64>]) -> Vec<f64> {
        let means = means.into_iter().zip(places);
        means.map(|(mean, place)| mean + self.wall(place)).collect()
    }

    /// What is added to the logarithm of an improvement: that of the probability, and the wall.
    pub(super) fn log_penalty(&self, place: &[f64]) -> f64 {
        let log_probability = self.log_probability(place);
        log_probability + self.wall_at(log_probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Parameter, Scale, SearchSpace};

    #[test]
    fn success_is_sure_without_failures_and_unlikely_among_them() {
        let domain = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        let space = SearchSpace::new(vec![Parameter::new("x", domain).unwrap()]).unwrap();
        let dimensions = Dimensions::of(&space);
        let places = |ok: bool| [0.1, 0.15, 0.2, 0.9].map(|x| (vec![x], ok || x > 0.5)).to_vec();
        assert_eq!(
            Feasibility::new(&dimensions, places(true)).probability(&[0.15]),
            1.0
        );
        let feasibility = Feasibility::new(&dimensions, places(false));
        let (among, far) = (feasibility.probability(&[0.12]), feasibility.probability(&[0.9]));
        assert!(among < 0.3 && far > 0.5, "{among} {far}");
        assert!(feasibility.wall(&[0.12]) < 0.0 && feasibility.wall(&[0.9]) == 0.0);
        assert_eq!(feasibility.log_probability(&[0.15]), f64::NEG_INFINITY);
        // By hand, where two failures and the success are too far away to count.
        let p = 2.0 / 5.0;
        let k = Kernel::Rbf.correlation(0.05 * 0.05 / (0.15 * 0.15));
        let k2 = Kernel::Rbf.correlation(0.1 * 0.1 / (0.15 * 0.15));
        let expected = 2.0 * p / (2.0 + 1.0 + k + k2);
        assert!((feasibility.probability(&[0.1]) - expected).abs() < 1e-5);
    }
}
