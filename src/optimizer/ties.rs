//! How exact a value is that others share to the last bit.
//!
//! Trials at different places whose values are equal to the last bit have not been measured exactly: a score on a small
//! dev set moves in steps, and a run that has collapsed scores the same as any other that has. The noise-free objective
//! differs between them by anything up to a step. So each gets the variance of a rounding error, the square of the step over
//! twelve (Sheppard 1898); the step is the distance to the nearest other value.

use super::dimensions::distance;

/// Places nearer than this may well have equal values.
const APART: f64 = 1e-3;
/// Longest step that is believed, in standard deviations of all values.
const MAX_STEP: f64 = 2.0;

/// The variance of each value's rounding error, in the square of the values' unit.
pub(super) fn rounding_noise(places: &[&[f64]], values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut noise = vec![0.0; n];
    let mut begin = 0;
    while begin < n {
        let value = values[order[begin]];
        let end = begin + order[begin..].iter().take_while(|i| values[**i] == value).count();
        let below = begin.checked_sub(1).map(|i| value - values[order[i]]);
        let above = order.get(end).map(|i| values[*i] - value);
        let step = below.into_iter().chain(above).fold(f64::INFINITY, f64::min);
        let group = &order[begin..end];
        let apart = |i: &usize| distance(places[*i], places[group[0]]) > APART;
        // Where all values are equal there is no step to go by.
        if step.is_finite() && group.iter().any(apart) {
            let step = step.min(MAX_STEP);
            group.iter().for_each(|i| noise[*i] = step * step / 12.0);
        }
        begin = end;
    }
    noise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_apart_get_the_variance_of_their_step_and_nothing_else_does() {
        let places = [0.1, 0.5, 0.9, 0.9, 0.3, 0.7].map(|x| [x]);
        let places: Vec<&[f64]> = places.iter().map(|p| p.as_slice()).collect();
        let values = [1.0, 1.0, 0.4, 0.4, 0.0, 0.9];
        let noise = rounding_noise(&places, &values);
        let twelfth = (1.0f64 - 0.9) * (1.0 - 0.9) / 12.0;
        assert_eq!(
            noise,
            [twelfth, twelfth, 0.0, 0.0, 0.0, 0.0],
            "the same place twice is no tie"
        );
        assert_eq!(rounding_noise(&places, &[0.5; 6]), [0.0; 6]);
        assert_eq!(rounding_noise(&places[..2], &[1e9, -1e9]), [0.0; 2]);
    }
}
