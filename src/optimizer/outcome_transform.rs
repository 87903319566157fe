//! Values as a Gaussian process wants them: larger is better, bad ones pressed together, mean 0 and variance 1.
//!
//! Below the median `m`, with `s` the distance from the median to the best value,
//!
//! ```text
//! y' = m - 2 s ln(1 + (m - y) / (2 s))
//! ```
//!
//! and above it `y' = y`: how bad a bad point is teaches little about where the good ones are, and a collapsed training
//! run would otherwise bend the whole model.

use super::Goal;

/// Values are used within these bounds: the square of a difference of larger ones would overflow.
const MAX_VALUE: f64 = 1e100;

/// The map from values to model units and back; strictly monotone both ways.
#[derive(Clone, Debug)]
pub(super) struct OutcomeTransform {
    sign: f64,
    median: f64,
    softness: f64,
    mean: f64,
    sd: f64,
}

impl OutcomeTransform {
    /// The transform that belongs to these values, of which there is at least one, and the values in model units.
    pub(super) fn fit(values: &[f64], goal: Goal) -> (Self, Vec<f64>) {
        let sign = if goal == Goal::Maximize { 1.0 } else { -1.0 };
        let mut sorted: Vec<f64> = values.iter().map(|v| sign * bounded(*v)).collect();
        sorted.sort_by(f64::total_cmp);
        let (worst, best) = (sorted[0], sorted[sorted.len() - 1]);
        let median = median_of_sorted(&sorted);
        // Where most values tie at the top the best is the median: a hundredth of the range then stands for its distance.
        let softness = 2.0 * (best - median).max(0.01 * (best - worst));
        let mut transform = Self {
            sign,
            median,
            softness: if softness > 0.0 { softness } else { 1.0 },
            mean: 0.0,
            sd: 1.0,
        };
        // In ascending order, as `to_model` is monotone: the bits must not depend on the order of the observations.
        let n = sorted.len() as f64;
        let soft: Vec<f64> = sorted.iter().map(|v| transform.to_model(sign * v)).collect();
        let mean = soft.iter().sum::<f64>() / n;
        let variance = soft.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        let sd = variance.sqrt();
        transform.mean = mean;
        // Equal values carry no scale of their own, and differences in the last digits are none.
        transform.sd = if sd > 1e-13 * best.abs().max(worst.abs()) {
            sd
        } else {
            1.0
        };
        let scaled = values.iter().map(|v| transform.to_model(*v));
        let scaled = if transform.sd == sd {
            scaled.collect()
        } else {
            vec![0.0; values.len()]
        };
        (transform, scaled)
    }

    /// A value in model units.
    pub(super) fn to_model(&self, value: f64) -> f64 {
        let y = self.sign * bounded(value);
        let soft = if y < self.median {
            self.median - self.softness * libm::log1p((self.median - y) / self.softness)
        } else {
            y
        };
        (soft - self.mean) / self.sd
    }

    /// The value that has these model units.
    pub(super) fn to_value(&self, z: f64) -> f64 {
        let soft = z * self.sd + self.mean;
        let y = if soft < self.median {
            // Far below all that was seen the exponential has no value: the bound stands for it.
            self.median - self.softness * libm::expm1(((self.median - soft) / self.softness).min(700.0))
        } else {
            soft
        };
        self.sign * bounded(y)
    }

    /// The values between which `mean - width` and `mean + width` lie, the smaller first.
    pub(super) fn interval(&self, mean: f64, width: f64) -> (f64, f64) {
        let (a, b) = (self.to_value(mean - width), self.to_value(mean + width));
        (a.min(b), a.max(b))
    }
}

fn bounded(value: f64) -> f64 {
    value.clamp(-MAX_VALUE, MAX_VALUE)
}

/// The median of at least one value in ascending order.
pub(super) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    if n % 2 == 1 {
        sorted[n / 2]
    } else {
        (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_value() {
        let values = [0.81, 0.86, 0.87, 0.2, 0.85, -3.0];
        for goal in [Goal::Maximize, Goal::Minimize] {
            let (transform, scaled) = OutcomeTransform::fit(&values, goal);
            for (value, z) in values.iter().zip(scaled) {
                assert!((transform.to_value(z) - value).abs() < 1e-9, "{value}");
            }
        }
    }

    #[test]
    fn a_minimum_is_a_mirrored_maximum_to_the_last_bit() {
        let values = [0.3, 0.1, 0.7, 0.2];
        let negated = values.map(|v| -v);
        assert_eq!(
            OutcomeTransform::fit(&values, Goal::Minimize).1,
            OutcomeTransform::fit(&negated, Goal::Maximize).1
        );
    }

    #[test]
    fn equal_values_become_zeros() {
        assert_eq!(OutcomeTransform::fit(&[0.5; 4], Goal::Maximize).1, [0.0; 4]);
        assert_eq!(
            OutcomeTransform::fit(&[0.1, 0.1, 0.1], Goal::Maximize).1,
            [0.0; 3]
        );
    }

    #[test]
    fn a_soft_logarithm_has_its_known_values() {
        // Median 2, softness 2 (3 - 2): a value 2 below the median comes to lie 2 ln 2 below it.
        let (transform, _) = OutcomeTransform::fit(&[0.0, 2.0, 3.0], Goal::Maximize);
        let below = (transform.to_model(2.0) - transform.to_model(0.0)) * transform.sd;
        assert!((below - 2.0 * std::f64::consts::LN_2).abs() < 1e-12, "{below}");
    }

    #[test]
    fn huge_and_tiny_values_stay_finite_and_in_order() {
        for values in [
            [1e308, -1e308, 0.0, 1.0],
            [1e-300, 2e-300, 4e-300, -1e-300],
            [1.0, 1.0, 1.0, 0.5],
        ] {
            for goal in [Goal::Maximize, Goal::Minimize] {
                let (transform, scaled) = OutcomeTransform::fit(&values, goal);
                assert!(scaled.iter().all(|z| z.abs() <= 2.0), "{values:?}: {scaled:?}");
                let (low, high) = transform.interval(-9.0, 5.0);
                assert!(
                    low.is_finite() && high.is_finite() && low <= high,
                    "{values:?}: {low} {high}"
                );
            }
        }
    }
}
