//! The Bayesian strategy: start-up points, then noisy expected improvement, at last the maximum of the posterior mean.

use super::acquisition::NoisyEi;
use super::dimensions::{Dimensions, SAME, same};
use super::evaluated::Evaluated;
use super::feasibility::Feasibility;
use super::gp::Posterior;
use super::kept::Limits;
use super::maximize::maximize;
use super::random::Random;
use super::space_filling::startup_place;
use super::training_data::TrainingData;
use super::{Interval, Prediction, Proposal, Recommendation, Request, Role, Why};
use crate::space::Point;

/// Start-up points before the first model, where nothing is known from earlier jobs.
const STARTUP: usize = 3;
/// Share of the budget that is spent at its end on the maximum of the posterior mean.
const EXPLOIT_SHARE: f64 = 1.0 / 6.0;
/// Where values do not vary by chance, a place so near to one that was evaluated teaches nothing.
const NEAR: f64 = 1e-3;
/// From fewer values that differ too little is known of their scale to hand an interval over.
const LEAST_DIFFERENT: usize = 3;
/// A belief is never surer than this, in standard deviations of all values: no objective is quite what a model takes it for.
const LEAST_SD: f64 = 2e-3;
/// Half the width of a 90 % interval of a normal distribution, in standard deviations.
const NINETY: f64 = 1.644_853_626_951_472_2;

/// The next points; fewer only where every point of a discrete space has failed or is under way.
pub(super) fn suggest(request: &Request, limits: Limits) -> Vec<Proposal> {
    let data = TrainingData::of(request, limits);
    let has_prior = data.as_ref().is_some_and(|data| data.n_prior > 0);
    let n_startup = if has_prior {
        0
    } else {
        STARTUP.max(request.parallel as usize)
    };
    let n_asked = request.history.len() + request.pending.len();
    let n_first = if data.is_some() {
        n_startup.saturating_sub(n_asked)
    } else {
        request.n
    };
    let mut evaluated = Evaluated::of(request);
    let mut proposals = startup(request, &mut evaluated, n_first.min(request.n), 0);
    if let Some(data) = data.filter(|_| n_first < request.n) {
        let chosen = proposals
            .iter()
            .filter_map(|p| request.space.to_unit(&p.point))
            .collect();
        let n = request.n - proposals.len();
        proposals.extend(model_based(request, &data, &mut evaluated, chosen, n));
        // A model that could not be fitted, or sees nowhere to go, does not hold the job up.
        let missing = request.n - proposals.len();
        proposals.extend(startup(request, &mut evaluated, missing, proposals.len()));
    }
    proposals
}

fn startup(request: &Request, evaluated: &mut Evaluated, n: usize, n_chosen: usize) -> Vec<Proposal> {
    let dimensions = Dimensions::of(request.space);
    let next = |i: usize| {
        let point = evaluated.next(request, |number| startup_place(&dimensions, request.seed, number))?;
        evaluated.add(point.clone());
        Some(Proposal::plain(point, Role::Startup, request, n_chosen + i))
    };
    (0..n).map_while(next).collect()
}

