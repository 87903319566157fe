//! Values as a Gaussian process wants them: larger is better, bad ones pressed together, mean 0 and variance 1.
//!
//! Below the middle `m`, with `s` the softness,
//!
//! ```text
//! y' = m - s min(ln(1 + (m - y) / s), 4)
//! ```
//!
//! and above it `y' = y`: how bad a bad point is teaches little about where the good ones are, and a collapsed training
//! run would otherwise bend the whole model. `m` is the median and `s` twice the distance from it to the best value. Neither
//! may be set by values that are wild, such as losses of 1e5 among losses of 0.3: where the median itself is wild, it is that
//! of the others.
//!
//! A value more than a hundred softnesses below the middle says no more than that it is bad: it also gets noise of its own.

use super::Goal;

/// Values are used within these bounds: the square of a difference of larger ones would overflow.
const MAX_VALUE: f64 = 1e100;
/// Softnesses below the middle at which all values are equally bad.
const CAP: f64 = 4.0;
/// A gap below the best values so many times as wide as they lie apart separates wild ones.
const WILD: f64 = 1000.0;
/// By fewer values than this no others are judged.
const MIN_TAME: usize = 3;
/// A value so many softnesses below the middle is doubted.
const DOUBTED: f64 = 100.0;
/// Noise variance of a doubted value beyond that of all, in model units.
const DOUBT: f64 = 1.0;

/// The map from values to model units and back; monotone both ways, strictly so above the cap.
#[derive(Clone, Debug)]
pub(super) struct OutcomeTransform {
    sign: f64,
    middle: f64,
    softness: f64,
    mean: f64,
    sd: f64,
}

/// What [`OutcomeTransform::fit`] makes of some values.
pub(super) struct Transformed {
    /// The map.
    pub transform: OutcomeTransform,
    /// The values in model units, in the order given.
    pub values: Vec<f64>,
    /// Noise variance of each beyond that of all, in model units.
    pub extra_noise: Vec<f64>,
}

