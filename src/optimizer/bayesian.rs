//! The Bayesian strategy: start-up points, then noisy expected improvement, at last the maximum of the posterior mean.

use super::acquisition::NoisyEi;
use super::columns::{Columns, distance};
use super::evidence::Data;
use super::feasibility::Feasibility;
use super::gp::Posterior;
use super::maximize::maximize;
use super::outcome::Scaling;
use super::random::Random;
use super::sampled::startup_place;
use super::{Belief, Observation, Outcome, Proposal, Recommendation, Request, Role, Why};
use crate::space::Point;

/// Start-up points before the first model, where nothing is known from earlier jobs.
const STARTUP: usize = 3;
/// Share of the budget that is spent at its end on the maximum of the posterior mean.
const EXPLOIT_SHARE: f64 = 1.0 / 6.0;
/// Most observations of earlier jobs that are used: the best and the latest say enough, and time grows with their cube.
const MOST_PRIOR: usize = 40;
/// Half the width of a 90 % interval, in standard deviations.
const NINETY: f64 = 1.644_853_626_951_472_2;

/// What the model learns from, in its own terms.
struct Known {
    columns: Columns,
    data: Data,
    /// How many of `data` are of earlier jobs; they come first.
    n_prior: usize,
    scaling: Scaling,
    /// Places of all finished trials of this job, and whether they succeeded.
    finished: Vec<(Vec<f64>, bool)>,
}

impl Known {
    /// `None` while there are not enough values for a model.
    fn of(request: &Request) -> Option<Self> {
        let columns = Columns::of(request.space);
        let own = values(request, request.history);
        let prior = best_of(values(request, request.prior), request);
        if own.len() < 2 && prior.len() < 2 {
            return None;
        }
        let mut data = Data::default();
        // An earlier job's values may be shifted: each job is put on its own scale, and trusted less the more is known here.
        let doubt = 0.2 * (1.0 + own.len() as f64 / 4.0);
        let n_prior = if prior.len() < 2 { 0 } else { prior.len() };
        let prior_scaling = (n_prior > 0).then(|| data.extend(&prior, request, doubt));
        let own_scaling = (!own.is_empty()).then(|| data.extend(&own, request, 0.0));
        let scaling = own_scaling.filter(|_| own.len() > 1).or(prior_scaling)?;
        let finished = request
            .history
            .iter()
            .filter_map(|o| Some((o, request.space.to_unit(&o.point)?)));
        let mut finished: Vec<(u32, Vec<f64>, bool)> = finished
            .map(|(o, place)| (o.index, place, value_of(o).is_some()))
            .collect();
        finished.sort_by_key(|(index, ..)| *index);
        let finished = finished.into_iter().map(|(_, place, ok)| (place, ok)).collect();
        Some(Self {
            columns,
            data,
            n_prior,
            scaling,
            finished,
        })
    }

    fn feasibility(&self) -> Feasibility<'_> {
        Feasibility::new(&self.columns, self.finished.clone())
    }

    /// At which observations the best value may be sought: at this job's, where there are any.
    fn counts(&self) -> Vec<bool> {
        let n = self.data.values.len();
        (0..n).map(|i| i >= self.n_prior || self.n_prior == n).collect()
    }

    /// The observed places with the highest rating, apart from each other.
    fn anchors(&self, rate: impl Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let mut rated: Vec<(&Vec<f64>, f64)> = self.data.places.iter().map(|p| (p, rate(p))).collect();
        rated.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut anchors: Vec<Vec<f64>> = Vec::new();
        for (place, _) in rated {
            if anchors.len() < 3 && anchors.iter().all(|a| distance(a, place) > 1e-9) {
                anchors.push(place.clone());
            }
        }
        anchors
    }
}

impl Data {
    /// Adds one job's values on their own scale.
    fn extend(&mut self, observed: &[(Vec<f64>, f64)], request: &Request, extra_noise: f64) -> Scaling {
        let raw: Vec<f64> = observed.iter().map(|(_, v)| *v).collect();
        let (scaling, scaled) = Scaling::fit(&raw, request.goal);
        self.places
            .extend(observed.iter().map(|(place, _)| place.clone()));
        self.values.extend(scaled);
        self.extra_noise.resize(self.values.len(), extra_noise);
        scaling
    }
}

