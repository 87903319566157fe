//! Hyperparameters of one kernel: how likely they are, and the likeliest.
//!
//! Priors, as normal densities of the logarithms: length scales around `0.5 sqrt(d)` (Hvarfner et al. 2024 scale theirs
//! with `sqrt(d)` too), noise variance around 0.01, signal variance around 1. Model units: the values have variance 1.

use super::bfgs::{Slope, bfgs};
use super::dimensions::Dimensions;
use super::kernel::{Covariance, Kernel, squared_difference, trend};
use super::linalg::{Cholesky, dot};

/// What a Gaussian process learns from.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    /// Where.
    pub places: Vec<Vec<f64>>,
    /// What was seen there, in model units.
    pub values: Vec<f64>,
    /// Noise variance of each value beyond that of all.
    pub extra_noise: Vec<f64>,
    /// Whether each is the value of a whole trial.
    pub is_final: Vec<bool>,
}

impl Data {
    /// The observations at these positions.
    pub(super) fn only(&self, rows: &[usize]) -> Self {
        Self {
            places: rows.iter().map(|i| self.places[*i].clone()).collect(),
            values: rows.iter().map(|i| self.values[*i]).collect(),
            extra_noise: rows.iter().map(|i| self.extra_noise[*i]).collect(),
            is_final: rows.iter().map(|i| self.is_final[*i]).collect(),
        }
    }
}

/// Logarithms of a kernel's hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperparameters(Vec<f64>);

impl Hyperparameters {
    /// Logarithms of the length scales.
    pub(super) fn ln_lengths(&self) -> &[f64] {
        &self.0[..self.0.len() - 2]
    }

    /// Logarithm of the noise variance.
    pub(super) fn ln_noise(&self) -> f64 {
        self.0[self.0.len() - 2]
    }

    /// Logarithm of the signal variance.
    pub(super) fn ln_signal(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

/// The posterior of hyperparameters, with all that does not depend on them computed once.
pub(super) struct HyperparameterPosterior<'a> {
    data: &'a Data,
    dimensions: &'a Dimensions,
    squares: Vec<f64>,
    trends: Vec<f64>,
}

impl<'a> HyperparameterPosterior<'a> {
    /// Prepares the data.
    pub(super) fn new(data: &'a Data, dimensions: &'a Dimensions) -> Self {
        let (mut squares, mut trends) = (Vec::new(), Vec::new());
        for (i, a) in data.places.iter().enumerate() {
            for b in &data.places[..=i] {
                squares.extend(
                    (0..dimensions.n()).map(|j| squared_difference(a[j], b[j], dimensions.is_ordered(j))),
                );
                trends.push(trend(a, b, dimensions));
            }
        }
        Self {
            data,
            dimensions,
            squares,
            trends,
        }
    }

    /// Logarithm of prior times likelihood, up to a constant, and its gradient; `None` where the covariance `C` is singular.
    ///
    /// With `a = C^-1 y` the derivative of the likelihood with respect to any hyperparameter `t` is
    /// `tr((a a^T - C^-1) dC/dt) / 2` (Rasmussen and Williams 2006, eq. 5.9).
    fn log_posterior(&self, kernel: Kernel, hyper: &Hyperparameters) -> Option<Slope> {
        let (d, n) = (self.dimensions.n(), self.data.values.len());
        let covariance = Covariance::new(kernel, hyper.ln_lengths(), hyper.ln_signal(), self.dimensions);
        let (signal, noise) = (covariance.signal, libm::exp(hyper.ln_noise()));
        let r2 = self
            .squares
            .chunks_exact(d.max(1))
            .map(|s| dot(s, &covariance.inverse_squares));
        let mut r2: Vec<f64> = r2.collect();
        // Without dimensions there are no chunks.
        r2.resize(self.trends.len(), 0.0);
        let shapes: Vec<(f64, f64)> = r2.iter().map(|r2| kernel.correlation_and_slope(*r2)).collect();
        let factor = Cholesky::of(n, n, |i, j| {
            let pair = pair(i, j);
            let own = if i == j {
                noise + self.data.extra_noise[i]
            } else {
                0.0
            };
            signal * shapes[pair].0 + self.trends[pair] + own
        })?;
        let mut half_solved = self.data.values.clone();
        factor.solve_lower(&mut half_solved);
        let height =
            log_prior(hyper, self.dimensions) - 0.5 * dot(&half_solved, &half_solved) - factor.half_log_det();
        factor.solve_upper(&mut half_solved);
        let (alpha, inverse) = (half_solved, factor.inverse());
        let mut gradient = vec![0.0; d + 2];
        let (mut trace, mut signal_slope) = (0.0, 0.0);
        for i in 0..n {
            for j in 0..i {
                let pair = pair(i, j);
                let weight = (alpha[i] * alpha[j] - inverse[i * n + j]) * signal;
                signal_slope += weight * shapes[pair].0;
                let along = weight * shapes[pair].1;
                for (g, square) in gradient[..d]
                    .iter_mut()
                    .zip(&self.squares[pair * d..(pair + 1) * d])
                {
                    *g += along * square;
                }
            }
            trace += alpha[i] * alpha[i] - inverse[i * n + i];
        }
        // r^2 falls with ln l_j at the rate 2 / l_j^2 times the squared difference.
        for (g, weight) in gradient.iter_mut().zip(&covariance.inverse_squares) {
            *g *= -2.0 * weight;
        }
        gradient[d] += 0.5 * noise * trace;
        gradient[d + 1] += signal_slope + 0.5 * signal * trace;
        let prior = log_prior_gradient(hyper, self.dimensions);
        gradient.iter_mut().zip(prior).for_each(|(g, p)| *g += p);
        Some((height, gradient))
    }