/// `n` points by the model, given those of the same batch that are `chosen` already; fewer if it sees nowhere to go.
fn model_based(
    request: &Request,
    data: &TrainingData,
    evaluated: &mut Evaluated,
    chosen: Vec<Vec<f64>>,
    n: usize,
) -> Vec<Proposal> {
    let n_asked = request.history.len() + request.pending.len() + chosen.len();
    let mut random = Random::new(&[request.seed, request.history.len() as u64, n_asked as u64]);
    let mut under_way: Vec<Vec<f64>> = pending_places(request).into_iter().chain(chosen).collect();
    let Some(posterior) = data.posterior() else {
        return vec![];
    };
    let room = under_way.len() + n;
    let Some(mut acquisition) = NoisyEi::new(&posterior, &data.eligible_for_best(), room, &mut random) else {
        return vec![];
    };
    under_way
        .iter()
        .for_each(|place| acquisition.add(place, &mut random));
    let repeats_teach = !data.is_exact();
    let known = data.feasibility();
    let mut view = View {
        request,
        data,
        posterior: &posterior,
        feasibility: known.clone().expecting(&under_way),
        known,
        repeats_teach,
    };
    let mut anchors = data.anchors(|places| view.means(places));
    let n_anchors = anchors.len();
    let mut proposals = Vec::new();
    for i in 0..n {
        let explores = n_asked + i < exploit_from(request) || !repeats_teach;
        // Where the best place by the mean is under way already, the next trial goes where most may be gained.
        let ways = if explores {
            [true].as_slice()
        } else {
            [false, true].as_slice()
        };
        let found = ways.iter().find_map(|explores| {
            let acquisition = explores.then_some(&acquisition);
            let (place, height) = view.highest(acquisition, evaluated, &under_way, &anchors, &mut random)?;
            let point = request.space.from_unit(&place);
            let gain =
                acquisition.map(|_| height - view.feasibility.log_penalties(std::slice::from_ref(&place))[0]);
            evaluated.may_repeat(&point).then_some((place, point, gain))
        });
        let Some((place, point, gain)) = found else { break };
        let why = view.why(&place, gain, under_way.len());
        evaluated.add(point.clone());
        proposals.push(Proposal {
            point,
            resource: None,
            why,
        });
        acquisition.add(&place, &mut random);
        anchors.truncate(n_anchors);
        anchors.push(place.clone());
        view.feasibility = view.feasibility.expecting(std::slice::from_ref(&place));
        under_way.push(place);
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

/// What the models say of the space.
struct View<'a> {
    request: &'a Request<'a>,
    data: &'a TrainingData,
    posterior: &'a Posterior<'a>,
    /// Where trials fail as far as is known, and where those under way are counted as failed.
    known: Feasibility<'a>,
    feasibility: Feasibility<'a>,
    /// Whether a value at a place that has one may differ from it.
    repeats_teach: bool,
}

impl View<'_> {
    /// Posterior means, far lower where trials are likely to fail.
    fn means(&self, places: &[Vec<f64>]) -> Vec<f64> {
        let barriers = self.feasibility.barriers(places);
        let means = self.posterior.means(places).into_iter().zip(barriers);
        means.map(|(mean, barrier)| mean + barrier).collect()
    }

    /// The open place with the highest gain, or with the highest mean where no acquisition is given, and its height.
    fn highest(
        &self,
        acquisition: Option<&NoisyEi>,
        evaluated: &Evaluated,
        under_way: &[Vec<f64>],
        anchors: &[Vec<f64>],
        random: &mut Random,
    ) -> Option<(Vec<f64>, f64)> {
        let space = self.request.space;
        let no_repeats = space.is_discrete() && evaluated.leaves_any(space);
        let closed = |p: &[f64]| {
            under_way.iter().any(|u| same(u, p))
                || no_repeats && self.data.was_evaluated(p, SAME)
                || !self.repeats_teach && self.data.was_evaluated(p, NEAR)
        };
        let open = |heights: Vec<f64>, places: &[Vec<f64>]| -> Vec<f64> {
            let heights = heights.into_iter().zip(places);
            heights
                .map(|(height, p)| if closed(p) { f64::NEG_INFINITY } else { height })
                .collect()
        };
        let height = |places: &[Vec<f64>]| match acquisition {
            None => open(self.means(places), places),
            Some(acquisition) => {
                let penalties = self.feasibility.log_penalties(places);
                let gains = acquisition.log_values(places).into_iter().zip(penalties);
                open(gains.map(|(gain, penalty)| gain + penalty).collect(), places)
            }
        };
        maximize(&self.data.dimensions, anchors, random, height)
    }

    /// Why this place was chosen; without a gain it was for its mean.
    fn why(&self, place: &[f64], gain: Option<f64>, n_pending: usize) -> Why {
        let (mean, sd) = self.posterior.mean_and_sd(place);
        let transform = &self.data.transform;
        let (low, high) = transform.interval(mean, sd);
        Why {
            role: if gain.is_none() {
                Role::Exploit
            } else {
                Role::Explore
            },
            mean: Some(transform.to_value(mean)),
            sd: Some((high - low) / 2.0),
            acquisition: gain,
            gain: gain.map(|log_ei| transform.size(libm::exp(log_ei))),
            noise: Some(transform.size(self.posterior.noise_at(place, &self.data.dimensions).sqrt())),
            feasibility: Some(self.known.probability(place)),
            n_observed: self.request.history.len() as u32,
            n_left_out: self.data.n_left_out as u32,
            n_pending: n_pending as u32,
            models: self.posterior.why(),
            known: None,
        }
    }
}

