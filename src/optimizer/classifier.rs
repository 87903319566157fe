//! A Gaussian process for yes or no: the probability that a trial succeeds at a place.
//!
//! ```text
//! P(ok at x) = 1 / (1 + exp(-f(x))),   f ~ GP(s / 2, s^2 (exp(-r^2 / (2 l^2)) + sum_j (2 x_j - 1)(2 x'_j - 1)))
//! ```
//!
//! with `r` over some dimensions or a single one, and the sum over the ordered ones of these, which lets "fails above a
//! threshold" go on to the end of the range. The posterior of `f`
//! is approximated by a normal one at its top (Laplace; Rasmussen and Williams 2006, algorithms 3.1 and 3.2). Their
//! notation: `W` minus the second derivative of the likelihood, `B = 1 + W^1/2 K W^1/2`.

use super::dimensions::Dimensions;
use super::kernel::squared_difference;
use super::linalg::{Cholesky, dot};
use super::simd::{self, LANES, Lane, solved_squares};

const MAX_STEPS: usize = 25;
const MAX_HALVINGS: usize = 8;

/// What a latent function is expected to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Length scale `l`.
    pub length: f64,
    /// Size `s`: the larger, the sharper a border.
    pub size: f64,
    /// The one dimension that matters; all of them, where none is named.
    pub only: Option<usize>,
}

/// Places and whether trials succeeded there, with all that does not depend on a shape computed once.
#[derive(Clone, Debug)]
pub(super) struct Seen<'a> {
    dimensions: &'a Dimensions,
    places: Vec<Vec<f64>>,
    ok: Vec<bool>,
    /// For all dimensions together and then for each alone: of each pair, row by row, squared distance and linear part.
    pairs: Vec<Vec<(f64, f64)>>,
}

/// One classifier, fitted.
#[derive(Clone, Debug)]
pub(super) struct Classifier {
    /// What it expected.
    pub shape: Shape,
    /// Logarithm of the evidence.
    pub evidence: f64,
    /// Slope of the likelihood at the top.
    slope: Vec<f64>,
    root_w: Vec<f64>,
    factor: Cholesky,
}

impl<'a> Seen<'a> {
    /// Prepares the data.
    pub(super) fn new(dimensions: &'a Dimensions, trials: &[(Vec<f64>, bool)]) -> Self {
        let places: Vec<Vec<f64>> = trials.iter().map(|(place, _)| place.clone()).collect();
        let pairs = |only: Option<usize>| -> Vec<(f64, f64)> {
            let row = |a: &Vec<f64>| -> Vec<(f64, f64)> {
                places.iter().map(|b| pair(dimensions, only, a, b)).collect()
            };
            places.iter().flat_map(row).collect()
        };
        let singles = (0..dimensions.n()).map(Some);
        let pairs = std::iter::once(None).chain(singles).map(pairs).collect();
        Self {
            dimensions,
            ok: trials.iter().map(|(_, ok)| *ok).collect(),
            places,
            pairs,
        }
    }

