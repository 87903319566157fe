//! Every combination once, in row-major order: the last parameter changes fastest.

use super::{Proposal, Request, Role, Why};
use crate::space::{Parameter, Point, Value};

/// The next points of the grid; none at its end.
pub fn suggest(request: &Request, points_per_double: u32) -> Vec<Proposal> {
    let asked = (request.history.len() + request.pending.len()) as u64;
    let sizes: Vec<u64> = request
        .space
        .parameters()
        .iter()
        .map(|p| positions(p, points_per_double))
        .collect();
    let size = sizes.iter().fold(1u64, |n, k| n.saturating_mul(*k));
    let numbers = asked..size.min(asked + request.n as u64);
    let proposal = |(i, number): (usize, u64)| Proposal {
        point: nth(request, &sizes, number),
        resource: None,
        why: Why::plain(Role::Sampled, request, i),
    };
    numbers.enumerate().map(proposal).collect()
}

fn positions(parameter: &Parameter, points_per_double: u32) -> u64 {
    parameter
        .levels()
        .map_or(u64::from(points_per_double.max(1)), |n| n as u64)
}

fn nth(request: &Request, sizes: &[u64], mut number: u64) -> Point {
    let mut values: Vec<Value> = Vec::new();
    for (parameter, size) in request.space.parameters().iter().zip(sizes).rev() {
        let index = number % size;
        number /= size;
        let evenly = if *size > 1 {
            index as f64 / (*size - 1) as f64
        } else {
            0.5
        };
        values.push(
            parameter
                .level(index as usize)
                .unwrap_or_else(|| parameter.from_unit(evenly)),
        );
    }
    values.reverse();
    Point(values)
}
