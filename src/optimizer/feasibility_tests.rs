//! Unit tests of `feasibility`.

use super::*;
use crate::space::{Domain, Parameter, Scale, SearchSpace};

fn square() -> Dimensions {
    let domain = || Domain::Double {
        min: 0.0,
        max: 1.0,
        scale: Scale::Linear,
    };
    let parameters = ["x", "y"].map(|name| Parameter::new(name, domain()).unwrap());
    Dimensions::of(&SearchSpace::new(parameters.to_vec()).unwrap())
}

/// A grid of five by five.
fn grid(ok: impl Fn(usize, f64, f64) -> bool) -> Vec<(Vec<f64>, bool)> {
    let place = |i: usize| ((i % 5) as f64 / 4.0, (i / 5) as f64 / 4.0);
    (0..25)
        .map(|i| {
            let (x, y) = place(i);
            (vec![x, y], ok(i, x, y))
        })
        .collect()
}

#[test]
fn while_nothing_failed_success_is_sure() {
    let dimensions = square();
    let feasibility = Feasibility::new(&dimensions, grid(|_, _, _| true));
    assert_eq!(feasibility.probability(&[0.3, 0.3]), 1.0);
    assert_eq!(feasibility.log_penalties(&[vec![0.3, 0.3]]), [0.0]);
}

#[test]
fn a_region_that_fails_is_closed_and_its_neighbours_are_open() {
    let dimensions = square();
    let feasibility = Feasibility::new(&dimensions, grid(|_, x, y| x + y < 1.1));
    let (inside, outside) = ([0.8, 0.9], [0.3, 0.2]);
    let (p, q) = (
        feasibility.probability(&inside),
        feasibility.probability(&outside),
    );
    assert!(p < 0.25 && q > 0.8, "{p} {q}");
    let barriers = feasibility.barriers(&[inside.to_vec(), outside.to_vec(), vec![1.0, 1.0]]);
    assert!(barriers[0] < -1e6 && barriers[1] == 0.0);
    assert_eq!(barriers[2], f64::NEG_INFINITY, "a trial failed there");
}

#[test]
fn failures_by_chance_close_nothing_but_the_very_places() {
    let dimensions = square();
    let feasibility = Feasibility::new(&dimensions, grid(|i, _, _| i % 7 != 3));
    for place in [[0.1, 0.1], [0.6, 0.6], [0.9, 0.4]] {
        let p = feasibility.probability(&place);
        assert!(
            (0.6..0.95).contains(&p) && feasibility.barriers(&[place.to_vec()]) == [0.0],
            "{place:?} {p}"
        );
    }
}

#[test]
fn where_trials_fail_one_under_way_counts_as_failed() {
    let dimensions = square();
    let (edge, beside) = (vec![0.62, 0.4], [0.61, 0.45]);
    let feasibility = Feasibility::new(&dimensions, grid(|_, x, _| x < 0.6));
    let before = feasibility.probability(&beside);
    assert!(
        feasibility
            .expecting(std::slice::from_ref(&edge))
            .probability(&beside)
            < 0.9 * before
    );
    let sure = Feasibility::new(&dimensions, grid(|_, _, _| true)).expecting(&[edge]);
    assert_eq!(sure.probability(&beside), 1.0);
}

#[test]
fn a_thousand_trials_make_a_bounded_classifier() {
    let trials: Vec<(Vec<f64>, bool)> = (0..1000)
        .map(|i| {
            (
                vec![f64::from(i) / 1000.0, f64::from(i * 37 % 1000) / 1000.0],
                i < 600,
            )
        })
        .collect();
    assert_eq!(learned(&trials).len(), 2 * MOST);
    let dimensions = square();
    let feasibility = Feasibility::new(&dimensions, trials);
    let (p, q) = (
        feasibility.probability(&[0.9, 0.5]),
        feasibility.probability(&[0.3, 0.5]),
    );
    assert!(p < 0.25 && q > 0.8, "{p} {q}");
}
