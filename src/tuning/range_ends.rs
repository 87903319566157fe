//! Do the best trials lie at an end of a parameter's range? Then a wider one may hold a better point.
//!
//! It is said only where trials show it: the best trial and the recommended point lie at the end (within [`AT_END`] of the
//! scaled range, or on it where values are counted), the [`N_BEST`] best trials lie near it, and none that lies elsewhere
//! comes within the noise of the best; and where the model expects less of every other value of the parameter, all else being
//! equal. The noise is read off neighbours, which differ by little else:
//!
//! `sd = median |y_i - y_j| / 0.954`, over the pairs of nearest neighbours in the unit cube that are the nearer half, since
//! the median of `|N(0, 2 sd²)|` is `0.954 sd`. Where neighbours are far apart this is too large, and nothing is said.

use super::Job;
use crate::optimizer::{Goal, Outcome, Prediction, Request, predict};
use crate::space::{Domain, Parameter, Point};

/// So near to an end counts as at it, as a share of the scaled range.
const AT_END: f64 = 0.01;
/// So near to an end counts as near it.
const NEAR_END: f64 = 0.1;
/// So many of the best trials have to lie near an end.
const N_BEST: usize = 3;
/// So many trials have to lie elsewhere: else nothing is known of the rest of the range.
const N_ELSEWHERE: usize = 3;
/// So many values are needed beside those of the first points.
const BESIDE_FIRST: usize = 5;
/// Points that are spread over the space before there is a model, at least.
const FIRST: u32 = 3;
/// At so many values along its range the model is asked.
const N_STEPS: u32 = 8;
/// Median of the absolute difference of two values whose noise has sd 1.
const MEDIAN_DIFFERENCE: f64 = 0.954;

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The smallest value.
    Lower,
    /// The largest value.
    Upper,
}

/// A parameter of which the best trials lie at an end of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtEnd {
    /// Its number among the job's parameters, from 0.
    pub parameter: usize,
    /// At which end.
    pub side: Side,
}

/// The parameters of which the best trials, and the recommended point where there is one, lie at an end of the range; `None`
/// while too few trials have a value to tell. Parameters without an order say nothing.
pub(super) fn at_ends(request: &Request, recommended: Option<&Point>) -> Option<Vec<AtEnd>> {
    let trials = Known::best_first(request);
    if trials.len() < FIRST.max(request.parallel) as usize + BESIDE_FIRST {
        return None;
    }
    let recommended = recommended.and_then(|point| request.space.to_unit(point));
    let parameters = request.space.parameters().iter().enumerate();
    let sides = parameters.flat_map(|(i, p)| [(i, p, Side::Lower), (i, p, Side::Upper)]);
    let seen = sides.filter(|&(i, parameter, side)| {
        // With two values the best is always at an end.
        parameter.ordered()
            && parameter.levels().is_none_or(|n| n > 2)
            && side.is_at(parameter, trials[0].place[i])
            && recommended.as_ref().is_none_or(|u| side.is_at(parameter, u[i]))
            && trials[..N_BEST].iter().all(|t| side.is_near(t.place[i]))
            && lead(&trials, i, side) > noise(&trials)
    });
    let ends = seen.map(|(parameter, _, side)| AtEnd { parameter, side });
    let from = recommended.as_ref().unwrap_or(&trials[0].place);
    Some(ends.filter(|end| end.is_expected(request, from)).collect())
}

/// A trial with a value.
struct Known {
    place: Vec<f64>,
    /// Its value, the larger the better.
    height: f64,
}

impl Known {
    /// The trials that ran to their end and have a value; of equals, the first is first.
    fn best_first(request: &Request) -> Vec<Self> {
        let known = request.history.iter().filter_map(|observation| {
            let Outcome::Value(value) = observation.outcome else {
                return None;
            };
            Some(Self {
                place: request.space.to_unit(&observation.point)?,
                height: height(request.goal, value),
            })
        });
        let mut known: Vec<Self> = known.filter(|trial| trial.height.is_finite()).collect();
        known.sort_by(|a, b| b.height.total_cmp(&a.height));
        known
    }
}

/// A value, the larger the better.
fn height(goal: Goal, value: f64) -> f64 {
    match goal {
        Goal::Maximize => value,
        Goal::Minimize => -value,
    }
}

/// By how much the best trial is ahead of those that do not lie near the end; nothing where these are too few.
fn lead(trials: &[Known], parameter: usize, side: Side) -> f64 {
    let is_elsewhere = |trial: &&Known| !side.is_near(trial.place[parameter]);
    let elsewhere: Vec<&Known> = trials.iter().filter(is_elsewhere).collect();
    match elsewhere.first() {
        Some(best) if elsewhere.len() >= N_ELSEWHERE => trials[0].height - best.height,
        _ => f64::NEG_INFINITY,
    }
}