    /// The classifier of this shape; `None` if its matrix cannot be factored, which finite places do not cause.
    pub(super) fn fit(&self, shape: Shape) -> Option<Classifier> {
        let n = self.ok.len();
        let pairs = &self.pairs[shape.only.map_or(0, |j| j + 1)];
        let covariances: Vec<f64> = pairs.iter().map(|pair| shape.covariance(*pair)).collect();
        let times = |a: &[f64]| -> Vec<f64> { covariances.chunks_exact(n).map(|row| dot(row, a)).collect() };
        let height = |a: &[f64], g: &[f64]| -0.5 * dot(a, g) + self.log_likelihood(shape, g);
        // `g` is the latent function less its mean, `a = K^-1 g`.
        let (mut a, mut g) = (vec![0.0; n], vec![0.0; n]);
        let mut top = height(&a, &g);
        let mut at_top = self.curvature(shape, &g, &covariances)?;
        for _ in 0..MAX_STEPS {
            let (slope, root_w, factor) = &at_top;
            let b: Vec<f64> = (0..n).map(|i| root_w[i] * root_w[i] * g[i] + slope[i]).collect();
            let mut c: Vec<f64> = times(&b).iter().zip(root_w).map(|(x, w)| x * w).collect();
            factor.solve_lower(&mut c);
            factor.solve_upper(&mut c);
            let newton: Vec<f64> = (0..n).map(|i| b[i] - root_w[i] * c[i]).collect();
            let step =
                |length: f64| -> Vec<f64> { (0..n).map(|i| a[i] + length * (newton[i] - a[i])).collect() };
            let mut length = 1.0;
            let climbed = (0..MAX_HALVINGS).find_map(|_| {
                let to = step(length);
                let there = times(&to);
                length *= 0.4;
                Some((height(&to, &there), to, there)).filter(|(h, ..)| *h >= top)
            });
            let Some((higher, to, there)) = climbed else { break };
            let gain = higher - top;
            (top, a, g) = (higher, to, there);
            at_top = self.curvature(shape, &g, &covariances)?;
            if gain < 1e-6 {
                break;
            }
        }
        let (slope, root_w, factor) = at_top;
        Some(Classifier {
            shape,
            evidence: top - factor.half_log_det(),
            slope,
            root_w,
            factor,
        })
    }

    /// `sum ln P(what was seen)`.
    fn log_likelihood(&self, shape: Shape, g: &[f64]) -> f64 {
        let sign = |ok: bool| if ok { 1.0 } else { -1.0 };
        let terms = g.iter().zip(&self.ok);
        terms
            .map(|(g, ok)| -softplus(-sign(*ok) * (g + shape.mean())))
            .sum()
    }

    /// Slope, `W^1/2` and the factor of `B`.
    fn curvature(
        &self,
        shape: Shape,
        g: &[f64],
        covariances: &[f64],
    ) -> Option<(Vec<f64>, Vec<f64>, Cholesky)> {
        let n = g.len();
        let p: Vec<f64> = g.iter().map(|g| logistic(g + shape.mean())).collect();
        let slope = p.iter().zip(&self.ok).map(|(p, ok)| f64::from(u8::from(*ok)) - p);
        let root_w: Vec<f64> = p.iter().map(|p| (p * (1.0 - p)).sqrt()).collect();
        let factor = Cholesky::of(n, n, |i, j| {
            let own = if i == j { 1.0 } else { 0.0 };
            own + root_w[i] * root_w[j] * covariances[i * n + j]
        })?;
        Some((slope.collect(), root_w, factor))
    }

    /// Probabilities of success at several places, given column by column, by a classifier that was fitted to these data.
    pub(super) fn probabilities(
        &self,
        classifier: &Classifier,
        columns: &[Lane],
        rows: &mut Vec<Lane>,
    ) -> Lane {
        let shape = classifier.shape;
        rows.clear();
        rows.extend(self.places.iter().map(|p| self.covariances(shape, columns, p)));
        let above = simd::dot(&classifier.slope, rows);
        for (row, w) in rows.iter_mut().zip(&classifier.root_w) {
            row.iter_mut().for_each(|k| *k *= w);
        }
        let squares = solved_squares(&classifier.factor, rows);
        let own = self.variances(shape, columns);
        std::array::from_fn(|k| {
            let variance = (own[k] - squares[k]).max(0.0);
            // The average of a logistic function over a normal distribution (MacKay 1992).
            logistic((shape.mean() + above[k]) / (1.0 + std::f64::consts::PI * variance / 8.0).sqrt())
        })
    }

    /// Covariances of several places with one.
    fn covariances(&self, shape: Shape, columns: &[Lane], b: &[f64]) -> Lane {
        let (mut r2, mut linear) = ([0.0; LANES], [0.0; LANES]);
        for j in shape.only.map_or(0..columns.len(), |j| j..j + 1) {
            let ordered = self.dimensions.is_ordered(j);
            let v = if ordered { 2.0 * b[j] - 1.0 } else { 0.0 };
            for k in 0..LANES {
                r2[k] += squared_difference(columns[j][k], b[j], ordered);
                linear[k] += (2.0 * columns[j][k] - 1.0) * v;
            }
        }
        std::array::from_fn(|k| shape.covariance((r2[k], linear[k])))
    }

