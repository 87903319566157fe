//! The posterior: Gaussian processes with two kernels, averaged by how likely each is.
//!
//! Notation: `X` places, `y` values in model units, `K` covariance of `X`, `s` noise, `k` covariance of `X` with a place,
//! `alpha = (K + s)^-1 y`. Then the noise-free objective has mean `k . alpha` and variance `cov(x, x) - |L^-1 k|^2`.

use super::ModelWhy;
use super::dimensions::Dimensions;
use super::draws::draws;
use super::hyperparameters::{Data, HyperparameterPosterior, Hyperparameters, NoisePrior};
use super::kernel::{Covariance, Kernel};
use super::linalg::{Cholesky, dot};
use super::simd::{self, LANES, in_lanes};

/// A model with less weight than this is dropped: it would cost as much as the others.
const MIN_WEIGHT: f64 = 0.02;

/// Draws of hyperparameters for each kernel, where there are few observations.
const DRAWS: usize = 24;
/// Up to so many observations; with more, hyperparameters are better known and models cost more, so fewer are drawn.
const FEW: usize = 50;
const MIN_DRAWS: usize = 6;
/// A draw with a smaller share adds nothing to an interval.
const MIN_DRAW_WEIGHT: f64 = 1e-3;

/// One fitted Gaussian process.
pub(super) struct Model<'a> {
    /// Its kernel.
    pub kernel: Kernel,
    /// Its share in the average.
    pub weight: f64,
    /// Its hyperparameters.
    pub hyper: Hyperparameters,
    /// Its covariance function.
    pub covariance: Covariance<'a>,
    factor: Cholesky,
    alpha: Vec<f64>,
}

/// The average of the models.
pub(super) struct Posterior<'a> {
    /// Heaviest first.
    pub models: Vec<Model<'a>>,
    /// What they have learned from.
    pub data: &'a Data,
}

impl<'a> Posterior<'a> {
    /// Learns hyperparameters from `fitted`, at least one value, and conditions the models on `data`; `None` if no
    /// covariance could be factored, which finite data do not cause.
    pub(super) fn fit(fitted: &Data, data: &'a Data, dimensions: &'a Dimensions) -> Option<Self> {
        let hyper_posterior = HyperparameterPosterior::new(fitted, dimensions, NoisePrior::FOR_PROPOSALS);
        Self::average(maxima(&hyper_posterior), MIN_WEIGHT, data, dimensions)
    }

    /// Two posteriors with a firmer expectation of noise: that of the likeliest hyperparameters, to choose a place by, and
    /// that of many, to say how sure one may be of it.
    pub(super) fn fit_beliefs(
        fitted: &Data,
        data: &'a Data,
        dimensions: &'a Dimensions,
    ) -> Option<(Self, Self)> {
        let hyper_posterior = HyperparameterPosterior::new(fitted, dimensions, NoisePrior::FOR_BELIEFS);
        let maxima = maxima(&hyper_posterior);
        let n = (DRAWS * FEW / data.values.len().max(1)).clamp(MIN_DRAWS, DRAWS);
        let drawn = maxima.iter().flat_map(|(kernel, top, _)| {
            let drawn = draws(&hyper_posterior, *kernel, top, n).into_iter();
            drawn.map(|(hyper, ln_weight)| (*kernel, hyper, ln_weight))
        });
        let belief = Self::average(drawn.collect(), MIN_DRAW_WEIGHT, data, dimensions)?;
        Some((Self::average(maxima, MIN_WEIGHT, data, dimensions)?, belief))
    }

    /// The average of models with these hyperparameters and logarithms of weights; those that weigh next to nothing are
    /// left out.
    fn average(
        parts: Vec<(Kernel, Hyperparameters, f64)>,
        least: f64,
        data: &'a Data,
        dimensions: &'a Dimensions,
    ) -> Option<Self> {
        let highest = parts.iter().map(|(.., ln)| *ln).fold(f64::NEG_INFINITY, f64::max);
        let weight = |ln: f64| libm::exp(ln - highest);
        let total: f64 = parts.iter().map(|(.., ln)| weight(*ln)).sum();
        let kept = parts
            .into_iter()
            .map(|(kernel, hyper, ln)| (kernel, hyper, weight(ln) / total));
        let kept: Vec<_> = kept.filter(|(.., weight)| *weight > least).collect();
        let total: f64 = kept.iter().map(|(.., weight)| weight).sum();
        let models = kept
            .into_iter()
            .map(|(kernel, hyper, w)| Model::new(kernel, hyper, w / total, data, dimensions));
        let mut models: Vec<Model> = models.collect::<Option<_>>()?;
        models.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        (!models.is_empty()).then_some(Self { models, data })
    }

    /// Means of the noise-free objective at some places, in model units.
    pub(super) fn means(&self, places: &[Vec<f64>]) -> Vec<f64> {
        in_lanes(places, |columns| {
            let mut sum = [0.0; LANES];
            for m in &self.models {
                for (p, alpha) in self.data.places.iter().zip(&m.alpha) {
                    simd::add_multiple(&mut sum, m.weight * alpha, &m.covariance.lanes(columns, p));
                }
            }
            sum
        })
    }

