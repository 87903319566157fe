//! Which points have been evaluated, and the next one that has not.

use super::Request;
use super::random::Random;
use crate::space::{Parameter, Point, SearchSpace, Value};

/// Numbers of a stream that are looked at beyond those which the known trials may have used.
const SPARE: usize = 64;
/// A space with more points than this is not listed: its streams do not run dry.
const MAX_LISTED: u64 = 4096;

/// The points of a request's trials and of the proposals made so far.
pub(super) struct Evaluated {
    all: Vec<Point>,
    /// Failed or under way: proposing one of these again would teach nothing.
    barred: Vec<Point>,
}

impl Evaluated {
    /// The points of the job's own trials.
    pub(super) fn of(request: &Request) -> Self {
        let mut evaluated = Self {
            all: vec![],
            barred: vec![],
        };
        for o in request.history {
            evaluated.all.push(o.point.clone());
            if o.outcome.value().is_none() {
                evaluated.barred.push(o.point.clone());
            }
        }
        request
            .pending
            .iter()
            .for_each(|p| evaluated.add(p.point.clone()));
        evaluated
    }

    /// Counts a proposal among the trials under way.
    pub(super) fn add(&mut self, point: Point) {
        self.all.push(point.clone());
        self.barred.push(point);
    }

    /// How many trials have been there or are under way there.
    pub(super) fn count(&self, point: &Point) -> u32 {
        self.all.iter().filter(|p| *p == point).count() as u32
    }

    /// Whether no trial has been there.
    pub(super) fn is_new(&self, point: &Point) -> bool {
        !self.all.contains(point)
    }

    /// Whether no trial has failed there or is under way there.
    pub(super) fn may_repeat(&self, point: &Point) -> bool {
        !self.barred.contains(point)
    }

    /// Whether a list of all points has one that no trial has been at; true of any space too large to list.
    pub(super) fn leaves_any(&self, space: &SearchSpace) -> bool {
        match listed(space) {
            Some(size) => (0..size).any(|number| self.is_new(&nth_level(space, number))),
            None => true,
        }
    }

    /// The first point of a stream that is new: so the stream goes on where it was, whatever became of its trials.
    ///
    /// Where a discrete space is (almost) used up, one of the points that are left; then one that succeeded. `None` if
    /// every point has failed or is under way.
    pub(super) fn next(&self, request: &Request, stream: impl Fn(usize) -> Vec<f64>) -> Option<Point> {
        let space = request.space;
        let point = |number: usize| space.from_unit(&stream(number));
        let last = self.all.len() + SPARE;
        if let Some(new) = (0..last).map(point).find(|p| self.is_new(p)) {
            return Some(new);
        }
        let Some(size) = listed(space) else {
            return (0..last).map(point).find(|p| self.may_repeat(p));
        };
        let mut random = Random::new(&[request.seed, self.all.len() as u64, size]);
        let list = |wanted: &dyn Fn(&Point) -> bool| -> Vec<Point> {
            let points = (0..size).map(|number| nth_level(space, number));
            points.filter(|p| wanted(p)).collect()
        };
        let mut left = list(&|p| self.is_new(p));
        if left.is_empty() {
            left = list(&|p| self.may_repeat(p));
        }
        (!left.is_empty()).then(|| left.swap_remove(random.below(left.len())))
    }
}

/// Number of points, where they are few.
fn listed(space: &SearchSpace) -> Option<u64> {
    space.size().filter(|size| *size <= MAX_LISTED)
}

fn nth_level(space: &SearchSpace, number: u64) -> Point {
    nth(space, number, |p| p.levels().unwrap_or(1) as u64)
}

/// The point with this number when all combinations are listed row by row: the last parameter changes fastest.
/// A continuous parameter has `n_positions` evenly spaced places, its ends among them.
pub(super) fn nth(space: &SearchSpace, mut number: u64, n_positions: impl Fn(&Parameter) -> u64) -> Point {
    let mut values: Vec<Value> = Vec::new();
    for parameter in space.parameters().iter().rev() {
        let n = n_positions(parameter).max(1);
        let index = number % n;
        number /= n;
        let evenly = if n > 1 { index as f64 / (n - 1) as f64 } else { 0.5 };
        let level = parameter.level(index as usize);
        values.push(level.unwrap_or_else(|| parameter.from_unit(evenly)));
    }
    values.reverse();
    Point(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Goal, Observation, Outcome, Strategy};
    use crate::space::Domain;

    fn word(w: &str) -> Point {
        Point(vec![Value::Text(w.into())])
    }

    #[test]
    fn what_is_left_comes_first_then_what_succeeded_and_what_failed_never() {
        let values = ["a", "b", "c"].map(String::from).to_vec();
        let space =
            SearchSpace::new(vec![Parameter::new("w", Domain::Categorical { values }).unwrap()]).unwrap();
        let ended = |index, w, outcome| Observation {
            index,
            point: word(w),
            outcome,
            resource: None,
        };
        let history = [
            ended(1, "a", Outcome::Value(0.5)),
            ended(2, "b", Outcome::Value(f64::NAN)),
        ];
        let request = Request {
            space: &space,
            goal: Goal::Maximize,
            strategy: &Strategy::Random,
            history: &history,
            prior: &[],
            pending: &[],
            n: 1,
            max_trials: 9,
            parallel: 1,
            replicates: 0,
            seed: 1,
        };
        let mut evaluated = Evaluated::of(&request);
        // A stream that never leaves the first word.
        let mut next = || {
            let point = evaluated.next(&request, |_| vec![0.0])?;
            evaluated.add(point.clone());
            Some(point)
        };
        assert_eq!([next(), next(), next()], [Some(word("c")), Some(word("a")), None]);
    }
}
