//! Hyperparameters of one kernel: how likely they are, and the likeliest.
//!
//! Priors, as normal densities of the logarithms: length scales around `0.5 sqrt(d)` (Hvarfner et al. 2024 scale theirs
//! with `sqrt(d)` too), noise variance as [`NoisePrior`] says, signal variance around 1. Model units: the values have
//! variance 1.

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

/// A kernel's hyperparameters as coordinates: logarithms of the length scales, slopes of the logarithm of the noise
/// variance, logarithms of noise and signal variance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperparameters(pub Vec<f64>);

impl Hyperparameters {
    /// Number of dimensions of the cube.
    fn d(&self) -> usize {
        self.0.len() / 2 - 1
    }

    /// Logarithms of the length scales.
    pub(super) fn ln_lengths(&self) -> &[f64] {
        &self.0[..self.d()]
    }

    /// By how much the logarithm of the noise variance grows from the middle of the cube to each end.
    fn slopes(&self) -> &[f64] {
        &self.0[self.d()..2 * self.d()]
    }

    /// Noise variance at a place.
    pub(super) fn noise_at(&self, place: &[f64], dimensions: &Dimensions) -> f64 {
        let slopes = self.slopes().iter().enumerate();
        let rise: f64 = slopes.map(|(j, b)| b * tilt(place, j, dimensions)).sum();
        libm::exp(self.ln_noise() + rise)
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

/// Where a place is along a dimension, -1 to 1; 0 where the dimension has no order.
fn tilt(place: &[f64], j: usize, dimensions: &Dimensions) -> f64 {
    if dimensions.is_ordered(j) {
        2.0 * place[j] - 1.0
    } else {
        0.0
    }
}

/// What is expected of the noise variance before anything is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoisePrior {
    ln_median: f64,
    sd: f64,
    /// Standard deviation of its slopes; with 0 the noise is the same everywhere.
    slope_sd: f64,
}

impl NoisePrior {
    /// Around 0.01, and anything from none to all: where little noise is seen, proposals go on as if there were little.
    pub(super) const FOR_PROPOSALS: Self = Self {
        ln_median: -4.605_170_185_988_091,
        sd: 2.0,
        slope_sd: 1.0,
    };
    /// Around 0.03 and firmer: a few values that happen to lie on a smooth curve are no proof that they are exact.
    pub(super) const FOR_BELIEFS: Self = Self {
        ln_median: -3.506_557_897_319_982,
        sd: 1.5,
        slope_sd: 1.0,
    };
}

/// The posterior of hyperparameters, with all that does not depend on them computed once.
pub(super) struct HyperparameterPosterior<'a> {
    data: &'a Data,
    dimensions: &'a Dimensions,
    noise: NoisePrior,
    squares: Vec<f64>,
    trends: Vec<f64>,
}

/// A covariance matrix with some hyperparameters, factored.
struct Factored {
    covariance_signal: f64,
    inverse_squares: Vec<f64>,
    /// Correlation and slope of each pair.
    shapes: Vec<(f64, f64)>,
    factor: Cholesky,
    /// `L^-1 y`.
    half_solved: Vec<f64>,
    /// Logarithm of prior times likelihood, up to a constant.
    height: f64,
}

