//! Noisy expected improvement (Letham et al. 2019), joint over a batch.
//!
//! The best value so far is not known, since every value is noisy. So several samples of the noise-free values at the
//! observed places are drawn from the posterior; each is a noise-free Gaussian process with a best value of its own, and
//! the expected improvement is averaged over them. A point that is chosen, or is under way, is added to each sample with a
//! value drawn from that sample: the next point of the batch then counts on what this one may find.

use super::gp::{Model, Posterior};
use super::kernel::Covariance;
use super::linalg::{Cholesky, dot};
use super::random::Random;

/// Posterior samples for each model.
const SAMPLES: usize = 16;
/// Share of the signal variance that is added to a noise-free diagonal, so that it can be factored.
const JITTER: f64 = 1e-6;

/// Noisy expected improvement over the models of a posterior.
pub struct NoisyEi<'a> {
    places: Vec<Vec<f64>>,
    models: Vec<SampledModel<'a>>,
}

struct SampledModel<'a> {
    weight: f64,
    covariance: &'a Covariance<'a>,
    factor: Cholesky,
    samples: Vec<Sample>,
}

struct Sample {
    values: Vec<f64>,
    alpha: Vec<f64>,
    best: f64,
}

impl<'a> NoisyEi<'a> {
    /// Draws the samples. `counts[i]` says whether the best value may be sought at observation `i`; `room` is the number
    /// of places that will be added.
    pub fn new(posterior: &'a Posterior, counts: &[bool], room: usize, random: &mut Random) -> Option<Self> {
        let data = posterior.data;
        let mut places: Vec<Vec<f64>> = Vec::new();
        let mut rows = Vec::new();
        for place in &data.places {
            let known = places.iter().position(|p| p == place);
            rows.push(known.unwrap_or(places.len()));
            if known.is_none() {
                places.push(place.clone());
            }
        }
        let mut may_be_best = vec![false; places.len()];
        for (row, counts) in rows.iter().zip(counts) {
            may_be_best[*row] |= counts;
        }
        let models = posterior.models.iter();
        let draw =
            |m: &'a Model<'a>| SampledModel::draw(m, posterior, &places, &rows, &may_be_best, room, random);
        let models = models.map(draw).collect::<Option<_>>()?;
        Some(Self { places, models })
    }

    /// Counts on a trial at this place: every sample draws what it may find.
    pub fn add(&mut self, place: &[f64], random: &mut Random) {
        for model in &mut self.models {
            model.add(place, &self.places, random);
        }
        self.places.push(place.to_vec());
    }

    /// Logarithm of the expected improvement at a place.
    pub fn log_value(&self, place: &[f64]) -> f64 {
        let logs: Vec<f64> = self
            .models
            .iter()
            .map(|m| libm::log(m.weight) + m.log_ei(place, &self.places))
            .collect();
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if highest == f64::NEG_INFINITY {
            return highest;
        }
        highest + libm::log(logs.iter().map(|l| libm::exp(l - highest)).sum())
    }
}

impl<'a> SampledModel<'a> {
    fn draw(
        model: &'a Model<'a>,
        posterior: &Posterior,
        places: &[Vec<f64>],
        rows: &[usize],
        may_be_best: &[bool],
        room: usize,
        random: &mut Random,
    ) -> Option<Self> {
        let (data, covariance) = (posterior.data, &model.covariance);
        let (n, m) = (data.values.len(), places.len());
        let jitter = JITTER * covariance.signal;
        let noise: Vec<f64> = data
            .extra_noise
            .iter()
            .map(|extra| model.noise() + extra)
            .collect();
        let k = |i: usize, j: usize| covariance.of(&places[i], &places[j]);
        let joint: Vec<Vec<f64>> = (0..m).map(|i| (0..m).map(|j| k(i, j)).collect()).collect();
        let noisy = Cholesky::of(n, n, |i, j| {
            joint[rows[i]][rows[j]] + if i == j { noise[i] + jitter } else { 0.0 }
        })?;
        let factor = Cholesky::of(m, m + room, |i, j| {
            joint[i][j] + if i == j { jitter } else { 0.0 }
        })?;
        let mut sample = || {
            // Matheron's rule (Wilson et al. 2020): a prior sample, corrected by what was observed.
            let z: Vec<f64> = (0..m).map(|_| random.normal()).collect();
            let prior = factor.times(&z);
            let residual: Vec<f64> = (0..n)
                .map(|i| data.values[i] - prior[rows[i]] - noise[i].sqrt() * random.normal())
                .collect();
            let mut correction = vec![0.0; m];
            for (weight, row) in noisy.solve(&residual).iter().zip(rows) {
                correction[*row] += weight;
            }
            let values: Vec<f64> = (0..m).map(|i| prior[i] + dot(&joint[i], &correction)).collect();
            let candidates = values
                .iter()
                .zip(may_be_best)
                .filter(|(_, may)| **may)
                .map(|(v, _)| *v);
            let best = candidates.fold(f64::NEG_INFINITY, f64::max);
            Sample {
                alpha: factor.solve(&values),
                best,
                values,
            }
        };
        let samples = (0..SAMPLES).map(|_| sample()).collect();
        Some(Self {
            weight: model.weight,
            covariance,
            factor,
            samples,
        })
    }

