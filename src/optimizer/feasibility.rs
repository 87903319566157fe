//! Where trials fail, and whether a place is worth the risk.
//!
//! Explanations compete: that failures are chance, the same everywhere, and classifiers of many shapes
//! ([`Classifier`](super::classifier)). Each weighs as much as it explains what was seen; the probability of success is
//! their average.
//!
//! A place is closed where success is less likely than some share of what it is at the best of the places that succeeded:
//! six tenths, and more the more trials have failed, since every failure has cost what it could teach. The limit is hard: where the model is sure of all that is left elsewhere, the logarithm of the expected improvement falls
//! to minus hundreds, and whatever the model promises behind the edge would be a bargain for ever. Where failures are chance
//! the probability is the same everywhere, and nothing is closed.

use super::classifier::{Classifier, Seen, Shape};
use super::dimensions::{Dimensions, distance, same};
use super::simd::{self, LANES, in_lanes};

/// Length scales over `sqrt(d)` and sizes of the classifiers.
const LENGTHS: [f64; 4] = [0.1, 0.2, 0.4, 0.8];
const SIZES: [f64; 3] = [3.0, 15.0, 75.0];
/// Classifiers that are kept, and by how much the logarithm of the evidence may be lower than the highest.
const KEPT: usize = 3;
const WITHIN: f64 = 3.0;
/// Of an explanation with a smaller weight nothing is seen in a probability.
const NEGLIGIBLE: f64 = 1e-3;
/// A place is closed below this share of the highest probability at a place that succeeded, plus the share of trials that
/// failed, up to the second.
const LIMIT: (f64, f64) = (0.6, 0.94);
/// Height of a closed place: below all that are open, and higher the nearer it is to them.
const CLOSED: f64 = -1e6;
/// Most trials of either kind that classifiers learn from: time grows with the cube of their number.
const MOST: usize = 48;
/// Trials that succeeded and failed before anything is seen: four in five are expected to succeed, and little is sure of that.
const PRIOR: (f64, f64) = (2.0, 0.5);

/// What is known of failures.
#[derive(Clone, Debug)]
pub(super) struct Feasibility<'a> {
    dimensions: &'a Dimensions,
    trials: Vec<(Vec<f64>, bool)>,
    models: Option<Models<'a>>,
}

/// The explanations; there are none while nothing has failed.
#[derive(Clone, Debug)]
struct Models<'a> {
    seen: Seen<'a>,
    /// Weight of chance, and the probability of success by it.
    chance: (f64, f64),
    weighted: Vec<(f64, Classifier)>,
    /// Where success is less likely than this a place is closed.
    limit: f64,
}

impl<'a> Feasibility<'a> {
    /// From the places of all finished trials and whether they succeeded.
    pub(super) fn new(dimensions: &'a Dimensions, trials: Vec<(Vec<f64>, bool)>) -> Self {
        let any_failed = trials.iter().any(|(_, ok)| !ok);
        Self {
            dimensions,
            models: any_failed.then(|| Models::fit(dimensions, &trials)),
            trials,
        }
    }

    /// Where any trial failed, counts as failed what is under way too, so that a batch does not step over the same edge all
    /// at once.
    pub(super) fn expecting(self, under_way: &[Vec<f64>]) -> Self {
        if self.models.is_none() || under_way.is_empty() {
            return self;
        }
        let mut trials = self.trials;
        trials.extend(under_way.iter().map(|place| (place.clone(), false)));
        Self {
            dimensions: self.dimensions,
            models: self.models.map(|m| m.with(self.dimensions, &trials)),
            trials,
        }
    }

    /// Probability of success, 0 to 1; 1 while nothing has failed.
    pub(super) fn probability(&self, place: &[f64]) -> f64 {
        self.probabilities(&[place.to_vec()])[0]
    }

    fn probabilities(&self, places: &[Vec<f64>]) -> Vec<f64> {
        match &self.models {
            Some(models) => models.probabilities(places),
            None => vec![1.0; places.len()],
        }
    }

    /// What is added to a height where the place is closed: minus infinity where a trial failed, since it would fail again.
    pub(super) fn barriers(&self, places: &[Vec<f64>]) -> Vec<f64> {
        let known = places.iter().zip(self.probabilities(places));
        known.map(|(place, p)| self.barrier(place, p)).collect()
    }

    /// What is added to the logarithm of an improvement: that of the probability, and the barrier.
    pub(super) fn log_penalties(&self, places: &[Vec<f64>]) -> Vec<f64> {
        let known = places.iter().zip(self.probabilities(places));
        known
            .map(|(place, p)| libm::log(p) + self.barrier(place, p))
            .collect()
    }

    fn barrier(&self, place: &[f64], probability: f64) -> f64 {
        let Some(models) = &self.models else { return 0.0 };
        let failed_here = |(p, ok): &(Vec<f64>, bool)| !ok && same(p, place);
        if self.trials.iter().any(failed_here) {
            return f64::NEG_INFINITY;
        }
        if probability < models.limit {
            CLOSED * (1.0 + libm::log(models.limit / probability.max(1e-300)))
        } else {
            0.0
        }
    }
}

