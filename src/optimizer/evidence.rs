//! Hyperparameters of one kernel: how likely they are, and the likeliest.
//!
//! Priors, as normal densities of the logarithms: length scales around `0.5 sqrt(d)` (Hvarfner et al. 2024 scale theirs
//! with `sqrt(d)` too), noise variance around 0.01, signal variance around 1. Model units: the values have variance 1.

use super::columns::Columns;
use super::kernel::{Covariance, Kernel, squared_difference, trend};
use super::linalg::{Cholesky, dot};

/// What a Gaussian process learns from.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Where.
    pub places: Vec<Vec<f64>>,
    /// What was seen there, in model units.
    pub values: Vec<f64>,
    /// Noise variance of each value beyond that of all.
    pub extra_noise: Vec<f64>,
    /// Whether each is the value of a whole trial.
    pub is_final: Vec<bool>,
}

/// Logarithms of a kernel's hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyper(Vec<f64>);

impl Hyper {
    /// Logarithms of the length scales.
    pub fn ln_lengths(&self) -> &[f64] {
        &self.0[..self.0.len() - 2]
    }

    /// Logarithm of the noise variance.
    pub fn ln_noise(&self) -> f64 {
        self.0[self.0.len() - 2]
    }

    /// Logarithm of the signal variance.
    pub fn ln_signal(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

/// The posterior of hyperparameters, with all that does not depend on them computed once.
pub struct Evidence<'a> {
    data: &'a Data,
    columns: &'a Columns,
    squares: Vec<f64>,
    trends: Vec<f64>,
}

impl<'a> Evidence<'a> {
    /// Prepares the data.
    pub fn new(data: &'a Data, columns: &'a Columns) -> Self {
        let (mut squares, mut trends) = (Vec::new(), Vec::new());
        for (i, a) in data.places.iter().enumerate() {
            for b in &data.places[..=i] {
                squares
                    .extend((0..columns.n()).map(|j| squared_difference(a[j], b[j], columns.is_ordered(j))));
                trends.push(trend(a, b, columns));
            }
        }
        Self {
            data,
            columns,
            squares,
            trends,
        }
    }

    /// Logarithm of prior times likelihood, up to a constant; minus infinity outside of what makes sense.
    pub fn log_posterior(&self, kernel: Kernel, hyper: &Hyper) -> f64 {
        let d = self.columns.n();
        let log_prior = log_prior(hyper, d);
        if log_prior == f64::NEG_INFINITY {
            return log_prior;
        }
        let covariance = Covariance::new(kernel, hyper.ln_lengths(), hyper.ln_signal(), self.columns);
        let noise = libm::exp(hyper.ln_noise());
        let entry = |i: usize, j: usize| {
            let pair = i * (i + 1) / 2 + j;
            let value = covariance.stationary(&self.squares[pair * d..(pair + 1) * d]) + self.trends[pair];
            if i == j {
                value + noise + self.data.extra_noise[i]
            } else {
                value
            }
        };
        let n = self.data.values.len();
        let Some(factor) = Cholesky::of(n, n, entry) else {
            return f64::NEG_INFINITY;
        };
        let mut residual = self.data.values.clone();
        factor.solve_lower(&mut residual);
        log_prior - 0.5 * dot(&residual, &residual) - factor.half_log_det()
    }

    /// The likeliest hyperparameters and the logarithm of their posterior.
    ///
    /// Compass search: a step along each axis in turn, halved when none helps. It needs no gradient, is not misled by the
    /// flat directions of few data, and ends after a few hundred evaluations.
    pub fn maximum(&self, kernel: Kernel) -> (Hyper, f64) {
        // A second start from shorter length scales changed nothing that could be measured, at twice the cost.
        self.climb(kernel, prior_medians(self.columns.n()))
    }

    fn climb(&self, kernel: Kernel, mut at: Hyper) -> (Hyper, f64) {
        let mut height = self.log_posterior(kernel, &at);
        let mut step = 1.0;
        while step > 0.04 {
            let mut moved = false;
            for j in 0..at.0.len() {
                for direction in [1.0, -1.0] {
                    let before = at.0[j];
                    at.0[j] = before + direction * step;
                    let new_height = self.log_posterior(kernel, &at);
                    if new_height > height + 1e-4 {
                        height = new_height;
                        moved = true;
                        break;
                    }
                    at.0[j] = before;
                }
            }
            if !moved {
                step *= 0.5;
            }
        }
        (at, height)
    }
}

/// `ln 0.01`: the noise variance that is expected.
const LN_NOISE: f64 = -4.605_170_185_988_091;
/// `ln 1e-6` and `ln 0.03`: less noise and shorter lengths than this make a factor singular.
const LN_LEAST_NOISE: f64 = -13.815_510_557_964_274;
const LN_LEAST_LENGTH: f64 = -3.506_557_897_319_982;

fn prior_medians(d: usize) -> Hyper {
    let ln_length = libm::log(0.5 * (d as f64).sqrt());
    let mut all = vec![ln_length; d];
    all.extend([LN_NOISE, 0.0]);
    Hyper(all)
}

fn log_prior(hyper: &Hyper, d: usize) -> f64 {
    let median = prior_medians(d);
    let inside = hyper
        .ln_lengths()
        .iter()
        .all(|l| (LN_LEAST_LENGTH..=5.0).contains(l))
        && (LN_LEAST_NOISE..=2.0).contains(&hyper.ln_noise())
        && hyper.ln_signal().abs() <= 6.0;
    if !inside {
        return f64::NEG_INFINITY;
    }
    let deviations = hyper.0.iter().zip(&median.0).enumerate();
    // Noise may be anything from none to all: its prior is twice as wide as the others.
    deviations
        .map(|(j, (x, m))| (x - m) / if j == d { 2.0 } else { 1.0 })
        .map(|z| -0.5 * z * z)
        .sum()
}
