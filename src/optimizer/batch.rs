//! A batch of points by the model, one by one.
//!
//! Each point depends on those before it as trials under way do, and draws by chance from a stream of its own: a batch that was
//! cut off goes on with the points that it would have had.

use super::acquisition::NoisyEi;
use super::dimensions::{SAME, same};
use super::evaluated::Evaluated;
use super::feasibility::Feasibility;
use super::gp::Posterior;
use super::maximize::maximize;
use super::random::Random;
use super::training_data::TrainingData;
use super::{METHOD, Observation, Outcome, Proposal, Request, Role, Why};
use crate::space::Point;

/// Where values do not vary by chance, a place so near to one that was evaluated teaches nothing.
const NEAR: f64 = 1e-3;
/// What chance is for: samples of the posterior.
const SAMPLES: u64 = 0;
/// What a trial under way may find.
const UNDER_WAY: u64 = 1;
/// The way to the highest place.
const CLIMB: u64 = 2;

/// The points under way, and what the model says of the next.
pub(super) struct Batch<'a> {
    view: View<'a>,
    acquisition: NoisyEi<'a>,
    /// Of the trials that run, by ascending index, and of the batch so far.
    under_way: Vec<Vec<f64>>,
    /// Good places, where climbs begin. What is under way makes no difference to them: a batch that was cut off begins its
    /// climbs where the whole one would.
    anchors: Vec<Vec<f64>>,
}

impl<'a> Batch<'a> {
    /// A batch of which some points are `chosen`, with room for `n` more; `None` if no samples can be drawn, which finite data
    /// do not cause.
    pub(super) fn new(
        request: &'a Request,
        data: &'a TrainingData,
        posterior: &'a Posterior,
        chosen: Vec<Vec<f64>>,
        n: usize,
    ) -> Option<Self> {
        let under_way: Vec<Vec<f64>> = pending_places(request).into_iter().chain(chosen).collect();
        let (room, counts) = (under_way.len() + n, data.eligible_for_best());
        let mut acquisition = NoisyEi::new(posterior, &counts, room, &mut stream(request, SAMPLES, 0))?;
        for (number, place) in under_way.iter().enumerate() {
            acquisition.add(place, &mut stream(request, UNDER_WAY, number));
        }
        let known = data.feasibility();
        let view = View {
            request,
            data,
            posterior,
            feasibility: known.clone().expecting(&under_way),
            known,
            repeats_teach: !data.is_exact(),
        };
        let anchors = data.anchors(|places| view.means(places, &view.known));
        Some(Self {
            view,
            acquisition,
            under_way,
            anchors,
        })
    }

    /// The next point; `None` where the model sees nowhere to go.
    pub(super) fn next(&self, exploits: bool, evaluated: &Evaluated) -> Option<Proposal> {
        let number = self.under_way.len();
        let anchors: Vec<Vec<f64>> = self
            .anchors
            .iter()
            .chain(self.under_way.last())
            .cloned()
            .collect();
        // Where the best place by the mean is under way already, the next trial goes where most may be gained.
        let ways = if exploits && self.view.repeats_teach {
            [false, true].as_slice()
        } else {
            [true].as_slice()
        };
        ways.iter().find_map(|explores| {
            let acquisition = explores.then_some(&self.acquisition);
            let climb = &mut stream(self.view.request, CLIMB, number);
            let (place, height) =
                self.view
                    .highest(acquisition, evaluated, &self.under_way, &anchors, climb)?;
            let point = self.view.request.space.from_unit(&place);
            let point = evaluated.may_repeat(&point).then_some(point)?;
            self.view
                .proposal(point, acquisition.map(|_| height), number, evaluated)
        })
    }

    /// One of the best points again: of as many as are to be replicated, the one that was tried least, the best of those;
    /// `None` where all are under way or failed the last time.
    pub(super) fn replicate(&self, evaluated: &Evaluated) -> Option<Proposal> {
        let view = &self.view;
        let is_value = |o: &&Observation| matches!(o.outcome, Outcome::Value(v) if v.is_finite());
        let mut succeeded: Vec<&Observation> = view.request.history.iter().filter(is_value).collect();
        succeeded.sort_by_key(|o| o.index);
        let mut rated: Vec<(&Point, f64)> = Vec::new();
        for observation in succeeded {
            if !rated.iter().any(|(point, _)| **point == observation.point) {
                let place = view.request.space.to_unit(&observation.point)?;
                let (mean, sd) = view.posterior.mean_and_sd(&place);
                rated.push((&observation.point, mean - sd));
            }
        }
        // Of equals the earlier trial's comes first.
        rated.sort_by(|a, b| b.1.total_cmp(&a.1));
        rated.truncate(view.request.replicates as usize);
        let open = rated.into_iter().filter(|(point, _)| evaluated.may_repeat(point));
        let (point, _) = open.min_by_key(|(point, _)| evaluated.count(point))?;
        let mut proposal = view.proposal(point.clone(), None, self.under_way.len(), evaluated)?;
        proposal.why.role = Role::Replicate;
        Some(proposal)
    }

    /// Counts on a trial at this point.
    pub(super) fn add(&mut self, point: &Point) {
        // Where the point lies, which is rounded: nothing more is known of it once it is recorded.
        let Some(place) = self.view.request.space.to_unit(point) else {
            return;
        };
        let chance = &mut stream(self.view.request, UNDER_WAY, self.under_way.len());
        self.acquisition.add(&place, chance);
        self.view.expect(&place);
        self.under_way.push(place);
    }
}

/// The random numbers for one purpose and one point.
fn stream(request: &Request, part: u64, number: usize) -> Random {
    Random::new(&[request.seed, request.history.len() as u64, part, number as u64])
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
    /// Counts on a trial there, which may fail.
    fn expect(&mut self, place: &[f64]) {
        self.feasibility = self.feasibility.clone().expecting(&[place.to_vec()]);
    }

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
    fn proposal(
        &self,
        point: Point,
        height: Option<f64>,
        n_pending: usize,
        evaluated: &Evaluated,
    ) -> Option<Proposal> {
        let place = self.request.space.to_unit(&point)?;
        let penalty = self.feasibility.log_penalties(std::slice::from_ref(&place))[0];
        let gain = height.map(|height| height - penalty);
        let why = Why {
            replicate: evaluated.count(&point),
            ..self.why(&place, gain, n_pending)
        };
        let resource = None;
        Some(Proposal { point, resource, why })
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
            replicate: 0,
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
