//! The best place of a function on the unit cube that is cheap but not smooth in every dimension.

use super::dimensions::{Dimensions, distance};
use super::random::Random;

const UNIFORM: usize = 200;
const NEAR_EACH_ANCHOR: usize = 30;
const CLIMBERS: usize = 3;
const ROUNDS: usize = 5;
const STEPS_PER_ROUND: usize = 16;

/// The highest place found: uniform places, neighbours of the anchors and the anchors themselves, of which the best few
/// that are apart climb by ever smaller steps. `None` if the function is nowhere above minus infinity.
pub(super) fn maximize(
    dimensions: &Dimensions,
    anchors: &[Vec<f64>],
    random: &mut Random,
    f: impl Fn(&[Vec<f64>]) -> Vec<f64>,
) -> Option<(Vec<f64>, f64)> {
    let mut places: Vec<Vec<f64>> = (0..UNIFORM).map(|_| dimensions.sample(random)).collect();
    for anchor in anchors {
        for _ in 0..NEAR_EACH_ANCHOR {
            let step = if random.uniform() < 0.5 { 0.1 } else { 0.02 };
            places.push(dimensions.neighbour(anchor, step, random));
        }
        places.push(anchor.clone());
    }
    let heights = f(&places);
    // Nothing is higher than what is not a number: it must not come first.
    let mut rated: Vec<(Vec<f64>, f64)> = places
        .into_iter()
        .zip(heights)
        .filter(|(_, v)| !v.is_nan())
        .collect();
    rated.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut climbers: Vec<(Vec<f64>, f64)> = Vec::new();
    for candidate in rated.into_iter().filter(|(_, value)| *value > f64::NEG_INFINITY) {
        if climbers.iter().all(|c| distance(&c.0, &candidate.0) > 0.05) {
            climbers.push(candidate);
        }
        if climbers.len() == CLIMBERS {
            break;
        }
    }
    let mut step = 0.05;
    for _ in 0..ROUNDS {
        for climber in &mut climbers {
            local_search(dimensions, climber, step, random, &f);
        }
        step *= 0.4;
    }
    // The first of equals: a later one is no better.
    climbers.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a })
}

fn local_search(
    dimensions: &Dimensions,
    climber: &mut (Vec<f64>, f64),
    step: f64,
    random: &mut Random,
    f: &impl Fn(&[Vec<f64>]) -> Vec<f64>,
) {
    let places: Vec<Vec<f64>> = (0..STEPS_PER_ROUND)
        .map(|_| dimensions.neighbour(&climber.0, step, random))
        .collect();
    for (value, place) in f(&places).into_iter().zip(places) {
        if value > climber.1 {
            *climber = (place, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Parameter, Scale, SearchSpace};

    #[test]
    fn a_peak_is_found_in_mixed_dimensions() {
        let double = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        let values = (0..4).map(|i| format!("w{i}")).collect();
        let domains = [double.clone(), double, Domain::Categorical { values }];
        let named = domains.into_iter().enumerate();
        let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
        let dimensions = Dimensions::of(&SearchSpace::new(parameters.collect()).unwrap());
        let height =
            |p: &Vec<f64>| -(p[0] - 0.31).abs() - (p[1] - 0.77).abs() + if p[2] > 0.9 { 1.0 } else { 0.0 };
        let all = |places: &[Vec<f64>]| places.iter().map(height).collect();
        let mut random = Random::new(&[1]);
        let (place, found) = maximize(&dimensions, &[vec![0.5, 0.5, 0.0]], &mut random, all).unwrap();
        assert!(found > 0.98, "{place:?}");
        let nowhere = |places: &[Vec<f64>]| vec![f64::NAN; places.len()];
        assert!(maximize(&dimensions, &[], &mut random, nowhere).is_none());
    }
}
