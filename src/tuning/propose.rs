//! What the optimizer is told and what it answers.

use super::{Phase, Snapshot, Trial};
use crate::optimizer::{self, Observation, Outcome, Pending, Proposal, Recommendation, Request};

/// The finished trials as observations, by ascending index. Cancelled trials say nothing.
pub fn history(trials: &[Trial]) -> Vec<Observation> {
    let outcome = |t: &Trial| match t.phase {
        Phase::Succeeded => Some(t.value.map_or(Outcome::Failed, Outcome::Value)),
        Phase::EarlyStopped => Some(t.value.map_or(Outcome::Failed, Outcome::Stopped)),
        Phase::Failed(_) => Some(Outcome::Failed),
        Phase::Queued | Phase::Running | Phase::Cancelled => None,
    };
    let observe = |t: &Trial| {
        Some(Observation {
            index: t.index,
            point: t.point.clone(),
            outcome: outcome(t)?,
            resource: t.resource,
        })
    };
    trials.iter().filter_map(observe).collect()
}

/// Up to `n` new points; fewer where the strategy has to wait or has none left.
pub fn propose(snapshot: &Snapshot, n: u32) -> Vec<Proposal> {
    with_request(snapshot, n, optimizer::suggest)
}

/// The point to hand to the user; `None` while too few trials have succeeded.
pub fn recommend(snapshot: &Snapshot) -> Option<Recommendation> {
    with_request(snapshot, 1, optimizer::recommend)
}

/// Calls `f` with what an optimizer may know of this snapshot.
pub fn with_request<T>(snapshot: &Snapshot, n: u32, f: impl FnOnce(&Request) -> T) -> T {
    let job = &snapshot.job;
    let pending: Vec<Pending> = snapshot
        .trials
        .iter()
        .filter(|t| matches!(t.phase, Phase::Queued | Phase::Running))
        .map(|t| Pending {
            index: t.index,
            point: t.point.clone(),
            resource: t.resource,
        })
        .collect();
    f(&Request {
        space: &job.space,
        goal: job.objective.goal,
        strategy: &job.strategy,
        history: &history(&snapshot.trials),
        prior: &job.prior,
        pending: &pending,
        n: n as usize,
        max_trials: job.budget.max_trials,
        parallel: job.budget.parallel,
        seed: job.seed,
    })
}