/// The value of a trial that has one. A trial stopped early has its last: it is not what a whole run would have given,
/// but trials are stopped for being bad, and that is what the model must learn from them.
fn value_of(observation: &Observation) -> Option<f64> {
    match observation.outcome {
        Outcome::Value(v) | Outcome::Stopped(v) => Some(v).filter(|v| v.is_finite()),
        Outcome::Failed => None,
    }
}

/// Places and values of the trials that have a value, by ascending index.
fn values(request: &Request, history: &[Observation]) -> Vec<(Vec<f64>, f64)> {
    let mut found: Vec<(u32, Vec<f64>, f64)> = history
        .iter()
        .filter_map(|o| Some((o.index, request.space.to_unit(&o.point)?, value_of(o)?)))
        .collect();
    found.sort_by_key(|(index, ..)| *index);
    found
        .into_iter()
        .map(|(_, place, value)| (place, value))
        .collect()
}

fn best_of(mut values: Vec<(Vec<f64>, f64)>, request: &Request) -> Vec<(Vec<f64>, f64)> {
    if values.len() > MOST_PRIOR {
        values.sort_by(|a, b| match request.goal {
            super::Goal::Maximize => b.1.total_cmp(&a.1),
            super::Goal::Minimize => a.1.total_cmp(&b.1),
        });
        values.truncate(MOST_PRIOR);
    }
    values
}

/// The next points.
pub fn suggest(request: &Request) -> Vec<Proposal> {
    let asked = request.history.len() + request.pending.len();
    let known = Known::of(request);
    let has_prior = known.as_ref().is_some_and(|k| k.n_prior > 0);
    let n_startup = if has_prior {
        0
    } else {
        STARTUP.max(request.parallel as usize)
    };
    let mut chosen: Vec<Vec<f64>> = Vec::new();
    let mut proposals = Vec::new();
    while proposals.len() < request.n && (asked + proposals.len() < n_startup || known.is_none()) {
        let (place, why) = startup(request, asked + proposals.len());
        proposals.push(Proposal {
            point: request.space.from_unit(&place),
            resource: None,
            why,
        });
        chosen.push(place);
    }
    if let Some(known) = known.filter(|_| proposals.len() < request.n) {
        proposals.extend(model_based(request, &known, chosen));
    }
    proposals
}

fn startup(request: &Request, number: usize) -> (Vec<f64>, Why) {
    let mut why = Why::plain(Role::Startup, request, 0);
    why.n_pending = 0;
    (startup_place(request, number), why)
}

fn model_based(request: &Request, known: &Known, startup: Vec<Vec<f64>>) -> Vec<Proposal> {
    let n_asked = request.history.len() + request.pending.len() + startup.len();
    let mut random = Random::new(&[request.seed, request.history.len() as u64, n_asked as u64]);
    let Some(posterior) = Posterior::fit(&known.data, &known.columns) else {
        return vec![];
    };
    let feasibility = known.feasibility();
    let mean = |place: &[f64]| posterior.mean(place) + feasibility.wall(place);
    let mut anchors = known.anchors(mean);
    let n_anchors = anchors.len();
    let under_way: Vec<Vec<f64>> = pending_places(request).into_iter().chain(startup).collect();
    let n = request.n - (n_asked - request.history.len() - request.pending.len());
    let Some(mut acquisition) = NoisyEi::new(&posterior, &known.counts(), under_way.len() + n, &mut random)
    else {
        return vec![];
    };
    under_way
        .iter()
        .for_each(|place| acquisition.add(place, &mut random));
    let first_exploit = exploit_from(request);
    let mut proposals = Vec::new();
    for i in 0..n {
        let exploit = n_asked + i >= first_exploit;
        let gain = |place: &[f64]| match under_way.iter().any(|p| p == place) {
            // What is under way already is not tried twice, unless nothing else is left.
            true => f64::NEG_INFINITY,
            false => acquisition.log_value(place) + feasibility.log_probability(place),
        };
        let best_mean = |random: &mut Random| maximize(&known.columns, &anchors, random, mean);
        let found = match exploit {
            true => best_mean(&mut random),
            false => maximize(&known.columns, &anchors, &mut random, gain).or_else(|| best_mean(&mut random)),
        };
        let Some((place, height)) = found else { break };
        let step = Step {
            place: &place,
            exploit,
            height,
            n_pending: under_way.len() + i,
        };
        let why = step.why(request, known, &posterior, &feasibility);
        proposals.push(Proposal {
            point: request.space.from_unit(&place),
            resource: None,
            why,
        });
        acquisition.add(&place, &mut random);
        anchors.truncate(n_anchors);
        anchors.push(place);
    }
    proposals
}