impl<'a> HyperparameterPosterior<'a> {
    /// Prepares the data.
    pub(super) fn new(data: &'a Data, dimensions: &'a Dimensions, noise: NoisePrior) -> Self {
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
            noise,
            squares,
            trends,
        }
    }

    /// `None` where the covariance is singular.
    fn factored(&self, kernel: Kernel, hyper: &Hyperparameters) -> Option<Factored> {
        let (d, n) = (self.dimensions.n(), self.data.values.len());
        let covariance = Covariance::new(kernel, hyper.ln_lengths(), hyper.ln_signal(), self.dimensions);
        let signal = covariance.signal;
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
                hyper.noise_at(&self.data.places[i], self.dimensions) + self.data.extra_noise[i]
            } else {
                0.0
            };
            signal * shapes[pair].0 + self.trends[pair] + own
        })?;
        let mut half_solved = self.data.values.clone();
        factor.solve_lower(&mut half_solved);
        let height = self.log_prior(hyper) - 0.5 * dot(&half_solved, &half_solved) - factor.half_log_det();
        Some(Factored {
            covariance_signal: signal,
            inverse_squares: covariance.inverse_squares,
            shapes,
            factor,
            half_solved,
            height,
        })
    }

    /// Logarithm of prior times likelihood, up to a constant; `None` where the covariance is singular.
    pub(super) fn height(&self, kernel: Kernel, hyper: &Hyperparameters) -> Option<f64> {
        Some(self.factored(kernel, hyper)?.height)
    }

    /// [`Self::height`] and its gradient.
    ///
    /// With `C` the covariance and `a = C^-1 y` the derivative of the likelihood with respect to any hyperparameter `t` is
    /// `tr((a a^T - C^-1) dC/dt) / 2` (Rasmussen and Williams 2006, eq. 5.9).
    pub(super) fn log_posterior(&self, kernel: Kernel, hyper: &Hyperparameters) -> Option<Slope> {
        let (d, n) = (self.dimensions.n(), self.data.values.len());
        let Factored {
            covariance_signal: signal,
            inverse_squares,
            shapes,
            factor,
            half_solved: mut alpha,
            height,
        } = self.factored(kernel, hyper)?;
        factor.solve_upper(&mut alpha);
        let inverse = factor.inverse();
        let mut gradient = vec![0.0; 2 * d + 2];
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
            let own = alpha[i] * alpha[i] - inverse[i * n + i];
            trace += own;
            let noise_slope = 0.5 * own * hyper.noise_at(&self.data.places[i], self.dimensions);
            gradient[2 * d] += noise_slope;
            for j in 0..d {
                gradient[d + j] += noise_slope * tilt(&self.data.places[i], j, self.dimensions);
            }
        }
        // r^2 falls with ln l_j at the rate 2 / l_j^2 times the squared difference.
        for (g, weight) in gradient[..d].iter_mut().zip(&inverse_squares) {
            *g *= -2.0 * weight;
        }
        gradient[2 * d + 1] += signal_slope + 0.5 * signal * trace;
        let prior = self.log_prior_gradient(hyper);
        gradient.iter_mut().zip(prior).for_each(|(g, p)| *g += p);
        Some((height, gradient))
    }

    /// The likeliest hyperparameters and the height there: the higher of the ends of the climbs from these starts.
    pub(super) fn maximum(
        &self,
        kernel: Kernel,
        starts: &[Hyperparameters],
    ) -> Option<(Hyperparameters, f64)> {
        let d = self.dimensions.n();
        let spread: Vec<f64> = (0..2 * d + 2).map(|j| 0.7 * self.prior_sd(j)).collect();
        let height = |x: &[f64]| self.log_posterior(kernel, &Hyperparameters(x.to_vec()));
        let ends = starts
            .iter()
            .filter_map(|start| bfgs(height, start.0.clone(), &spread, &self.bounds()));
        let (x, height) = ends.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        Some((Hyperparameters(x), height))
    }

    /// The box that hyperparameters stay in.
    pub(super) fn bounds(&self) -> Vec<(f64, f64)> {
        let mut bounds = vec![(LN_MIN_LENGTH, 5.0); self.dimensions.n()];
        let steepest = if self.noise.slope_sd > 0.0 { 4.0 } else { 0.0 };
        bounds.resize(2 * self.dimensions.n(), (-steepest, steepest));
        bounds.extend([(LN_MIN_NOISE, 2.0), (-6.0, 6.0)]);
        bounds
    }

    /// The medians of the priors.
    pub(super) fn medians(&self) -> Hyperparameters {
        let ln_length = libm::log(0.5 * (self.dimensions.n_varying() as f64).sqrt());
        let mut all = vec![ln_length; self.dimensions.n()];
        all.resize(2 * self.dimensions.n(), 0.0);
        all.extend([self.noise.ln_median, 0.0]);
        Hyperparameters(all)
    }

    /// Where to look for the other explanation of the same values: not a long wave with noise, but a short one without.
    pub(super) fn short_and_exact(&self) -> Hyperparameters {
        let mut hyper = self.medians();
        let d = self.dimensions.n();
        hyper.0[..d]
            .iter_mut()
            .for_each(|l| *l = (*l + LN_SHORT).max(LN_MIN_LENGTH));
        hyper.0[2 * d] = LN_LITTLE_NOISE;
        hyper
    }

    /// Standard deviation of coordinate `j`'s prior.
    pub(super) fn prior_sd(&self, j: usize) -> f64 {
        let d = self.dimensions.n();
        if j == 2 * d {
            self.noise.sd
        } else if (d..2 * d).contains(&j) {
            // Where there is no slope, any number: the coordinate stays at 0.
            self.noise.slope_sd.max(1e-3)
        } else {
            1.0
        }
    }

    fn prior_scores(&self, hyper: &Hyperparameters) -> Vec<f64> {
        let median = self.medians();
        let deviations = hyper.0.iter().zip(&median.0).enumerate();
        deviations.map(|(j, (x, m))| (x - m) / self.prior_sd(j)).collect()
    }

    fn log_prior(&self, hyper: &Hyperparameters) -> f64 {
        self.prior_scores(hyper).iter().map(|z| -0.5 * z * z).sum()
    }

    fn log_prior_gradient(&self, hyper: &Hyperparameters) -> Vec<f64> {
        let scores = self.prior_scores(hyper).into_iter().enumerate();
        scores.map(|(j, z)| -z / self.prior_sd(j)).collect()
    }
}

/// Where the pair `j <= i` stands among all pairs.
fn pair(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

/// `ln 0.2` and `ln 1e-4`.
const LN_SHORT: f64 = -1.609_437_912_434_100_3;
const LN_LITTLE_NOISE: f64 = -9.210_340_371_976_182;
/// `ln 1e-6` and `ln 0.03`: less noise and shorter lengths than this make a factor singular.
const LN_MIN_NOISE: f64 = -13.815_510_557_964_274;
const LN_MIN_LENGTH: f64 = -3.506_557_897_319_982;

#[cfg(test)]
#[path = "hyperparameters_tests.rs"]
mod tests;