/// The point to hand to the user: the highest mean less one standard deviation, so that a lucky value does not win. Where
/// trials failed only points that succeeded are considered, since the edge of what works is not known; and so where there
/// are more trials than the models take, since hyperparameters from a part of them may promise much of an untried place.
pub(super) fn recommend(request: &Request, limits: Limits) -> Option<Recommendation> {
    let own = Request {
        prior: &[],
        ..*request
    };
    let data = TrainingData::of(&own, limits.of_beliefs()).filter(|data| data.n_final >= 2)?;
    let (posterior, belief) = data.beliefs()?;
    let guarded = |places: &[Vec<f64>]| -> Vec<f64> {
        let predictions = places.iter().map(|p| posterior.mean_and_sd(p));
        predictions.map(|(mean, sd)| mean - sd).collect()
    };
    let mut random = Random::new(&[request.seed, request.history.len() as u64, u64::MAX]);
    let place = if data.any_failed() || !data.is_whole() {
        let places: Vec<Vec<f64>> = data.final_places().cloned().collect();
        let rated = guarded(&places).into_iter().zip(places);
        rated.reduce(|a, b| if b.0 > a.0 { b } else { a })?.1
    } else {
        maximize(&data.dimensions, &data.anchors(guarded), &mut random, guarded)?.0
    };
    let point = request.space.from_unit(&place);
    let prediction = prediction(&data, &belief, &place);
    Some(Recommendation {
        point,
        mean: prediction.mean,
        interval: prediction
            .interval
            .filter(|_| data.n_different >= LEAST_DIFFERENT),
    })
}

/// Predictions at some points.
pub(super) fn predict(request: &Request, points: &[Point], limits: Limits) -> Option<Vec<Prediction>> {
    let own = Request {
        prior: &[],
        ..*request
    };
    let data = TrainingData::of(&own, limits.of_beliefs())?;
    let (_, belief) = data.beliefs()?;
    points
        .iter()
        .map(|p| Some(prediction(&data, &belief, &request.space.to_unit(p)?)))
        .collect()
}

fn prediction(data: &TrainingData, posterior: &Posterior, place: &[f64]) -> Prediction {
    let (mean, sd) = posterior.mean_and_sd(place);
    let width = ninety(data.n_final) * sd.max(LEAST_SD);
    let (low, high) = data.transform.interval(mean, width);
    Prediction {
        mean: data.transform.to_value(mean),
        // Equal values have no scale of their own.
        interval: (data.n_different > 1).then_some(Interval { low, high }),
    }
}

/// Half the width of a 90 % interval after so many values, in standard deviations: Student's, since the scale of the values
/// was learned from them (Abramowitz and Stegun 1964, 26.7.5).
fn ninety(n: usize) -> f64 {
    let freedom = n.saturating_sub(1).max(2) as f64;
    let (z, z3, z5) = (NINETY, NINETY.powi(3), NINETY.powi(5));
    z + (z3 + z) / (4.0 * freedom) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom * freedom)
}
