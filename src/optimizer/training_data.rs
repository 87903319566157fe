//! What a model learns from: the history and earlier jobs' trials, brought onto the unit cube and one scale.

use super::dimensions::{Dimensions, distance, same};
use super::feasibility::Feasibility;
use super::gp::Posterior;
use super::hyperparameters::Data;
use super::kept::{Limits, kept, sampled};
use super::outcome_transform::{OutcomeTransform, median_of_sorted};
use super::ties::rounding_noise;
use super::{Goal, Observation, Request};

/// Most observations of earlier jobs that are used: the best say enough, and time grows with their cube.
const MAX_PRIOR: usize = 40;

/// What the model learns from, in its own terms.
pub(super) struct TrainingData {
    /// The dimensions of the space.
    pub dimensions: Dimensions,
    /// Places and values that the model keeps, earlier jobs' first.
    pub data: Data,
    /// What hyperparameters are learned from, where that is something else.
    fitted: Option<Data>,
    /// How many of `data` are of earlier jobs; they come first.
    pub n_prior: usize,
    /// Values of this job that the model leaves out.
    pub n_left_out: usize,
    /// Number of trials of this job that ran to their end and gave a value.
    pub n_final: usize,
    /// Number of different values among those.
    pub n_different: usize,
    /// From values to the model's units and back.
    pub transform: OutcomeTransform,
    /// Places of all finished trials of this job, and whether they succeeded.
    finished: Vec<(Vec<f64>, bool)>,
}

impl TrainingData {
    /// `None` while there are not enough values for a model.
    pub(super) fn of(request: &Request, limits: Limits) -> Option<Self> {
        let dimensions = Dimensions::of(request.space);
        let own = measured(request, request.history);
        let prior = best_of(measured(request, request.prior), request.goal);
        if own.len() < 2 && prior.len() < 2 {
            return None;
        }
        let mut data = Data::default();
        // An earlier job's values may be shifted: each job is put on its own scale, and trusted less the more is known here.
        let doubt = 0.2 * (1.0 + own.len() as f64 / 4.0);
        let n_prior = if prior.len() < 2 { 0 } else { prior.len() };
        let prior_transform = (n_prior > 0).then(|| data.extend(&prior, request, doubt));
        let own_transform = (!own.is_empty()).then(|| data.extend(&own, request, 0.0));
        let transform = own_transform.filter(|_| own.len() > 1).or(prior_transform)?;
        let finished = request
            .history
            .iter()
            .filter_map(|o| Some((o, request.space.to_unit(&o.point)?)));
        let mut finished: Vec<(u32, Vec<f64>, bool)> = finished
            .map(|(o, place)| (o.index, place, o.outcome.value().is_some()))
            .collect();
        finished.sort_by_key(|(index, ..)| *index);
        let finished = finished.into_iter().map(|(_, place, ok)| (place, ok)).collect();
        let mut finals: Vec<f64> = own.iter().filter(|m| m.is_final).map(|m| m.value).collect();
        let n_final = finals.len();
        finals.sort_by(f64::total_cmp);
        finals.dedup();
        let rows = kept(&data, n_prior, &dimensions, limits.kept);
        let rows_fitted = sampled(&data, n_prior, limits.fitted);
        let n_kept_prior = rows.iter().filter(|row| **row < n_prior).count();
        Some(Self {
            fitted: (rows_fitted != rows).then(|| data.only(&rows_fitted)),
            n_left_out: own.len() + n_kept_prior - rows.len(),
            data: data.only(&rows),
            dimensions,
            n_prior: n_kept_prior,
            n_final,
            n_different: finals.len(),
            transform,
            finished,
        })
    }

    /// Whether the models saw all there is at every step.
    pub(super) fn is_whole(&self) -> bool {
        self.fitted.is_none()
    }