impl OutcomeTransform {
    /// The transform that belongs to these values, of which there is at least one.
    pub(super) fn fit(values: &[f64], goal: Goal) -> Transformed {
        let sign = if goal == Goal::Maximize { 1.0 } else { -1.0 };
        let mut sorted: Vec<f64> = values.iter().map(|v| sign * bounded(*v)).collect();
        sorted.sort_by(f64::total_cmp);
        let (middle, softness) = middle_and_softness(&sorted);
        let mut transform = Self {
            sign,
            middle,
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
        let size = soft[0].abs().max(soft[soft.len() - 1].abs());
        let differ = sd > 1e-13 * size;
        transform.sd = if differ { sd } else { 1.0 };
        let in_model = |v: &f64| if differ { transform.to_model(*v) } else { 0.0 };
        let doubt = |v: &f64| if transform.doubts(*v) { DOUBT } else { 0.0 };
        Transformed {
            values: values.iter().map(in_model).collect(),
            extra_noise: values.iter().map(doubt).collect(),
            transform,
        }
    }

    /// Whether a value is so bad that its size says nothing.
    fn doubts(&self, value: f64) -> bool {
        self.middle - self.sign * bounded(value) > DOUBTED * self.softness
    }

    /// A value in model units.
    pub(super) fn to_model(&self, value: f64) -> f64 {
        let y = self.sign * bounded(value);
        let soft = if y < self.middle {
            self.middle - self.softness * libm::log1p((self.middle - y) / self.softness).min(CAP)
        } else {
            y
        };
        (soft - self.mean) / self.sd
    }

    /// The value that has these model units; below the cap the one that is there.
    pub(super) fn to_value(&self, z: f64) -> f64 {
        let soft = z * self.sd + self.mean;
        let y = if soft < self.middle {
            self.middle - self.softness * libm::expm1(((self.middle - soft) / self.softness).min(CAP))
        } else {
            soft
        };
        self.sign * bounded(y)
    }

    /// A difference of values above the middle, from one in model units.
    pub(super) fn size(&self, difference: f64) -> f64 {
        difference * self.sd
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

/// The middle and the softness, from at least one value in ascending order.
fn middle_and_softness(sorted: &[f64]) -> (f64, f64) {
    let tame = tame(sorted);
    let (worst, best) = (tame[0], tame[tame.len() - 1]);
    let median = median_of_sorted(sorted);
    let middle = if median < worst {
        median_of_sorted(tame)
    } else {
        median
    };
    // Where most values tie at the top the best is the middle: what lies between the values that differ then stands for
    // its distance.
    let mut distinct = tame.to_vec();
    distinct.dedup();
    let spread = if best > middle {
        best - middle
    } else {
        best - median_of_sorted(&distinct)
    };
    (middle, 2.0 * spread.max(0.01 * (best - worst)))
}

/// The values that are not wild: those above the first gap, from the best down, that is a thousand times as wide as all
/// that is above it. A search that closes in on its optimum leaves values at every distance, and no such gap.
fn tame(sorted: &[f64]) -> &[f64] {
    let n = sorted.len();
    let best = sorted[n - 1];
    let is_last = |count: &usize| {
        let (here, next) = (best - sorted[n - count], best - sorted[n - count - 1]);
        next > WILD * here.max(1e-3 * best.abs())
    };
    let count = (MIN_TAME..n).find(is_last).unwrap_or(n);
    &sorted[n - count..]
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
            let fitted = OutcomeTransform::fit(&values, goal);
            for (value, z) in values.iter().zip(fitted.values) {
                assert!((fitted.transform.to_value(z) - value).abs() < 1e-9, "{value}");
            }
        }
    }

    #[test]
    fn below_the_cap_all_values_are_one() {
        // Median 2, softness 2: the cap is reached 2 (e^4 - 1) below the median.
        let fitted = OutcomeTransform::fit(&[-2e5, -1e5, 1.0, 2.0, 2.5, 3.0, 2.0], Goal::Maximize);
        assert_eq!(fitted.values[0], fitted.values[1]);
        let there = 2.0 - 2.0 * libm::expm1(CAP);
        assert!((fitted.transform.to_value(fitted.values[0]) - there).abs() < 1e-9);
    }

    #[test]
    fn a_minimum_is_a_mirrored_maximum_to_the_last_bit() {
        let values = [0.3, 0.1, 0.7, 0.2];
        let negated = values.map(|v| -v);
        assert_eq!(
            OutcomeTransform::fit(&values, Goal::Minimize).values,
            OutcomeTransform::fit(&negated, Goal::Maximize).values
        );
    }

    #[test]
    fn equal_values_become_zeros() {
        for values in [[0.5; 3], [0.1; 3], [1e99; 3]] {
            assert_eq!(OutcomeTransform::fit(&values, Goal::Maximize).values, [0.0; 3]);
        }
    }

    #[test]
    fn a_soft_logarithm_has_its_known_values() {
        // Median 2, softness 2 (3 - 2): a value 2 below the median comes to lie 2 ln 2 below it.
        let transform = OutcomeTransform::fit(&[0.0, 2.0, 3.0], Goal::Maximize).transform;
        let below = (transform.to_model(2.0) - transform.to_model(0.0)) * transform.sd;
        assert!((below - 2.0 * std::f64::consts::LN_2).abs() < 1e-12, "{below}");
    }

    #[test]
    fn wild_values_do_not_press_the_others_together() {
        let tame = [0.30, 0.31, 0.33, 0.36, 0.40];
        for (wild, n_wild) in [(1e5, 1), (1e5, 4), (1e9, 7), (1e160, 7)] {
            let mut values = tame.to_vec();
            values.extend(vec![wild; n_wild]);
            let fitted = OutcomeTransform::fit(&values, Goal::Minimize);
            let spread = fitted.values[0] - fitted.values[4];
            assert!(spread > 0.1, "{n_wild} of {wild}: {spread}");
            assert!(fitted.extra_noise[..5].iter().all(|e| *e == 0.0));
            assert!(
                fitted.extra_noise[5..].iter().all(|e| *e == DOUBT),
                "{n_wild} of {wild}"
            );
        }
    }

    #[test]
    fn huge_and_tiny_values_stay_finite_and_in_order() {
        for values in [
            [1e308, -1e308, 0.0, 1.0],
            [1e-300, 2e-300, 4e-300, -1e-300],
            [1.0, 1.0, 1.0, 0.5],
        ] {
            for goal in [Goal::Maximize, Goal::Minimize] {
                let fitted = OutcomeTransform::fit(&values, goal);
                assert!(
                    fitted.values.iter().all(|z| z.abs() <= 2.0),
                    "{values:?}: {:?}",
                    fitted.values
                );
                let (low, high) = fitted.transform.interval(-9.0, 5.0);
                assert!(
                    low.is_finite() && high.is_finite() && low <= high,
                    "{values:?}: {low} {high}"
                );
            }
        }
    }
}
