//! What strategies have in common that ration what a trial may spend: trials of rungs, and which of them go on.

use super::{Goal, Outcome, Proposal, Request, Role};
use crate::space::Point;

/// How many times the least resource can be multiplied by `eta` without going beyond the most.
pub(super) fn n_steps(min_resource: u32, max_resource: u32, eta: u32) -> u32 {
    let (mut resource, mut n) = (u64::from(min_resource.max(1)), 0);
    loop {
        resource *= u64::from(eta.max(2));
        if resource > u64::from(max_resource) {
            return n;
        }
        n += 1;
    }
}

/// A trial as these strategies see it.
pub(super) struct Entry<'a> {
    pub(super) index: u32,
    pub(super) point: &'a Point,
    pub(super) resource: Option<u32>,
    /// `None` while it runs.
    pub(super) outcome: Option<Outcome>,
}

/// All trials of the job, in the order of their indices.
pub(super) fn entries<'a>(request: &Request<'a>) -> Vec<Entry<'a>> {
    let finished = request.history.iter().map(|o| Entry {
        index: o.index,
        point: &o.point,
        resource: o.resource,
        outcome: Some(o.outcome),
    });
    let running = request.pending.iter().map(|p| Entry {
        index: p.index,
        point: &p.point,
        resource: p.resource,
        outcome: None,
    });
    let mut entries: Vec<Entry> = finished.chain(running).collect();
    entries.sort_by_key(|e| e.index);
    entries
}

/// Whether a trial of these was or is at the point.
pub(super) fn has(entries: &[&Entry], point: &Point) -> bool {
    entries.iter().any(|e| e.point == point)
}

/// The points that no trial of a rung was or is at.
pub(super) fn missing(promoted: &[&Point], rung: &[&Entry]) -> Vec<Point> {
    let new = promoted.iter().filter(|p| !has(rung, p));
    new.map(|p| (*p).clone()).collect()
}

/// What a trial went on to the end of its rung for.
fn value(entry: &Entry) -> Option<f64> {
    let (value, is_final) = entry.outcome?.value()?;
    is_final.then_some(value)
}

/// The points of the best `n` of these finished trials; failed ones, and ones that were stopped, never go on.
pub(super) fn best<'a>(entries: &[&Entry<'a>], goal: Goal, n: usize) -> Vec<&'a Point> {
    let mut rated: Vec<(f64, u32, &Point)> = entries
        .iter()
        .filter_map(|e| Some((value(e)?, e.index, e.point)))
        .collect();
    rated.sort_by(|a, b| goal.best_first(a.0, b.0).then(a.1.cmp(&b.1)));
    let mut points: Vec<&Point> = Vec::new();
    for (.., point) in rated {
        // A discrete space that was used up may have given a rung the same point twice: then one failure decides.
        let failed = |e: &&Entry| e.point == point && value(e).is_none();
        if points.len() < n && !points.contains(&point) && !entries.iter().copied().any(|e| failed(&e)) {
            points.push(point);
        }
    }
    points
}

/// A proposal whose trial may spend this much, after `n_chosen` others of the same batch.
pub(super) fn rationed(
    point: Point,
    role: Role,
    resource: u32,
    request: &Request,
    n_chosen: usize,
) -> Proposal {
    Proposal {
        resource: Some(resource),
        ..Proposal::plain(point, role, request, n_chosen)
    }
}