    /// Variances at several places.
    fn variances(&self, shape: Shape, columns: &[Lane]) -> Lane {
        let mut linear = [0.0; LANES];
        for j in shape.only.map_or(0..columns.len(), |j| j..j + 1) {
            if self.dimensions.is_ordered(j) {
                for k in 0..LANES {
                    linear[k] += (2.0 * columns[j][k] - 1.0) * (2.0 * columns[j][k] - 1.0);
                }
            }
        }
        linear.map(|linear| shape.covariance((0.0, linear)))
    }
}

impl Shape {
    fn mean(self) -> f64 {
        self.size / 2.0
    }

    fn covariance(self, (r2, linear): (f64, f64)) -> f64 {
        self.size * self.size * (libm::exp(-0.5 * r2 / (self.length * self.length)) + linear)
    }
}

/// Squared distance and linear part.
fn pair(dimensions: &Dimensions, only: Option<usize>, a: &[f64], b: &[f64]) -> (f64, f64) {
    let (mut r2, mut linear) = (0.0, 0.0);
    for j in only.map_or(0..a.len(), |j| j..j + 1) {
        let ordered = dimensions.is_ordered(j);
        r2 += squared_difference(a[j], b[j], ordered);
        if ordered {
            linear += (2.0 * a[j] - 1.0) * (2.0 * b[j] - 1.0);
        }
    }
    (r2, linear)
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// `ln(1 + e^x)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Parameter, Scale, SearchSpace};

    fn line() -> Dimensions {
        let domain = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        Dimensions::of(&SearchSpace::new(vec![Parameter::new("x", domain).unwrap()]).unwrap())
    }

    #[test]
    fn one_trial_gives_the_top_that_a_search_finds() {
        let dimensions = line();
        let seen = Seen::new(&dimensions, &[(vec![0.5], false)]);
        let shape = Shape {
            length: 0.2,
            size: 3.0,
            only: None,
        };
        let classifier = seen.fit(shape).unwrap();
        // Of a failure at the centre, where the linear part is nothing: -g^2 / 18 - ln(1 + e^(g + 1.5)) is highest.
        let height = |g: f64| -g * g / 18.0 - softplus(g + 1.5);
        let top = (-9000..0)
            .map(|i| f64::from(i) * 1e-3)
            .fold(0.0, |a, b| if height(b) > height(a) { b } else { a });
        let p = logistic(top + 1.5);
        assert!(
            (classifier.slope[0] + p).abs() < 1e-3,
            "{:?} {p}",
            classifier.slope
        );
        let evidence = height(top) - 0.5 * libm::log(1.0 + 9.0 * p * (1.0 - p));
        assert!(
            (classifier.evidence - evidence).abs() < 1e-3,
            "{} {evidence}",
            classifier.evidence
        );
    }

    #[test]
    fn what_fails_above_a_threshold_fails_up_to_the_end() {
        let dimensions = line();
        let trials: Vec<(Vec<f64>, bool)> = [0.1, 0.3, 0.5, 0.6, 0.7]
            .iter()
            .map(|x| (vec![*x], *x < 0.55))
            .collect();
        let seen = Seen::new(&dimensions, &trials);
        let classifier = seen
            .fit(Shape {
                length: 0.2,
                size: 15.0,
                only: Some(0),
            })
            .unwrap();
        let p = |x: f64| seen.probabilities(&classifier, &[[x; LANES]], &mut vec![])[0];
        assert!(
            p(0.2) > 0.7 && p(0.5) > 0.7 && p(0.6) < 0.3 && p(0.8) < 0.4 && p(1.0) < 0.6,
            "{} {} {} {}",
            p(0.2),
            p(0.5),
            p(0.6),
            p(1.0)
        );
    }
}
