//! The best place of a function on the unit cube that is cheap but not smooth in every column.

use super::columns::{Columns, distance};
use super::random::Random;

const UNIFORM: usize = 200;
const NEAR_EACH_ANCHOR: usize = 30;
const CLIMBERS: usize = 3;
const ROUNDS: usize = 5;
const STEPS_PER_ROUND: usize = 16;

/// The highest place found: uniform places, neighbours of the anchors and the anchors themselves, of which the best few
/// that are apart climb by ever smaller steps. `None` if the function is nowhere above minus infinity.
pub fn maximize(
    columns: &Columns,
    anchors: &[Vec<f64>],
    random: &mut Random,
    f: impl Fn(&[f64]) -> f64,
) -> Option<(Vec<f64>, f64)> {
    let mut places: Vec<Vec<f64>> = (0..UNIFORM).map(|_| columns.sample(random)).collect();
    for anchor in anchors {
        for _ in 0..NEAR_EACH_ANCHOR {
            let step = if random.uniform() < 0.5 { 0.1 } else { 0.02 };
            places.push(columns.neighbour(anchor, step, random));
        }
        places.push(anchor.clone());
    }
    let mut rated: Vec<(Vec<f64>, f64)> = places
        .into_iter()
        .map(|p| (f(&p), p))
        .map(|(v, p)| (p, v))
        // Nothing is higher than what is not a number: it must not come first.
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
            climb(columns, climber, step, random, &f);
        }
        step *= 0.4;
    }
    // The first of equals: a later one is no better.
    climbers.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a })
}

fn climb(
    columns: &Columns,
    climber: &mut (Vec<f64>, f64),
    step: f64,
    random: &mut Random,
    f: &impl Fn(&[f64]) -> f64,
) {
    let from = climber.0.clone();
    for _ in 0..STEPS_PER_ROUND {
        let place = columns.neighbour(&from, step, random);
        let value = f(&place);
        if value > climber.1 {
            *climber = (place, value);
        }
    }
}
