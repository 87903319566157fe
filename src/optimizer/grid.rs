//! Every combination once, in row-major order: the last parameter changes fastest.

use super::evaluated::{Evaluated, nth};
use super::{Proposal, Request, Role, Why};
use crate::space::Parameter;

/// The first combinations that no trial has been at; none when all have been tried.
pub fn suggest(request: &Request, points_per_double: u32) -> Vec<Proposal> {
    let n_positions = |p: &Parameter| {
        p.levels()
            .map_or(u64::from(points_per_double), |n| n as u64)
            .max(1)
    };
    let parameters = request.space.parameters().iter();
    let size = parameters.fold(1u64, |n, p| n.saturating_mul(n_positions(p)));
    let evaluated = Evaluated::of(request);
    (0..size)
        .map(|number| nth(request.space, number, n_positions))
        .filter(|point| evaluated.is_new(point))
        .take(request.n)
        .enumerate()
        .map(|(i, point)| Proposal {
            point,
            resource: None,
            why: Why::plain(Role::Sampled, request, i),
        })
        .collect()
}
