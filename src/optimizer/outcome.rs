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

/// The map from values to model units and back; strictly monotone both ways.
#[derive(Clone, Debug)]
pub struct Scaling {
    sign: f64,
    median: f64,
    softness: f64,
    mean: f64,
    sd: f64,
}

impl Scaling {
    /// The scaling that belongs to these values, of which there is at least one, and the values in model units.
    pub fn fit(values: &[f64], goal: Goal) -> (Self, Vec<f64>) {
        let sign = if goal == Goal::Maximize { 1.0 } else { -1.0 };
        let mut sorted: Vec<f64> = values.iter().map(|v| sign * v).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let median = if n % 2 == 1 {
            sorted[n / 2]
        } else {
            (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0
        };
        let softness = 2.0 * (sorted[n - 1] - median).max(1e-12);
        let mut scaling = Self {
            sign,
            median,
            softness,
            mean: 0.0,
            sd: 1.0,
        };
        let soft: Vec<f64> = values.iter().map(|v| scaling.to_model(*v)).collect();
        // Summed in sorted order: the bits must not depend on the order of the observations.
        let mut ordered = soft;
        ordered.sort_by(f64::total_cmp);
        let mean = ordered.iter().sum::<f64>() / n as f64;
        let variance = ordered.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
        let sd = variance.sqrt();
        scaling.mean = mean;
        // Equal values carry no scale of their own.
        scaling.sd = if sd > 1e-12 { sd } else { 1.0 };
        let scaled = values.iter().map(|v| scaling.to_model(*v)).collect();
        (scaling, scaled)
    }

    /// A value in model units.
    pub fn to_model(&self, value: f64) -> f64 {
        let y = self.sign * value;
        let soft = if y < self.median {
            self.median - self.softness * libm::log1p((self.median - y) / self.softness)
        } else {
            y
        };
        (soft - self.mean) / self.sd
    }

    /// The value that has these model units.
    pub fn to_value(&self, z: f64) -> f64 {
        let soft = z * self.sd + self.mean;
        let y = if soft < self.median {
            self.median - self.softness * libm::expm1((self.median - soft) / self.softness)
        } else {
            soft
        };
        self.sign * y
    }

    /// The values between which `mean - width` and `mean + width` lie, the smaller first.
    pub fn interval(&self, mean: f64, width: f64) -> (f64, f64) {
        let (a, b) = (self.to_value(mean - width), self.to_value(mean + width));
        (a.min(b), a.max(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_value() {
        let values = [0.81, 0.86, 0.87, 0.2, 0.85, -3.0];
        for goal in [Goal::Maximize, Goal::Minimize] {
            let (scaling, scaled) = Scaling::fit(&values, goal);
            for (value, z) in values.iter().zip(scaled) {
                assert!((scaling.to_value(z) - value).abs() < 1e-9, "{value}");
            }
        }
    }

    #[test]
    fn a_minimum_is_a_mirrored_maximum_to_the_last_bit() {
        let values = [0.3, 0.1, 0.7, 0.2];
        let negated = values.map(|v| -v);
        assert_eq!(
            Scaling::fit(&values, Goal::Minimize).1,
            Scaling::fit(&negated, Goal::Maximize).1
        );
    }

    #[test]
    fn equal_values_become_zeros() {
        assert_eq!(Scaling::fit(&[0.5; 4], Goal::Maximize).1, [0.0; 4]);
    }
}
