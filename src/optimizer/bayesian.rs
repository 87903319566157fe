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
use super::{METHOD, Proposal, Request, Role, Why};
use crate::space::Point;

/// Start-up points before the first model, where nothing is known from earlier jobs.
const STARTUP: usize = 3;
/// Share of the budget that is spent at its end on the maximum of the posterior mean.
const EXPLOIT_SHARE: f64 = 1.0 / 6.0;
/// Where values do not vary by chance, a place so near to one that was evaluated teaches nothing.
const NEAR: f64 = 1e-3;
/// What chance is for: samples of the posterior.
const SAMPLES: u64 = 0;
/// What a trial under way may find.
const UNDER_WAY: u64 = 1;
/// The way to the highest place.
const CLIMB: u64 = 2;

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
///
/// Each point depends on those before it as trials under way do, and draws by chance from a stream of its own: a batch that was
/// cut off goes on with the points that it would have had.
fn model_based(
    request: &Request,
    data: &TrainingData,
    evaluated: &mut Evaluated,
    chosen: Vec<Vec<f64>>,
    n: usize,
) -> Vec<Proposal> {
    let n_chosen = chosen.len();
    let n_asked = request.history.len() + request.pending.len() + n_chosen;
    let n_finished = request.history.len() as u64;
    let stream = |part: u64, number: usize| Random::new(&[request.seed, n_finished, part, number as u64]);
    let mut under_way: Vec<Vec<f64>> = pending_places(request).into_iter().chain(chosen).collect();
    let Some(posterior) = data.posterior() else {
        return vec![];
    };
    let room = under_way.len() + n;
    let Some(mut acquisition) = NoisyEi::new(
        &posterior,
        &data.eligible_for_best(),
        room,
        &mut stream(SAMPLES, 0),
    ) else {
        return vec![];
    };
    for (number, place) in under_way.iter().enumerate() {
        acquisition.add(place, &mut stream(UNDER_WAY, number));
    }
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
    // What is under way makes no difference to them: a batch that was cut off begins its climbs where the whole one would.
    let mut anchors = data.anchors(|places| view.means(places, &view.known));
    let n_anchors = anchors.len();
    let mut proposals = Vec::new();
    for i in 0..n {
        let number = under_way.len();
        anchors.truncate(n_anchors);
        anchors.extend(under_way.last().cloned());
        let explores = n_asked + i < exploit_from(request) || !repeats_teach;
        // Where the best place by the mean is under way already, the next trial goes where most may be gained.
        let ways = if explores {
            [true].as_slice()
        } else {
            [false, true].as_slice()
        };
        let found = ways.iter().find_map(|explores| {
            let acquisition = explores.then_some(&acquisition);
            let climb = &mut stream(CLIMB, number);
            let (place, height) = view.highest(acquisition, evaluated, &under_way, &anchors, climb)?;
            let point = request.space.from_unit(&place);
            let is_open = evaluated.may_repeat(&point);
            is_open.then_some((point, acquisition.map(|_| height)))
        });
        let proposal = match found {
            Some((point, height)) => {
                evaluated.add(point.clone());
                view.proposal(point, height, number)
            }
            // Where the model sees nowhere to go, this one trial is chosen without it.
            None => startup(request, evaluated, 1, n_chosen + i).pop(),
        };
        let Some(proposal) = proposal else { break };
        // Where the point lies, which is rounded: nothing more is known of it once it is recorded.
        let Some(place) = request.space.to_unit(&proposal.point) else {
            break;
        };
        proposals.push(proposal);
        acquisition.add(&place, &mut stream(UNDER_WAY, number));
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
    fn means(&self, places: &[Vec<f64>], feasibility: &Feasibility) -> Vec<f64> {
        let barriers = feasibility.barriers(places);
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
            None => open(self.means(places, &self.feasibility), places),
            Some(acquisition) => {
                let penalties = self.feasibility.log_penalties(places);
                let gains = acquisition.log_values(places).into_iter().zip(penalties);
                open(gains.map(|(gain, penalty)| gain + penalty).collect(), places)
            }
        };
        maximize(&self.data.dimensions, anchors, random, height)
    }

    /// The trial at this point, which was chosen for this height of the acquisition, or for its mean.
    fn proposal(&self, point: Point, height: Option<f64>, n_pending: usize) -> Option<Proposal> {
        let place = self.request.space.to_unit(&point)?;
        let penalty = self.feasibility.log_penalties(std::slice::from_ref(&place))[0];
        let gain = height.map(|height| height - penalty);
        Some(Proposal {
            point,
            resource: None,
            why: self.why(&place, gain, n_pending),
        })
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
            method: METHOD,
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