    /// The likeliest hyperparameters and the logarithm of their posterior, climbing from `start`.
    pub(super) fn maximum(&self, kernel: Kernel, start: &Hyperparameters) -> Option<(Hyperparameters, f64)> {
        let d = self.dimensions.n();
        let mut bounds = vec![(LN_MIN_LENGTH, 5.0); d];
        bounds.extend([(LN_MIN_NOISE, 2.0), (-6.0, 6.0)]);
        let spread: Vec<f64> = (0..d + 2).map(|j| 0.7 * prior_sd(j, d)).collect();
        let height = |x: &[f64]| self.log_posterior(kernel, &Hyperparameters(x.to_vec()));
        let (x, height) = bfgs(height, start.0.clone(), &spread, &bounds)?;
        Some((Hyperparameters(x), height))
    }
}

/// Where the pair `j <= i` stands among all pairs.
fn pair(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

/// `ln 0.01`: the noise variance that is expected.
const LN_NOISE: f64 = -4.605_170_185_988_091;
/// `ln 1e-6` and `ln 0.03`: less noise and shorter lengths than this make a factor singular.
const LN_MIN_NOISE: f64 = -13.815_510_557_964_274;
const LN_MIN_LENGTH: f64 = -3.506_557_897_319_982;

/// The medians of the priors.
pub(super) fn prior_medians(dimensions: &Dimensions) -> Hyperparameters {
    let ln_length = libm::log(0.5 * (dimensions.n_varying() as f64).sqrt());
    let mut all = vec![ln_length; dimensions.n()];
    all.extend([LN_NOISE, 0.0]);
    Hyperparameters(all)
}

/// Standard deviation of hyperparameter `j`'s prior: noise may be anything from none to all, so its is twice the others'.
fn prior_sd(j: usize, d: usize) -> f64 {
    if j == d { 2.0 } else { 1.0 }
}

fn prior_scores(hyper: &Hyperparameters, dimensions: &Dimensions) -> Vec<f64> {
    let median = prior_medians(dimensions);
    let deviations = hyper.0.iter().zip(&median.0).enumerate();
    deviations
        .map(|(j, (x, m))| (x - m) / prior_sd(j, dimensions.n()))
        .collect()
}

fn log_prior(hyper: &Hyperparameters, dimensions: &Dimensions) -> f64 {
    prior_scores(hyper, dimensions).iter().map(|z| -0.5 * z * z).sum()
}

fn log_prior_gradient(hyper: &Hyperparameters, dimensions: &Dimensions) -> Vec<f64> {
    let scores = prior_scores(hyper, dimensions).into_iter().enumerate();
    scores.map(|(j, z)| -z / prior_sd(j, dimensions.n())).collect()
}

#[cfg(test)]
#[path = "hyperparameters_tests.rs"]
mod tests;