    /// Mean and standard deviation of the noise-free objective, in model units: those of the mixture.
    pub(super) fn mean_and_sd(&self, place: &[f64]) -> (f64, f64) {
        let parts: Vec<(f64, f64, f64)> = self
            .models
            .iter()
            .map(|m| {
                let (mean, variance) = m.mean_and_variance(place, &self.data.places);
                (m.weight, mean, variance)
            })
            .collect();
        let mean: f64 = parts.iter().map(|(w, m, _)| w * m).sum();
        let variance: f64 = parts
            .iter()
            .map(|(w, m, v)| w * (v + (m - mean) * (m - mean)))
            .sum();
        (mean, variance.max(0.0).sqrt())
    }

    /// Noise variance of a value at a place, in model units.
    pub(super) fn noise_at(&self, place: &[f64], dimensions: &Dimensions) -> f64 {
        let models = self.models.iter();
        models
            .map(|m| m.weight * m.hyper.noise_at(place, dimensions))
            .sum()
    }

    /// The models as a proposal's reasons.
    pub(super) fn why(&self) -> Vec<ModelWhy> {
        let why = |m: &Model| ModelWhy {
            kernel: m.kernel.name(),
            weight: m.weight,
            length_scales: m.hyper.ln_lengths().iter().map(|l| libm::exp(*l)).collect(),
            noise: m.noise(),
            signal: m.covariance.signal,
        };
        self.models.iter().map(why).collect()
    }
}

/// The likeliest hyperparameters of each kernel and how likely they are.
fn maxima(posterior: &HyperparameterPosterior) -> Vec<(Kernel, Hyperparameters, f64)> {
    let (long, short) = (posterior.medians(), posterior.short_and_exact());
    let matern = posterior.maximum(Kernel::Matern52, &[long.clone(), short.clone()]);
    // What one kernel has learned of lengths and noise is near what the other will.
    let known = matern.as_ref().map_or(long, |(hyper, _)| hyper.clone());
    let rbf = posterior.maximum(Kernel::Rbf, &[known, short]);
    let named = [(Kernel::Matern52, matern), (Kernel::Rbf, rbf)].into_iter();
    named
        .filter_map(|(kernel, found)| found.map(|(hyper, height)| (kernel, hyper, height)))
        .collect()
}

impl<'a> Model<'a> {
    fn new(
        kernel: Kernel,
        hyper: Hyperparameters,
        weight: f64,
        data: &Data,
        dimensions: &'a Dimensions,
    ) -> Option<Self> {
        let covariance = Covariance::new(kernel, hyper.ln_lengths(), hyper.ln_signal(), dimensions);
        let n = data.values.len();
        let factor = Cholesky::of(n, n, |i, j| {
            let value = covariance.of(&data.places[i], &data.places[j]);
            if i == j {
                value + hyper.noise_at(&data.places[i], dimensions) + data.extra_noise[i]
            } else {
                value
            }
        })?;
        let alpha = factor.solve(&data.values);
        Some(Self {
            kernel,
            weight,
            hyper,
            covariance,
            factor,
            alpha,
        })
    }

    /// Noise variance in the middle of the cube.
    fn noise(&self) -> f64 {
        libm::exp(self.hyper.ln_noise())
    }

    fn covariances(&self, place: &[f64], places: &[Vec<f64>]) -> Vec<f64> {
        places.iter().map(|p| self.covariance.of(place, p)).collect()
    }

    fn mean_and_variance(&self, place: &[f64], places: &[Vec<f64>]) -> (f64, f64) {
        let mut k = self.covariances(place, places);
        let mean = dot(&k, &self.alpha);
        self.factor.solve_lower(&mut k);
        (mean, (self.covariance.variance(place) - dot(&k, &k)).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Parameter, Scale, SearchSpace};

    fn dimensions() -> Dimensions {
        let p = Parameter::new(
            "x",
            Domain::Double {
                min: 0.0,
                max: 1.0,
                scale: Scale::Linear,
            },
        )
        .unwrap();
        Dimensions::of(&SearchSpace::new(vec![p]).unwrap())
    }

    #[test]
    fn one_value_gives_the_closed_form() {
        let dimensions = dimensions();
        let data = Data {
            places: vec![vec![0.3]],
            values: vec![1.5],
            extra_noise: vec![0.0],
            is_final: vec![true],
        };
        let posterior = Posterior::fit(&data, &data, &dimensions).unwrap();
        let [m, ..] = posterior.models.as_slice() else {
            panic!()
        };
        let (a, b) = (vec![0.3], vec![0.6]);
        let (k, v) = (
            m.covariance.of(&a, &b),
            m.covariance.variance(&a) + m.hyper.noise_at(&a, &dimensions),
        );
        let (mean, variance) = m.mean_and_variance(&b, &data.places);
        assert!((mean - k / v * 1.5).abs() < 1e-12);
        assert!((variance - (m.covariance.variance(&b) - k * k / v)).abs() < 1e-12);
    }

    #[test]
    fn far_from_the_data_the_model_is_unsure() {
        let dimensions = dimensions();
        let places: Vec<Vec<f64>> = [0.0, 0.1, 0.2, 0.3].map(|x| vec![x]).to_vec();
        let data = Data {
            places,
            values: vec![-1.2, 0.1, 0.9, 1.1],
            extra_noise: vec![0.0; 4],
            is_final: vec![true; 4],
        };
        let posterior = Posterior::fit(&data, &data, &dimensions).unwrap();
        let (near, far) = (posterior.mean_and_sd(&[0.15]).1, posterior.mean_and_sd(&[0.9]).1);
        assert!(far > 2.0 * near, "{near} {far}");
        assert!((posterior.means(&[vec![0.2]])[0] - 0.9).abs() < 0.3);
    }
}