    /// The models, fitted and conditioned.
    pub(super) fn posterior(&self) -> Option<Posterior<'_>> {
        let fitted = self.fitted.as_ref().unwrap_or(&self.data);
        Posterior::fit(fitted, &self.data, &self.dimensions)
    }

    /// The models to choose a recommended point by, and those that say how sure one may be of it.
    pub(super) fn beliefs(&self) -> Option<(Posterior<'_>, Posterior<'_>)> {
        let fitted = self.fitted.as_ref().unwrap_or(&self.data);
        Posterior::fit_beliefs(fitted, &self.data, &self.dimensions)
    }

    /// How likely trials succeed.
    pub(super) fn feasibility(&self) -> Feasibility<'_> {
        Feasibility::new(&self.dimensions, self.finished.clone())
    }

    /// At which observations the best value may be sought: at this job's, where there are any.
    pub(super) fn eligible_for_best(&self) -> Vec<bool> {
        let n = self.data.values.len();
        (0..n).map(|i| i >= self.n_prior || self.n_prior == n).collect()
    }

    /// Whether any trial of this job failed.
    pub(super) fn any_failed(&self) -> bool {
        self.finished.iter().any(|(_, ok)| !ok)
    }

    /// Whether a finished trial was within this distance of the place.
    pub(super) fn was_evaluated(&self, place: &[f64], within: f64) -> bool {
        self.finished.iter().any(|(p, _)| distance(p, place) <= within)
    }

    /// Whether values seem not to vary by chance: some place above the mean was evaluated again and gave the same to the
    /// last bit, and none gave anything else. Below the mean ties are common: collapsed runs all score the same.
    pub(super) fn is_exact(&self) -> bool {
        let own = self.n_prior..self.data.values.len();
        let (places, values) = (&self.data.places[own.clone()], &self.data.values[own]);
        let mut any_repeat = false;
        for i in 0..values.len() {
            for j in (0..i).filter(|j| same(&places[i], &places[*j])) {
                if values[i] != values[j] {
                    return false;
                }
                any_repeat |= values[i] > 0.0;
            }
        }
        any_repeat
    }

    /// Places of trials of this job that ran to their end and gave a value, as far as they are kept.
    pub(super) fn final_places(&self) -> impl Iterator<Item = &Vec<f64>> {
        let all = self
            .data
            .places
            .iter()
            .zip(&self.data.is_final)
            .skip(self.n_prior);
        all.filter(|(_, is_final)| **is_final).map(|(place, _)| place)
    }

    /// The observed places with the highest rating, apart from each other.
    pub(super) fn anchors(&self, rate: impl Fn(&[Vec<f64>]) -> Vec<f64>) -> Vec<Vec<f64>> {
        let mut rated: Vec<(&Vec<f64>, f64)> = self.data.places.iter().zip(rate(&self.data.places)).collect();
        rated.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut anchors: Vec<Vec<f64>> = Vec::new();
        for (place, _) in rated {
            if anchors.len() < 3 && !anchors.iter().any(|a| same(a, place)) {
                anchors.push(place.clone());
            }
        }
        anchors
    }
}

impl Data {
    /// Adds one job's values on their own scale.
    fn extend(&mut self, observed: &[Measured], request: &Request, extra_noise: f64) -> OutcomeTransform {
        let raw: Vec<f64> = observed.iter().map(|m| m.value).collect();
        let fitted = OutcomeTransform::fit(&raw, request.goal);
        let places: Vec<&[f64]> = observed.iter().map(|m| m.place.as_slice()).collect();
        let rounding = rounding_noise(&places, &fitted.values).into_iter();
        let noise = rounding.zip(&fitted.extra_noise);
        self.extra_noise
            .extend(noise.map(|(rounding, doubt)| rounding + doubt + extra_noise));
        self.places.extend(observed.iter().map(|m| m.place.clone()));
        self.is_final.extend(observed.iter().map(|m| m.is_final));
        self.values.extend(fitted.values);
        fitted.transform
    }
}

