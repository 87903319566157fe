//! Hyperband (Li et al. 2018): brackets of successive halving, from many short trials to few long ones.
//!
//! With `s_max = floor(log_eta(max / min))`, bracket `s = s_max, …, 0` begins with `n = ceil((s_max + 1) / (s + 1) eta^s)`
//! trials of resource `max eta^-s`; of each rung the best `1 / eta` go on with `eta` times the resource. All brackets are
//! run once. Which trial belongs to which rung follows from the order of the trials' indices, so nothing is remembered.

use super::dimensions::Dimensions;
use super::evaluated::Evaluated;
use super::halving::{Entry, best, entries, has, missing, n_steps, rationed};
use super::space_filling::random_place;
use super::{Proposal, Request, Role};
use crate::space::Point;

/// One rung: how many trials it has at most, and what each may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rung {
    size: usize,
    resource: u32,
    is_first: bool,
}

/// Trials of a whole run in which none fails.
pub fn n_trials(min_resource: u32, max_resource: u32, eta: u32) -> u32 {
    let sizes = rungs(min_resource, max_resource, eta).into_iter().map(|r| r.size);
    sizes.fold(0u32, |n, size| {
        n.saturating_add(u32::try_from(size).unwrap_or(u32::MAX))
    })
}

fn rungs(min_resource: u32, max_resource: u32, eta: u32) -> Vec<Rung> {
    let s_max = n_steps(min_resource, max_resource, eta);
    let (min, max, eta) = (
        u64::from(min_resource.max(1)),
        u64::from(max_resource),
        u64::from(eta.max(2)),
    );
    let mut all = Vec::new();
    for s in (0..=s_max).rev() {
        let n = (u64::from(s_max + 1) * eta.pow(s)).div_ceil(u64::from(s + 1));
        for i in 0..=s {
            let size = (n / eta.pow(i)).max(1) as usize;
            let resource = (max / eta.pow(s - i)).max(min) as u32;
            all.push(Rung {
                size,
                resource,
                is_first: i == 0,
            });
        }
    }
    all
}

/// The next trials; fewer while a rung has to be completed first, none at the end of the last bracket.
pub(super) fn suggest(request: &Request, min_resource: u32, max_resource: u32, eta: u32) -> Vec<Proposal> {
    let rungs = rungs(min_resource, max_resource, eta);
    let entries = entries(request);
    let filled = fill(&rungs, &entries);
    let dimensions = Dimensions::of(request.space);
    let mut evaluated = Evaluated::of(request);
    let mut proposals: Vec<Proposal> = Vec::new();
    for (i, rung) in rungs.iter().enumerate() {
        // A rung waits for the one before it, and whatever comes after waits with it.
        let points = if rung.is_first {
            let missing = rung.size.saturating_sub(filled[i].len());
            let n = missing.min(request.n - proposals.len());
            let place = |number: usize| random_place(&dimensions, request.seed, number);
            let points = (0..n).map_while(|_| {
                let point = evaluated.next(request, place)?;
                evaluated.add(point.clone());
                Some(point)
            });
            points.collect()
        } else if filled[i - 1].iter().any(|e| e.outcome.is_none()) {
            break;
        } else {
            missing(&best(&filled[i - 1], request.goal, rung.size), &filled[i])
        };
        let role = if rung.is_first {
            Role::Sampled
        } else {
            Role::Promoted
        };
        let is_full = points.is_empty();
        // In a small space a point of another bracket's may be the same one, under way: it waits until that is over.
        let is_free = |point: &Point| request.pending.iter().all(|p| p.point != *point);
        let free = points.into_iter().filter(is_free);
        for point in free.take(request.n - proposals.len()) {
            let n_chosen = proposals.len();
            proposals.push(rationed(point, role, rung.resource, request, n_chosen));
        }
        // What follows a rung without all of its trials can't be known yet.
        if !is_full || proposals.len() == request.n {
            break;
        }
    }
    proposals
}

/// The trials of each rung: in the order of their indices each goes to the first rung that has its resource and room, and
/// where the trial it continues was, if the rung is not a bracket's first. A trial that was cancelled leaves a gap.
fn fill<'e, 'a>(rungs: &[Rung], entries: &'e [Entry<'a>]) -> Vec<Vec<&'e Entry<'a>>> {
    let mut filled: Vec<Vec<&Entry>> = vec![vec![]; rungs.len()];
    for entry in entries {
        let fits = |i: &usize| {
            let continues = |i: usize| has(&filled[i - 1], entry.point);
            let again = || has(&filled[*i], entry.point);
            entry.resource.is_none_or(|r| r == rungs[*i].resource)
                && filled[*i].len() < rungs[*i].size
                && (rungs[*i].is_first || continues(*i) && !again())
        };
        if let Some(i) = (0..rungs.len()).find(fits) {
            filled[i].push(entry);
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brackets_are_those_of_the_paper() {
        // Table 1 of the paper: max = 81, eta = 3.
        let found: Vec<(usize, u32)> = rungs(1, 81, 3).iter().map(|r| (r.size, r.resource)).collect();
        assert_eq!(found[..5], [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]);
        assert_eq!(found[5..9], [(34, 3), (11, 9), (3, 27), (1, 81)]);
        assert_eq!(found[9..12], [(15, 9), (5, 27), (1, 81)]);
        assert_eq!(found[12..], [(8, 27), (2, 81), (5, 81)]);
    }
}