/// Places of the trials that run, by ascending index.
fn pending_places(request: &Request) -> Vec<Vec<f64>> {
    let places = request
        .pending
        .iter()
        .filter_map(|p| Some((p.index, request.space.to_unit(&p.point)?)));
    let mut places: Vec<(u32, Vec<f64>)> = places.collect();
    places.sort_by_key(|(index, _)| *index);
    places.into_iter().map(|(_, place)| place).collect()
}

/// Number of the trial from which on the budget is spent on the best mean.
fn exploit_from(request: &Request) -> usize {
    let share = libm::round(EXPLOIT_SHARE * f64::from(request.max_trials)) as usize;
    (request.max_trials as usize).saturating_sub(share)
}

/// A step that a model has chosen.
struct Step<'a> {
    place: &'a [f64],
    exploit: bool,
    height: f64,
    n_pending: usize,
}

impl Step<'_> {
    fn why(&self, request: &Request, known: &Known, posterior: &Posterior, feasibility: &Feasibility) -> Why {
        let (mean, sd) = posterior.mean_and_sd(self.place);
        let (low, high) = known.scaling.interval(mean, sd);
        Why {
            role: if self.exploit {
                Role::Exploit
            } else {
                Role::Explore
            },
            mean: Some(known.scaling.to_value(mean)),
            sd: Some((high - low) / 2.0),
            acquisition: (!self.exploit && self.height.is_finite()).then_some(self.height),
            feasibility: Some(feasibility.probability(self.place)),
            n_observed: request.history.len() as u32,
            n_pending: self.n_pending as u32,
            models: posterior.why(),
        }
    }
}

impl Why {
    /// The reasons of a proposal that no model made.
    pub(super) fn plain(role: Role, request: &Request, n_chosen: usize) -> Self {
        Self {
            role,
            mean: None,
            sd: None,
            acquisition: None,
            feasibility: None,
            n_observed: request.history.len() as u32,
            n_pending: (request.pending.len() + n_chosen) as u32,
            models: vec![],
        }
    }
}

/// The point to hand to the user: the highest mean less one standard deviation, so that a lucky value does not win. Where
/// trials failed only points that succeeded are considered, since the edge of what works is not known.
pub fn recommend(request: &Request) -> Option<Recommendation> {
    let own = Request {
        prior: &[],
        ..*request
    };
    let known = Known::of(&own)?;
    let posterior = Posterior::fit(&known.data, &known.columns)?;
    let feasibility = known.feasibility();
    let guarded = |place: &[f64]| {
        let (mean, sd) = posterior.mean_and_sd(place);
        mean + feasibility.wall(place) - sd
    };
    let mut random = Random::new(&[request.seed, request.history.len() as u64, u64::MAX]);
    let place = if feasibility.any_failed() {
        let rated = known.data.places.iter().map(|p| (p, guarded(p)));
        rated.reduce(|a, b| if b.1 > a.1 { b } else { a })?.0.clone()
    } else {
        maximize(&known.columns, &known.anchors(guarded), &mut random, guarded)?.0
    };
    let point = request.space.from_unit(&place);
    let belief = belief(&known, &posterior, &place);
    Some(Recommendation {
        point,
        mean: belief.mean,
        low: belief.low,
        high: belief.high,
    })
}

/// Belief at some points.
pub fn believe(request: &Request, points: &[Point]) -> Option<Vec<Belief>> {
    let own = Request {
        prior: &[],
        ..*request
    };
    let known = Known::of(&own)?;
    let posterior = Posterior::fit(&known.data, &known.columns)?;
    points
        .iter()
        .map(|p| Some(belief(&known, &posterior, &request.space.to_unit(p)?)))
        .collect()
}

fn belief(known: &Known, posterior: &Posterior, place: &[f64]) -> Belief {
    let (mean, sd) = posterior.mean_and_sd(place);
    let (low, high) = known.scaling.interval(mean, NINETY * sd);
    Belief {
        mean: known.scaling.to_value(mean),
        low,
        high,
    }
}
