//! Covariance of the objective at two places of the unit cube.
//!
//! ```text
//! cov(x, x') = s k(r) + q sum_j (u_j u'_j + u_j^2 u'_j^2),   r^2 = sum_j (x_j - x'_j)^2 / l_j^2,   u = 2x - 1
//! ```
//!
//! The second term is a quadratic trend with a fixed prior variance: a peak somewhere inside is what is to be expected of
//! a hyperparameter. Unordered dimensions take no part in it, and in `r` two of their levels are either equal or one apart.

use super::dimensions::Dimensions;
use super::simd::{LANES, Lane};

/// Prior variance of each coefficient of the trend.
const TREND: f64 = 0.3;

/// The shape of the correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Matern with smoothness 5/2.
    Matern52,
    /// Squared exponential.
    Rbf,
}

impl Kernel {
    /// Its name in a proposal's reasons.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Matern52 => "matern52",
            Self::Rbf => "rbf",
        }
    }

    /// Correlation at a squared scaled distance.
    #[inline(always)]
    pub(super) fn correlation(self, r2: f64) -> f64 {
        match self {
            Self::Matern52 => {
                let r = (5.0 * r2).sqrt();
                (1.0 + r + r * r / 3.0) * libm::exp(-r)
            }
            Self::Rbf => libm::exp(-0.5 * r2),
        }
    }

    /// Correlations at eight squared scaled distances. One loop for each kernel: a choice inside would part the lanes.
    fn correlations(self, r2: Lane) -> Lane {
        match self {
            Self::Matern52 => r2.map(|r2| Self::Matern52.correlation(r2)),
            Self::Rbf => r2.map(|r2| Self::Rbf.correlation(r2)),
        }
    }

    /// The correlation and its derivative with respect to the squared distance.
    pub(super) fn correlation_and_slope(self, r2: f64) -> (f64, f64) {
        match self {
            Self::Matern52 => {
                let r = (5.0 * r2).sqrt();
                let e = libm::exp(-r);
                ((1.0 + r + r * r / 3.0) * e, -5.0 / 6.0 * (1.0 + r) * e)
            }
            Self::Rbf => {
                let e = libm::exp(-0.5 * r2);
                (e, -0.5 * e)
            }
        }
    }
}

/// A kernel with its hyperparameters.
#[derive(Clone, Debug)]
pub(super) struct Covariance<'a> {
    kernel: Kernel,
    /// `1 / l_j^2`.
    pub inverse_squares: Vec<f64>,
    /// Variance of the stationary part.
    pub signal: f64,
    /// Those of the space.
    pub dimensions: &'a Dimensions,
}

impl<'a> Covariance<'a> {
    /// `ln_lengths` are the logarithms of the length scales, `ln_signal` that of the signal variance.
    pub(super) fn new(
        kernel: Kernel,
        ln_lengths: &[f64],
        ln_signal: f64,
        dimensions: &'a Dimensions,
    ) -> Self {
        let inverse_squares = ln_lengths.iter().map(|l| libm::exp(-2.0 * l)).collect();
        Self {
            kernel,
            inverse_squares,
            signal: libm::exp(ln_signal),
            dimensions,
        }
    }

    /// Covariance of two places.
    pub(super) fn of(&self, a: &[f64], b: &[f64]) -> f64 {
        let mut r2 = 0.0;
        for (j, weight) in self.inverse_squares.iter().enumerate() {
            r2 += weight * squared_difference(a[j], b[j], self.dimensions.is_ordered(j));
        }
        self.signal * self.kernel.correlation(r2) + trend(a, b, self.dimensions)
    }

    /// Variance at a place.
    pub(super) fn variance(&self, a: &[f64]) -> f64 {
        self.signal + trend(a, a, self.dimensions)
    }

    /// Variances at several places, given column by column.
    pub(super) fn variance_lanes(&self, columns: &[Lane]) -> Lane {
        let mut sum = [0.0; LANES];
        for (_, column) in columns
            .iter()
            .enumerate()
            .filter(|(j, _)| self.dimensions.is_ordered(*j))
        {
            for k in 0..LANES {
                let square = (2.0 * column[k] - 1.0) * (2.0 * column[k] - 1.0);
                sum[k] += square + square * square;
            }
        }
        sum.map(|s| self.signal + TREND * s)
    }

    /// Covariances of several places, given column by column, with one.
    pub(super) fn lanes(&self, columns: &[Lane], b: &[f64]) -> Lane {
        let (mut r2, mut sum) = ([0.0; LANES], [0.0; LANES]);
        for (j, column) in columns.iter().enumerate() {
            let ordered = self.dimensions.is_ordered(j);
            let weight = self.inverse_squares[j];
            if ordered {
                let v = 2.0 * b[j] - 1.0;
                for k in 0..LANES {
                    let difference = column[k] - b[j];
                    r2[k] += weight * (difference * difference);
                    let product = (2.0 * column[k] - 1.0) * v;
                    sum[k] += product + product * product;
                }
            } else {
                for k in 0..LANES {
                    r2[k] += weight * squared_difference(column[k], b[j], ordered);
                }
            }
        }
        let correlations = self.kernel.correlations(r2);
        std::array::from_fn(|k| self.signal * correlations[k] + TREND * sum[k])
    }
}

/// Squared difference along one dimension.
pub(super) fn squared_difference(a: f64, b: f64, ordered: bool) -> f64 {
    match (ordered, a == b) {
        (true, _) => (a - b) * (a - b),
        (false, true) => 0.0,
        (false, false) => 1.0,
    }
}

/// The quadratic trend's part of a covariance.
pub(super) fn trend(a: &[f64], b: &[f64], dimensions: &Dimensions) -> f64 {
    let mut sum = 0.0;
    for j in 0..a.len() {
        if dimensions.is_ordered(j) {
            let product = (2.0 * a[j] - 1.0) * (2.0 * b[j] - 1.0);
            sum += product + product * product;
        }
    }
    TREND * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_have_their_known_values() {
        assert_eq!(Kernel::Matern52.correlation(0.0), 1.0);
        assert!((Kernel::Matern52.correlation(1.0) - 0.523_994_11).abs() < 1e-8);
        assert!((Kernel::Rbf.correlation(1.0) - 0.606_530_66).abs() < 1e-8);
    }

    #[test]
    fn slopes_are_those_of_the_correlation() {
        for kernel in [Kernel::Matern52, Kernel::Rbf] {
            for r2 in [0.1, 1.0, 7.0] {
                let (value, slope) = kernel.correlation_and_slope(r2);
                let measured = (kernel.correlation(r2 + 1e-6) - kernel.correlation(r2 - 1e-6)) / 2e-6;
                assert!((slope - measured).abs() < 1e-8 && value == kernel.correlation(r2));
            }
        }
    }
}
