//! The Bayesian strategy: start-up points, then noisy expected improvement, at last the maximum of the posterior mean.

use super::batch::Batch;
use super::dimensions::Dimensions;
use super::evaluated::Evaluated;
use super::kept::Limits;
use super::space_filling::startup_place;
use super::training_data::TrainingData;
use super::{Proposal, Request, Role};

/// Start-up points before the first model, where nothing is known from earlier jobs.
const STARTUP: usize = 3;
/// Share of the budget that is spent at its end on the maximum of the posterior mean.
const EXPLOIT_SHARE: f64 = 1.0 / 6.0;

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
    let n_chosen = chosen.len();
    let n_asked = request.history.len() + request.pending.len() + n_chosen;
    let posterior = data.posterior();
    let batch = posterior
        .as_ref()
        .and_then(|p| Batch::new(request, data, p, chosen, n));
    let Some(mut batch) = batch else {
        return vec![];
    };
    let mut proposals = Vec::new();
    for i in 0..n {
        let replicates = n_asked + i >= replicate_from(request);
        let again = replicates.then(|| batch.replicate(evaluated)).flatten();
        let exploits = n_asked + i >= exploit_from(request);
        // Where the model sees nowhere to go, this one trial is chosen without it.
        let proposal = match again.or_else(|| batch.next(exploits, evaluated)) {
            Some(proposal) => {
                evaluated.add(proposal.point.clone());
                Some(proposal)
            }
            None => startup(request, evaluated, 1, n_chosen + i).pop(),
        };
        let Some(proposal) = proposal else { break };
        batch.add(&proposal.point);
        proposals.push(proposal);
    }
    proposals
}

/// Number of the trial from which on the budget is spent on the best mean.
fn exploit_from(request: &Request) -> usize {
    let share = libm::round(EXPLOIT_SHARE * f64::from(request.max_trials)) as usize;
    replicate_from(request).saturating_sub(share)
}

/// Number of the trial from which on the budget is spent on trying the best points again.
fn replicate_from(request: &Request) -> usize {
    request.max_trials.saturating_sub(request.replicates) as usize
}
