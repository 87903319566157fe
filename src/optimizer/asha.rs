//! ASHA (Li et al. 2020, algorithm 2): successive halving that never waits.
//!
//! A trial of rung `k = 0, 1, …` may spend `min eta^k`, as long as that is at most `max`. Where a slot is free, a point among
//! the best `1 / eta` of those that have finished at their rung so far goes on to the next one, from the highest rung first;
//! if there is none, a new point begins at the lowest. Whoever is promoted early may turn out not to have been among the best: that
//! is the price of no slot ever waiting for a trial that takes long. It all follows from the trials, so nothing is remembered.

use super::dimensions::Dimensions;
use super::evaluated::Evaluated;
use super::halving::{Entry, best, entries, missing, n_steps, rationed};
use super::space_filling::sobol_place;
use super::{Goal, Proposal, Request, Role};
use crate::space::Point;

/// The next trials: as many as are asked for, unless every point of a discrete space has failed or is under way.
pub(super) fn suggest(request: &Request, min_resource: u32, max_resource: u32, eta: u32) -> Vec<Proposal> {
    let resources = resources(min_resource, max_resource, eta);
    let entries = entries(request);
    // A trial whose resource is not known belongs to no rung.
    let of_rung = |resource: &u32| entries.iter().filter(|e| e.resource == Some(*resource)).collect();
    let rungs: Vec<Vec<&Entry>> = resources.iter().map(of_rung).collect();
    let mut evaluated = Evaluated::of(request);
    let mut proposals: Vec<Proposal> = Vec::new();
    for k in (1..rungs.len()).rev() {
        for point in promotable(&rungs[k - 1], &rungs[k], request.goal, eta) {
            // Where a discrete space is used up, it may be under way at another rung.
            if proposals.len() < request.n && evaluated.may_repeat(&point) {
                evaluated.add(point.clone());
                let (role, resource) = (Role::Promoted, resources[k]);
                proposals.push(rationed(point, role, resource, request, proposals.len()));
            }
        }
    }
    let dimensions = Dimensions::of(request.space);
    let place = |number: usize| sobol_place(&dimensions, request.seed, number);
    while proposals.len() < request.n {
        let Some(point) = evaluated.next(request, place) else {
            break;
        };
        evaluated.add(point.clone());
        let (role, resource) = (Role::Sampled, resources[0]);
        proposals.push(rationed(point, role, resource, request, proposals.len()));
    }
    proposals
}

/// What a trial of each rung may spend, from the lowest on.
fn resources(min_resource: u32, max_resource: u32, eta: u32) -> Vec<u32> {
    let n = n_steps(min_resource, max_resource, eta);
    (0..=n).map(|k| min_resource.max(1) * eta.max(2).pow(k)).collect()
}

/// The points of a rung that may go on to the next one, best first. A failed trial is one of those that the best are the best of.
fn promotable(rung: &[&Entry], next: &[&Entry], goal: Goal, eta: u32) -> Vec<Point> {
    let finished: Vec<&Entry> = rung.iter().copied().filter(|e| e.outcome.is_some()).collect();
    let n = finished.len() / eta.max(2) as usize;
    missing(&best(&finished, goal, n), next)
}

#[cfg(test)]
#[path = "asha_tests.rs"]
mod tests;
