//! Unit tests of `asha`: the rule of promotion, by hand.

use super::*;
use crate::optimizer::{Observation, Outcome, Pending, Strategy};
use crate::space::{Domain, Parameter, Scale, SearchSpace, Value};

const HALVING: Strategy = Strategy::Asha {
    min_resource: 1,
    max_resource: 9,
    eta: 3,
};

/// A job over `x` from 0 to 1 that learns of trials one by one.
struct Told {
    space: SearchSpace,
    goal: Goal,
    history: Vec<Observation>,
    pending: Vec<Pending>,
}

fn at(x: f64) -> Point {
    Point(vec![Value::Double(x)])
}

impl Told {
    fn new() -> Self {
        let range = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        Self {
            space: SearchSpace::new(vec![Parameter::new("x", range).unwrap()]).unwrap(),
            goal: Goal::Maximize,
            history: vec![],
            pending: vec![],
        }
    }

    fn n(&self) -> u32 {
        (self.history.len() + self.pending.len()) as u32
    }

    fn ended(&mut self, x: f64, resource: u32, outcome: Outcome) {
        let index = self.n();
        let (point, resource) = (at(x), Some(resource));
        self.history.push(Observation {
            index,
            point,
            outcome,
            resource,
        });
    }

    /// Trials whose values are their places.
    fn values(&mut self, places: &[f64], resource: u32) {
        for x in places {
            self.ended(*x, resource, Outcome::Value(*x));
        }
    }

    fn runs(&mut self, x: f64, resource: u32) {
        let index = self.n();
        let (point, resource) = (at(x), Some(resource));
        self.pending.push(Pending {
            index,
            point,
            resource,
        });
    }

    fn ask(&self, n: usize) -> Vec<Proposal> {
        suggest(
            &Request {
                space: &self.space,
                goal: self.goal,
                strategy: &HALVING,
                history: &self.history,
                prior: &[],
                pending: &self.pending,
                n,
                max_trials: 100,
                parallel: 3,
                replicates: 0,
                seed: 1,
            },
            1,
            9,
            3,
        )
    }

    /// Those of the next `n` that go on: where, and with how much.
    fn promoted(&self, n: usize) -> Vec<(f64, u32)> {
        let proposals = self.ask(n);
        assert_eq!(proposals.len(), n, "nobody ever waits");
        let place = |p: &Proposal| match (&p.point.0[0], p.resource) {
            (Value::Double(x), Some(resource)) => (*x, resource),
            _ => panic!("{p:?}"),
        };
        let (promoted, new): (Vec<_>, Vec<_>) = proposals.iter().partition(|p| p.why.role == Role::Promoted);
        assert!(new.iter().all(|p| p.resource == Some(1)));
        promoted.into_iter().map(place).collect()
    }
}

#[test]
fn rungs_multiply_up_to_the_most() {
    assert_eq!(resources(1, 9, 3), [1, 3, 9]);
    assert_eq!(resources(1, 26, 3), [1, 3, 9]);
    assert_eq!(resources(2, 20_000, 10), [2, 20, 200, 2000, 20_000]);
    assert_eq!(resources(5, 5, 2), [5]);
}

#[test]
fn the_best_of_three_goes_on_while_two_are_not_enough() {
    let mut told = Told::new();
    assert_eq!(told.promoted(5), []);
    told.values(&[0.2, 0.9], 1);
    told.runs(0.5, 1);
    assert_eq!(told.promoted(5), [], "one that runs does not count");
    told.values(&[0.4], 1);
    assert_eq!(told.promoted(5), [(0.9, 3)]);
    told.goal = Goal::Minimize;
    assert_eq!(told.promoted(5), [(0.2, 3)]);
    told.values(&[0.3, 0.6], 1);
    assert_eq!(told.promoted(5), [(0.2, 3)], "a third of five is one");
    told.values(&[0.1], 1);
    assert_eq!(told.promoted(5), [(0.1, 3), (0.2, 3)]);
    assert_eq!(told.promoted(1), [(0.1, 3)]);
}

#[test]
fn nobody_goes_on_twice_however_it_stands_there() {
    for way in 0..4 {
        let mut told = Told::new();
        told.values(&[0.2, 0.9, 0.4], 1);
        match way {
            0 => told.runs(0.9, 3),
            1 => told.ended(0.9, 3, Outcome::Failed),
            2 => told.ended(0.9, 3, Outcome::Stopped(0.1)),
            _ => told.ended(0.9, 3, Outcome::Value(0.1)),
        }
        assert_eq!(told.promoted(3), [], "{way}");
        told.values(&[0.3, 0.5, 0.6], 1);
        assert_eq!(told.promoted(3), [(0.6, 3)], "{way}");
        // A newcomer above both: of six the best two are this one and 0.9.
        told.history.retain(|o| o.point != at(0.3));
        told.values(&[0.95], 1);
        assert_eq!(told.promoted(3), [(0.95, 3)], "{way}");
    }
}

#[test]
fn the_highest_rung_comes_first_and_nothing_goes_beyond_it() {
    let mut told = Told::new();
    told.values(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 1);
    assert_eq!(told.promoted(5), [(0.9, 3), (0.8, 3), (0.7, 3)]);
    told.values(&[0.9, 0.7], 3);
    assert_eq!(told.promoted(5), [(0.8, 3)]);
    told.ended(0.8, 3, Outcome::Value(1.0));
    assert_eq!(told.promoted(5), [(0.8, 9)], "by its value at its own rung");
    told.values(&[0.95, 0.96, 0.97], 1);
    assert_eq!(told.promoted(5), [(0.8, 9), (0.97, 3), (0.96, 3), (0.95, 3)]);
    told.values(&[0.8, 0.82, 0.84], 9);
    assert_eq!(told.promoted(5), [(0.97, 3), (0.96, 3), (0.95, 3)]);
}

#[test]
fn failed_and_stopped_trials_count_and_never_go_on() {
    let mut told = Told::new();
    told.values(&[0.2], 1);
    told.ended(0.8, 1, Outcome::Failed);
    told.ended(0.9, 1, Outcome::Stopped(0.9));
    assert_eq!(told.promoted(3), [(0.2, 3)]);
    told.ended(0.7, 1, Outcome::Value(f64::NAN));
    told.ended(0.6, 1, Outcome::Failed);
    told.ended(0.5, 1, Outcome::Failed);
    assert_eq!(told.promoted(3), [(0.2, 3)], "of six two might go on; one may");
}

#[test]
fn trials_of_no_rung_are_left_alone() {
    let mut told = Told::new();
    told.values(&[0.2, 0.9, 0.4], 2);
    told.values(&[0.2, 0.9, 0.4], 3);
    for o in &mut told.history[3..] {
        o.resource = None;
    }
    assert_eq!(told.promoted(3), []);
}

#[test]
fn new_points_are_those_of_the_sobol_sequence_whatever_goes_on_between_them() {
    let mut told = Told::new();
    let first: Vec<Point> = told.ask(6).into_iter().map(|p| p.point).collect();
    for point in &first[..3] {
        let Value::Double(x) = point.0[0] else { panic!() };
        told.values(&[x], 1);
    }
    let next = told.ask(4);
    assert_eq!(next[0].resource, Some(3));
    let new: Vec<Point> = next[1..].iter().map(|p| p.point.clone()).collect();
    assert_eq!(new, first[3..]);
}