impl<'a> Models<'a> {
    fn fit(dimensions: &'a Dimensions, trials: &[(Vec<f64>, bool)]) -> Self {
        let n_ok = trials.iter().filter(|(_, ok)| *ok).count() as f64;
        let n_failed = trials.len() as f64 - n_ok;
        let (ok, failed) = (n_ok + PRIOR.0, n_failed + PRIOR.1);
        let learned = learned(trials);
        // Evidence is compared on what the classifiers have learned from.
        let m_ok = learned.iter().filter(|(_, ok)| *ok).count() as f64;
        let m_failed = learned.len() as f64 - m_ok;
        let by_chance = ln_beta(m_ok + PRIOR.0, m_failed + PRIOR.1) - ln_beta(PRIOR.0, PRIOR.1);
        let seen = Seen::new(dimensions, &learned);
        let shapes = shapes(dimensions).into_iter();
        let mut found: Vec<(f64, Classifier)> = shapes
            .filter_map(|(ln_prior, shape)| {
                let classifier = seen.fit(shape)?;
                Some((ln_prior + classifier.evidence, classifier))
            })
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let highest = found.first().map_or(f64::NEG_INFINITY, |(ln, _)| *ln);
        found.truncate(KEPT);
        found.retain(|(ln, _)| *ln > highest - WITHIN);
        let reference = highest.max(by_chance);
        let chance = libm::exp(by_chance - reference);
        let weights: Vec<f64> = found.iter().map(|(ln, _)| libm::exp(ln - reference)).collect();
        let total = chance + weights.iter().sum::<f64>();
        let found = found.into_iter().map(|(_, classifier)| classifier);
        let models = Self {
            seen,
            chance: (chance / total, ok / (ok + failed)),
            weighted: weights.into_iter().map(|w| w / total).zip(found).collect(),
            limit: 0.0,
        };
        models.limited(trials)
    }

    /// The same explanations with some more trials. What is only expected says nothing of which one is right.
    fn with(self, dimensions: &'a Dimensions, trials: &[(Vec<f64>, bool)]) -> Self {
        let seen = Seen::new(dimensions, &learned(trials));
        let again = |(w, c): (f64, Classifier)| (w, seen.fit(c.shape).unwrap_or(c));
        let weighted = self.weighted.into_iter().map(again).collect();
        let models = Self {
            seen,
            weighted,
            ..self
        };
        models.limited(trials)
    }

    fn limited(mut self, trials: &[(Vec<f64>, bool)]) -> Self {
        let succeeded: Vec<Vec<f64>> = trials
            .iter()
            .filter(|(_, ok)| *ok)
            .map(|(p, _)| p.clone())
            .collect();
        let top = self.probabilities(&succeeded).into_iter().fold(0.0, f64::max);
        let failed = 1.0 - succeeded.len() as f64 / trials.len() as f64;
        self.limit = (LIMIT.0 + failed).min(LIMIT.1) * top;
        self
    }

    fn probabilities(&self, places: &[Vec<f64>]) -> Vec<f64> {
        let mut rows = Vec::new();
        in_lanes(places, |columns| {
            let mut sum = [self.chance.0 * self.chance.1; LANES];
            for (weight, classifier) in self.weighted.iter().filter(|(w, _)| *w > NEGLIGIBLE) {
                let probabilities = self.seen.probabilities(classifier, columns, &mut rows);
                simd::add_multiple(&mut sum, *weight, &probabilities);
            }
            sum
        })
    }
}

/// The shapes and the logarithms of their prior weights relative to that of chance: half of the prior is chance's; of the
/// other half an equal part goes to failures that depend on all parameters together and to those that depend on one alone.
fn shapes(dimensions: &Dimensions) -> Vec<(f64, Shape)> {
    let root = (dimensions.n_varying() as f64).sqrt();
    let kinds = match dimensions.varying() {
        [_] | [] => vec![(None, 1.0)],
        several => {
            let one = 0.5 / several.len() as f64;
            let singles = several.iter().map(|j| (Some(*j), one));
            std::iter::once((None, 0.5)).chain(singles).collect()
        }
    };
    let mut shapes = Vec::new();
    for (only, prior) in kinds {
        for length in LENGTHS {
            for size in SIZES {
                let share = prior / (LENGTHS.len() * SIZES.len()) as f64;
                let length = if only.is_some() { length } else { length * root };
                shapes.push((libm::log(share), Shape { length, size, only }));
            }
        }
    }
    shapes
}

/// The trials that classifiers learn from: of either kind the latest and, one by one, the one farthest from those chosen.
fn learned(trials: &[(Vec<f64>, bool)]) -> Vec<(Vec<f64>, bool)> {
    let mut chosen: Vec<usize> = Vec::new();
    for kind in [true, false] {
        let of_kind: Vec<usize> = (0..trials.len()).filter(|i| trials[*i].1 == kind).collect();
        if of_kind.len() <= MOST {
            chosen.extend(of_kind);
            continue;
        }
        let (earlier, latest) = of_kind.split_at(of_kind.len() - MOST / 3);
        let mut taken = latest.to_vec();
        let gap = |i: usize, taken: &[usize]| {
            let gaps = taken.iter().map(|t| distance(&trials[i].0, &trials[*t].0));
            gaps.fold(f64::INFINITY, f64::min)
        };
        let mut gaps: Vec<f64> = earlier.iter().map(|i| gap(*i, &taken)).collect();
        while taken.len() < MOST {
            let farthest = (0..earlier.len()).reduce(|a, b| if gaps[b] > gaps[a] { b } else { a });
            let Some(next) = farthest else { break };
            taken.push(earlier[next]);
            for (g, i) in gaps.iter_mut().zip(earlier) {
                *g = g.min(distance(&trials[*i].0, &trials[earlier[next]].0));
            }
        }
        chosen.extend(taken);
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|i| trials[i].clone()).collect()
}

/// `ln B(a, b)`.
fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[cfg(test)]
#[path = "feasibility_tests.rs"]
mod tests;
