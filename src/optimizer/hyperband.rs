//! Hyperband (Li et al. 2018): brackets of successive halving, from many short trials to few long ones.
//!
//! With `s_max = floor(log_eta(max / min))`, bracket `s = s_max, …, 0` begins with `n = ceil((s_max + 1) / (s + 1) eta^s)`
//! trials of resource `max eta^-s`; of each rung the best `1 / eta` go on with `eta` times the resource. All brackets are
//! run once. Which trial belongs to which rung follows from the order of the trials' indices, so nothing is remembered.

use super::columns::Columns;
use super::random::Random;
use super::{Goal, Outcome, Proposal, Request, Role, Why};
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
    rungs(min_resource, max_resource, eta)
        .iter()
        .map(|r| r.size as u32)
        .sum()
}

fn rungs(min_resource: u32, max_resource: u32, eta: u32) -> Vec<Rung> {
    let (min, max, eta) = (
        u64::from(min_resource.max(1)),
        u64::from(max_resource),
        u64::from(eta.max(2)),
    );
    let mut s_max = 0u32;
    while min * eta.pow(s_max + 1) <= max {
        s_max += 1;
    }
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

/// A trial as hyperband sees it.
struct Entry<'a> {
    index: u32,
    point: &'a Point,
    outcome: Option<Outcome>,
}

/// The next trials; fewer while a rung has to be completed first, none at the end of the last bracket.
pub fn suggest(request: &Request, min_resource: u32, max_resource: u32, eta: u32) -> Vec<Proposal> {
    let mut entries: Vec<Entry> = Vec::new();
    entries.extend(request.history.iter().map(|o| Entry {
        index: o.index,
        point: &o.point,
        outcome: Some(o.outcome),
    }));
    entries.extend(request.pending.iter().map(|p| Entry {
        index: p.index,
        point: &p.point,
        outcome: None,
    }));
    entries.sort_by_key(|e| e.index);
    let columns = Columns::of(request.space);
    let mut proposals: Vec<Proposal> = Vec::new();
    let mut position = 0;
    let mut previous: &[Entry] = &[];
    for rung in rungs(min_resource, max_resource, eta) {
        if proposals.len() == request.n {
            break;
        }
        // Brackets do not wait for each other; a rung waits for the one before it.
        if !rung.is_first && previous.iter().any(|e| e.outcome.is_none()) {
            break;
        }
        let promoted = if rung.is_first {
            vec![]
        } else {
            best(previous, request.goal, rung.size)
        };
        let size = if rung.is_first { rung.size } else { promoted.len() };
        let begin = position.min(entries.len());
        let end = (position + size).min(entries.len());
        for slot in end - begin..size {
            if proposals.len() == request.n {
                break;
            }
            let (point, role) = match promoted.get(slot) {
                Some(point) => ((*point).clone(), Role::Promoted),
                None => {
                    let mut random = Random::new(&[request.seed, (position + slot) as u64]);
                    (
                        request.space.from_unit(&columns.sample(&mut random)),
                        Role::Sampled,
                    )
                }
            };
            let why = Why::plain(role, request, proposals.len());
            proposals.push(Proposal {
                point,
                resource: Some(rung.resource),
                why,
            });
        }
        if end - begin < size {
            // This rung is not filled by trials that exist: what follows it can't be known yet.
            break;
        }
        previous = &entries[begin..end];
        position = end;
    }
    proposals
}

/// The points of the best `n` trials; failed ones never go on.
fn best<'a>(entries: &[Entry<'a>], goal: Goal, n: usize) -> Vec<&'a Point> {
    let mut rated: Vec<(f64, u32, &Point)> = entries
        .iter()
        .filter_map(|e| match e.outcome? {
            Outcome::Value(v) if v.is_finite() => Some((v, e.index, e.point)),
            _ => None,
        })
        .collect();
    rated.sort_by(|a, b| {
        let by_value = match goal {
            Goal::Maximize => b.0.total_cmp(&a.0),
            Goal::Minimize => a.0.total_cmp(&b.0),
        };
        by_value.then(a.1.cmp(&b.1))
    });
    rated.into_iter().take(n).map(|(.., point)| point).collect()
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
