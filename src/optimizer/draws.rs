//! Hyperparameters that are nearly as likely as the likeliest: draws from their posterior, with weights.
//!
//! A handful of values can be explained in many ways, and an interval that believes only the likeliest is too narrow. So
//! the posterior is approximated around its top by a normal density (Laplace), somewhat widened; draws from it get the
//! weights that make up for the difference (importance sampling, Geweke 1989). The stream of random numbers is fixed: the
//! same data give the same draws.
//!
//! Notation: `t` the logarithms of the hyperparameters, `t*` the likeliest, `h` the logarithm of prior times likelihood,
//! `A = L L^T` minus its second derivative at `t*`, `z` standard normal:
//!
//! ```text
//! t = t* + w L^-T z,   ln weight = h(t) + |z|^2 / 2 - ln det L + D ln w,   w = 1.2
//! ```

use super::hyperparameters::{HyperparameterPosterior, Hyperparameters};
use super::kernel::Kernel;
use super::linalg::Cholesky;
use super::random::Random;

/// How much wider than the normal approximation draws are spread: its tails are too thin.
const WIDENED: f64 = 1.2;
/// Step of the central differences of the gradient.
const STEP: f64 = 0.05;
/// Least curvature along any coordinate as a share of the prior's, so that draws do not leave what the prior allows.
const LEAST_CURVATURE: f64 = 0.15;
/// Shares of the prior's curvature that are added, in this order, until that holds.
const ADDED: [f64; 9] = [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, 20.0];

/// `n` draws at most, the top among them, each with the logarithm of its weight; those outside the box are dropped.
pub(super) fn draws(
    posterior: &HyperparameterPosterior,
    kernel: Kernel,
    top: &Hyperparameters,
    n: usize,
) -> Vec<(Hyperparameters, f64)> {
    let dimension = top.0.len();
    let Some(factor) = curvature(posterior, kernel, top) else {
        return vec![(top.clone(), posterior.height(kernel, top).unwrap_or(0.0))];
    };
    let bounds = posterior.bounds();
    let mut random = Random::new(&[dimension as u64]);
    let mut found = Vec::new();
    for i in 0..n {
        let z: Vec<f64> = (0..dimension)
            .map(|_| if i == 0 { 0.0 } else { random.normal() })
            .collect();
        let mut step = z.clone();
        factor.solve_upper(&mut step);
        let t: Vec<f64> = top.0.iter().zip(&step).map(|(t, s)| t + WIDENED * s).collect();
        let inside = t
            .iter()
            .zip(&bounds)
            .all(|(t, (low, high))| low <= t && t <= high);
        let drawn = Hyperparameters(t);
        if let Some(height) = posterior.height(kernel, &drawn).filter(|_| inside) {
            let squares: f64 = z.iter().map(|z| z * z).sum();
            found.push((drawn, height + squares / 2.0));
        }
    }
    let shared =
        dimension as f64 * libm::log(WIDENED) - factor.half_log_det() - libm::log(found.len() as f64);
    found.iter_mut().for_each(|(_, ln_weight)| *ln_weight += shared);
    found
}

/// The factor of minus the second derivative at the top, made firm enough where the data say little.
fn curvature(posterior: &HyperparameterPosterior, kernel: Kernel, top: &Hyperparameters) -> Option<Cholesky> {
    let n = top.0.len();
    let gradient = |j: usize, by: f64| {
        let mut moved = top.clone();
        moved.0[j] += by;
        posterior
            .log_posterior(kernel, &moved)
            .map(|(_, gradient)| gradient)
    };
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for j in 0..n {
        let (above, below) = (gradient(j, STEP)?, gradient(j, -STEP)?);
        let fall = above.iter().zip(&below).map(|(a, b)| (b - a) / (2.0 * STEP));
        columns.push(fall.collect());
    }
    let prior = |j: usize| 1.0 / (posterior.prior_sd(j) * posterior.prior_sd(j));
    ADDED.iter().find_map(|added| {
        let entry = |i: usize, j: usize| {
            let own = if i == j { added * prior(j) } else { 0.0 };
            0.5 * (columns[i][j] + columns[j][i]) + own
        };
        let factor = Cholesky::of(n, n, entry)?;
        let firm = |j: usize| factor.row(j)[j] * factor.row(j)[j] >= LEAST_CURVATURE * prior(j);
        (0..n).all(firm).then_some(factor)
    })
}