/// A trial with a value.
struct Measured {
    index: u32,
    place: Vec<f64>,
    value: f64,
    is_final: bool,
}

/// The trials that have a value, by ascending index.
///
/// The last value of a trial that was stopped early is a censored observation: the final one is not known, only that the
/// trial was stopped for not being among the good ones. So it counts as the worse of that value and the median of the
/// final values: it can pull a model down, and never makes a place the best.
fn measured(request: &Request, history: &[Observation]) -> Vec<Measured> {
    let measure = |o: &Observation| {
        let (value, is_final) = o.outcome.value()?;
        Some(Measured {
            index: o.index,
            place: request.space.to_unit(&o.point)?,
            value,
            is_final,
        })
    };
    let mut found: Vec<Measured> = history.iter().filter_map(measure).collect();
    // Earlier jobs' indices may be equal: then place and value decide, so that the order they came in never does.
    found.sort_by(|a, b| {
        let places = a.place.iter().zip(&b.place).map(|(x, y)| x.total_cmp(y));
        let by_place = places.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
        a.index
            .cmp(&b.index)
            .then(by_place)
            .then(a.value.total_cmp(&b.value))
    });
    let mut finals: Vec<f64> = found.iter().filter(|m| m.is_final).map(|m| m.value).collect();
    finals.sort_by(f64::total_cmp);
    if !finals.is_empty() {
        let median = median_of_sorted(&finals);
        for m in found.iter_mut().filter(|m| !m.is_final) {
            m.value = match request.goal {
                Goal::Maximize => m.value.min(median),
                Goal::Minimize => m.value.max(median),
            };
        }
    }
    found
}

fn best_of(mut measured: Vec<Measured>, goal: Goal) -> Vec<Measured> {
    if measured.len() > MAX_PRIOR {
        measured.sort_by(|a, b| goal.best_first(a.value, b.value));
        measured.truncate(MAX_PRIOR);
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Outcome, Strategy};
    use crate::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};

    #[test]
    fn a_thousand_trials_make_a_bounded_model_in_any_order() {
        let domain = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        let space = SearchSpace::new(vec![Parameter::new("x", domain).unwrap()]).unwrap();
        let observe = |i: u32| Observation {
            index: i,
            point: Point(vec![Value::Double(f64::from(i * 7 % 1000) / 1000.0)]),
            outcome: match i % 10 {
                0 => Outcome::Failed,
                _ => Outcome::Value(f64::from(i * 7 % 1000 / 20)),
            },
            resource: None,
        };
        let mut history: Vec<Observation> = (0..1000).map(observe).collect();
        let training_data = |history: &[Observation]| {
            let request = Request {
                space: &space,
                goal: Goal::Maximize,
                strategy: &Strategy::Bayesian,
                history,
                prior: history,
                pending: &[],
                n: 1,
                max_trials: 2000,
                parallel: 1,
                replicates: 0,
                seed: 1,
            };
            TrainingData::of(&request, Limits::USUAL).unwrap()
        };
        let model = training_data(&history);
        assert_eq!(model.data.values.len(), Limits::USUAL.kept);
        assert_eq!(model.fitted.as_ref().unwrap().values.len(), Limits::USUAL.fitted);
        assert_eq!(
            (model.n_left_out, model.n_final, model.n_prior),
            (900 - Limits::USUAL.kept, 900, 0)
        );
        assert_eq!(model.finished.len(), 1000, "failures are counted in full");
        let best = model.transform.to_model(49.0);
        let n_best = model.data.values.iter().filter(|v| **v == best).count();
        assert!(n_best >= 18, "{n_best} of the 18 best");
        history.reverse();
        let mirrored = training_data(&history);
        assert_eq!(model.data.places, mirrored.data.places);
        assert_eq!(model.data.values, mirrored.data.values);
        assert!(training_data(&history[..40]).is_whole());
    }
}