    /// Covariances with a place, the same solved, and the variance that is left.
    fn look(&self, place: &[f64], places: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>, f64) {
        let k: Vec<f64> = places[..self.factor.n()]
            .iter()
            .map(|p| self.covariance.of(place, p))
            .collect();
        let mut solved = k.clone();
        self.factor.solve_lower(&mut solved);
        let variance = self.covariance.variance(place) - dot(&solved, &solved);
        (k, solved, variance)
    }

    fn add(&mut self, place: &[f64], places: &[Vec<f64>], random: &mut Random) {
        let (k, solved, variance) = self.look(place, places);
        let sd = variance.max(0.0).sqrt();
        let diagonal = variance.max(0.0) + JITTER * self.covariance.signal + dot(&solved, &solved);
        let grown = self.factor.push(&solved, diagonal).is_some();
        for sample in &mut self.samples {
            let value = dot(&k, &sample.alpha) + sd * random.normal();
            sample.best = sample.best.max(value);
            if grown {
                sample.values.push(value);
                sample.alpha = self.factor.solve(&sample.values);
            }
        }
    }

    fn log_ei(&self, place: &[f64], places: &[Vec<f64>]) -> f64 {
        let (k, _, variance) = self.look(place, places);
        let sd = variance.max(1e-9 * self.covariance.signal).sqrt();
        let scores: Vec<f64> = self
            .samples
            .iter()
            .map(|s| (dot(&k, &s.alpha) - s.best) / sd)
            .collect();
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let n = self.samples.len() as f64;
        if highest > FAR {
            // Scores far below the highest add nothing that a double could show.
            let sum: f64 = scores.iter().filter(|z| **z > FAR).map(|z| improvement(*z)).sum();
            return libm::log(sd * sum / n);
        }
        let logs = scores.iter().map(|z| log_improvement_far(*z));
        let top = log_improvement_far(highest);
        libm::log(sd) + top + libm::log(logs.map(|l| libm::exp(l - top)).sum::<f64>() / n)
    }
}

/// Below this score the improvement is too small to be computed as a difference.
const FAR: f64 = -6.0;
const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_7;

/// `h(z) = z Phi(z) + phi(z)`: the expected improvement at score `z`, in standard deviations.
fn improvement(z: f64) -> f64 {
    let density = libm::exp(-0.5 * z * z - LN_SQRT_TAU);
    0.5 * z * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2) + density
}

/// `ln h(z)` for scores below [`FAR`], where `h(z)` is `phi(z) / z^2` to first order (Ament et al. 2023).
fn log_improvement_far(z: f64) -> f64 {
    -0.5 * z * z - LN_SQRT_TAU - 2.0 * libm::log(-z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn improvements_have_their_known_values() {
        for (z, h) in [
            (0.0, 0.398_942_280),
            (1.0, 1.083_315_47),
            (-1.0, 0.083_315_47),
            (-3.0, 3.821_543e-4),
        ] {
            assert!((improvement(z) / h - 1.0).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn both_branches_meet() {
        let (near, far) = (libm::log(improvement(FAR)), log_improvement_far(FAR));
        assert!((near - far).abs() < 0.1, "{near} {far}");
    }
}