/// Standard deviation of the noise, at most.
fn noise(trials: &[Known]) -> f64 {
    let distance = |a: &Known, b: &Known| -> f64 {
        let squares = a.place.iter().zip(&b.place).map(|(x, y)| (x - y) * (x - y));
        squares.sum()
    };
    let nearest = |(i, trial): (usize, &Known)| {
        let others = trials.iter().enumerate().filter(|(j, _)| *j != i);
        let pairs = others.map(|(_, other)| (distance(trial, other), (trial.height - other.height).abs()));
        pairs.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let mut pairs: Vec<(f64, f64)> = trials.iter().enumerate().filter_map(nearest).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs.truncate(pairs.len().div_ceil(2));
    let mut differences: Vec<f64> = pairs.into_iter().map(|(_, difference)| difference).collect();
    differences.sort_by(f64::total_cmp);
    let median = differences.get(differences.len() / 2);
    median.map_or(f64::INFINITY, |median| median / MEDIAN_DIFFERENCE)
}

impl Side {
    /// One word for files: `Lower` or `Upper`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lower => "Lower",
            Self::Upper => "Upper",
        }
    }

    /// From a place of the unit interval to this end of it.
    fn distance(self, u: f64) -> f64 {
        match self {
            Self::Lower => u,
            Self::Upper => 1.0 - u,
        }
    }

    /// Whether a place is at this end: a value that is counted only if it is the last one.
    fn is_at(self, parameter: &Parameter, u: f64) -> bool {
        let near = if parameter.levels().is_some() { 0.0 } else { AT_END };
        self.distance(u) <= near
    }

    fn is_near(self, u: f64) -> bool {
        self.distance(u) <= NEAR_END
    }
}

impl AtEnd {
    /// Whether the model expects less wherever else this parameter may be, all others as they are: if it does not matter, what lies
    /// at its end is chance.
    fn is_expected(&self, request: &Request, from: &[f64]) -> bool {
        let at = |share: f64| {
            let mut place = from.to_vec();
            place[self.parameter] = match self.side {
                Side::Lower => share,
                Side::Upper => 1.0 - share,
            };
            request.space.from_unit(&place)
        };
        let is_elsewhere = |point: &Point| {
            let place = request.space.to_unit(point);
            place.is_some_and(|place| !self.side.is_near(place[self.parameter]))
        };
        let shares = (1..=N_STEPS).map(|step| f64::from(step) / f64::from(N_STEPS));
        let mut points = vec![at(0.0)];
        points.extend(shares.map(at).filter(is_elsewhere));
        let Some(predictions) = predict(request, &points) else {
            return false;
        };
        let highest = |p: &Prediction| {
            let ends = p
                .interval
                .map(|i| [i.low, i.high].map(|v| height(request.goal, v)));
            ends.map_or(f64::INFINITY, |[a, b]| a.max(b))
        };
        let there = height(request.goal, predictions[0].mean);
        predictions[1..].iter().all(|p| highest(p) < there)
    }

    /// Whether a point lies there.
    pub fn is_at(&self, job: &Job, point: &Point) -> bool {
        let place = job.space.to_unit(point);
        let parameter = &job.space.parameters()[self.parameter];
        place.is_some_and(|place| self.side.is_at(parameter, place[self.parameter]))
    }

    /// The end itself, as people write it.
    pub fn value(&self, job: &Job) -> String {
        let parameter = &job.space.parameters()[self.parameter];
        let end = match self.side {
            Side::Lower => parameter.from_unit(0.0),
            Side::Upper => parameter.from_unit(1.0),
        };
        end.to_string()
    }

    /// The field of the manifest that sets the end, such as `spec.parameters[0].double.min`.
    pub fn field(&self, job: &Job) -> String {
        let end = match self.side {
            Side::Lower => "min",
            Side::Upper => "max",
        };
        let field = match job.space.parameters()[self.parameter].domain() {
            Domain::Double { .. } => format!("double.{end}"),
            Domain::Integer { .. } => format!("integer.{end}"),
            Domain::Discrete { .. } => "discrete.values".into(),
            Domain::Categorical { .. } => "categorical.values".into(),
        };
        format!("spec.parameters[{}].{field}", self.parameter)
    }

    /// The same in a sentence, with what to do about it.
    pub fn sentence(&self, job: &Job) -> String {
        let parameter = &job.space.parameters()[self.parameter];
        let (side, change) = match self.side {
            Side::Lower => ("lower", "a lower"),
            Side::Upper => ("upper", "a higher"),
        };
        let change = match parameter.domain() {
            Domain::Discrete { .. } | Domain::Categorical { .. } => format!("{change} value in"),
            Domain::Double { .. } | Domain::Integer { .. } => change.to_owned(),
        };
        format!(
            "{}: the best trials lie at the {side} end of its range, {}: a wider range may hold a better point; another job \
             with {change} {} and spec.warmStart.from [{}] goes on from here",
            parameter.name(),
            self.value(job),
            self.field(job),
            job.name
        )
    }
}

#[cfg(test)]
#[path = "range_ends_tests.rs"]
mod tests;
