//! One parameter against the objective: observations, prediction, best and recommended.
//!
//! [`Plot`] holds what is to be drawn, in the coordinates of its axes; `canvas.rs` draws it over plotters' backends as
//! SVG or PNG, `terminal.rs` as characters.

mod axis;
mod canvas;
mod image;
mod picture;
mod terminal;

pub use image::{png, svg};
pub(super) use terminal::paint;
pub use terminal::terminal;

use super::RunView;
use super::numbers::escape;
use crate::optimizer::{Interval, Prediction};
use crate::space::{Domain, Parameter, Point};
use crate::tuning::{Phase, Trial};
use axis::Axis;

/// What a plot shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    title: String,
    x: Axis,
    y: Axis,
    observations: Vec<Mark>,
    /// Places of trials that have no value: failed ones, and those that still run.
    without_value: Vec<(f64, Kind)>,
    /// Place, mean, lower and upper end of the prediction, by ascending place.
    curve: Vec<[f64; 4]>,
    best: Option<(f64, f64)>,
    /// Place, mean, lower and upper end.
    recommended: Option<[f64; 4]>,
    /// Number of observations beyond the axis.
    n_beyond: usize,
}

/// One observation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark {
    x: f64,
    y: f64,
    kind: Kind,
}

/// How the trial of a mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Succeeded,
    EarlyStopped,
    Failed,
    Running,
}

impl Kind {
    fn of(trial: &Trial) -> Option<Self> {
        match trial.phase {
            Phase::Succeeded => Some(Self::Succeeded),
            Phase::EarlyStopped => Some(Self::EarlyStopped),
            Phase::Failed(_) => Some(Self::Failed),
            Phase::Running => Some(Self::Running),
            Phase::Queued | Phase::Cancelled => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::EarlyStopped => "stopped early",
            Self::Failed => "failed",
            Self::Running => "running",
        }
    }
}

/// The place in the space of the parameter to plot: the one with this name, or else the first that is a number, or else
/// the first. The error is a sentence that names all.
pub fn plotted_parameter(view: &RunView, name: Option<&str>) -> Result<usize, String> {
    let parameters = view.snapshot.job.space.parameters();
    let Some(name) = name else {
        return Ok(parameters.iter().position(Parameter::ordered).unwrap_or(0));
    };
    parameters.iter().position(|p| p.name() == name).ok_or_else(|| {
        let names: Vec<_> = parameters.iter().map(Parameter::name).collect();
        format!(
            "there is no parameter {name:?}: choose one of {}",
            names.join(", ")
        )
    })
}

/// Points along one parameter (by its place in the space), at which to ask the optimizer for its predictions. The other
/// parameters stay where the recommended point has them, or the best observation, or the middle.
pub fn slice(view: &RunView, parameter: usize, n: usize) -> Vec<Point> {
    let space = &view.snapshot.job.space;
    let Some(chosen) = space.parameters().get(parameter) else {
        return Vec::new();
    };
    let best = view.best_trial().map(|t| t.point.clone());
    let middle = || space.from_unit(&vec![0.5; space.dimension()]);
    let base = view
        .recommendation
        .as_ref()
        .map(|r| r.point.clone())
        .or(best)
        .unwrap_or_else(middle);
    let n = chosen.levels().unwrap_or(n).min(n).max(2);
    let place = |i: usize| i as f64 / (n - 1) as f64;
    let mut points: Vec<Point> = (0..n)
        .map(|i| {
            let mut point = base.clone();
            point.0[parameter] = chosen.from_unit(place(i));
            point
        })
        .collect();
    points.dedup();
    points
}

/// Position, mean and the ends of the interval; without one its ends are the mean.
fn beliefs(at: f64, mean: f64, interval: Option<Interval>) -> [f64; 4] {
    let Interval { low, high } = interval.unwrap_or(Interval {
        low: mean,
        high: mean,
    });
    [at, mean, low, high]
}

impl Plot {
    /// Prepares a plot of one parameter, by its place in the space. `predictions` are the optimizer's at [`slice()`]'s points,
    /// or empty where there is no model. `None` if the space has no such parameter.
    pub fn new(
        view: &RunView,
        parameter: usize,
        points: &[Point],
        predictions: &[Prediction],
    ) -> Option<Self> {
        let chosen = view.snapshot.job.space.parameters().get(parameter)?;
        let at = |point: &Point| axis::place(chosen.domain(), point.0.get(parameter)?);
        let seen: Vec<(f64, Kind, Option<f64>)> = view
            .snapshot
            .trials
            .iter()
            .filter_map(|t| {
                let kind = Kind::of(t)?;
                Some((at(&t.point)?, kind, value_of(t, kind)))
            })
            .collect();
        let curve: Vec<[f64; 4]> = points
            .iter()
            .zip(predictions)
            .filter_map(|(p, b)| Some(beliefs(at(p)?, b.mean, b.interval)))
            .filter(|c| c.iter().all(|v| v.is_finite()))
            .collect();
        let recommended = view
            .recommendation
            .as_ref()
            .and_then(|r| Some(beliefs(at(&r.point)?, r.mean, r.interval)));
        let values: Vec<f64> = seen.iter().filter_map(|s| s.2).collect();
        let predictions: Vec<f64> = curve
            .iter()
            .chain(&recommended)
            .flat_map(|c| c[1..].iter().copied())
            .collect();
        let metric = escape(view.metric());
        let (y, n_beyond) = axis::objective(&metric, &values, &predictions);
        let observations = seen
            .iter()
            .filter_map(|&(x, kind, value)| Some(Mark { x, y: value?, kind }));
        let best = view
            .status
            .best
            .zip(view.best_trial())
            .and_then(|(b, t)| Some((at(&t.point)?, b.value)));
        Some(Self {
            title: format!("{}: {metric} against {}", escape(&view.name), chosen.name()),
            x: axis::parameter(chosen.name(), chosen.domain()),
            observations: observations.collect(),
            without_value: seen
                .iter()
                .filter(|s| s.2.is_none())
                .map(|s| (s.0, s.1))
                .collect(),
            // Words have no order, so nothing connects them.
            curve: if matches!(chosen.domain(), Domain::Categorical { .. }) {
                Vec::new()
            } else {
                curve
            },
            y,
            best,
            recommended: recommended.filter(|r| r.iter().all(|v| v.is_finite())),
            n_beyond,
        })
    }

    /// Kinds of marks that occur.
    fn kinds(&self) -> Vec<Kind> {
        let with = self.observations.iter().map(|m| m.kind);
        let mut kinds: Vec<_> = with.chain(self.without_value.iter().map(|w| w.1)).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }
}

/// The value that a mark shows: the final one, or of a running trial the last; that of a failed trial counts for nothing.
fn value_of(trial: &Trial, kind: Kind) -> Option<f64> {
    let value = match kind {
        Kind::Failed => None,
        Kind::Running => trial.last().map(|p| p.value),
        Kind::Succeeded | Kind::EarlyStopped => trial.value,
    };
    value.filter(|v| v.is_finite())
}
