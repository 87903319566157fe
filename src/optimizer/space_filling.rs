//! Strategies that look at no value: uniform points, quasi-random points and the grid.

use super::dimensions::Dimensions;
use super::evaluated::{Evaluated, nth};
use super::random::Random;
use super::{Proposal, Request, Role};
use crate::space::Parameter;

/// Sobol's sequence repeats itself after this many points.
const SOBOL_PERIOD: usize = 1 << 16;

/// Uniform points.
pub(super) fn random(request: &Request) -> Vec<Proposal> {
    let dimensions = Dimensions::of(request.space);
    stream(request, |number| random_place(&dimensions, request.seed, number))
}

/// Scrambled Sobol points (Sobol 1967, Owen 1995).
pub(super) fn sobol(request: &Request) -> Vec<Proposal> {
    let dimensions = Dimensions::of(request.space);
    stream(request, |number| sobol_place(&dimensions, request.seed, number))
}

/// Every combination once, the last parameter fastest: the first ones that no trial has been at, none when all have been
/// tried.
pub(super) fn grid(request: &Request, points_per_double: u32) -> Vec<Proposal> {
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
        .map(|(i, point)| Proposal::plain(point, Role::Sampled, request, i))
        .collect()
}

/// The `number`-th start-up place of a model-based strategy: the centre, then Sobol points.
pub(super) fn startup_place(dimensions: &Dimensions, seed: u64, number: usize) -> Vec<f64> {
    if number == 0 {
        return dimensions.centre();
    }
    sobol_place(dimensions, seed, number)
}

/// The `number`-th of the uniform places that belong to this seed.
pub(super) fn random_place(dimensions: &Dimensions, seed: u64, number: usize) -> Vec<f64> {
    dimensions.sample(&mut Random::new(&[seed, number as u64]))
}

/// The `number`-th place of the scrambled sequence.
pub(super) fn sobol_place(dimensions: &Dimensions, seed: u64, number: usize) -> Vec<f64> {
    // Another scramble where the sequence would begin to repeat itself.
    let scramble = (seed ^ (seed >> 32)) as u32 ^ (number / SOBOL_PERIOD) as u32;
    let index = (number % SOBOL_PERIOD) as u32;
    let mut place: Vec<f64> = (0..dimensions.n() as u32)
        .map(|dimension| f64::from(sobol_burley::sample(index, dimension, scramble)))
        .collect();
    dimensions.legalise(&mut place);
    place
}

fn stream(request: &Request, place: impl Fn(usize) -> Vec<f64>) -> Vec<Proposal> {
    let mut evaluated = Evaluated::of(request);
    let mut proposals = Vec::new();
    for i in 0..request.n {
        let Some(point) = evaluated.next(request, &place) else {
            break;
        };
        evaluated.add(point.clone());
        proposals.push(Proposal::plain(point, Role::Sampled, request, i));
    }
    proposals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Parameter, Scale, SearchSpace};

    #[test]
    fn sobol_points_fill_every_quarter() {
        let p = |name: &str| {
            Parameter::new(
                name,
                Domain::Double {
                    min: 0.0,
                    max: 1.0,
                    scale: Scale::Linear,
                },
            )
            .unwrap()
        };
        let dimensions = Dimensions::of(&SearchSpace::new(vec![p("a"), p("b")]).unwrap());
        for seed in 0..20 {
            let mut counts = [0; 4];
            for number in 0..16 {
                let place = sobol_place(&dimensions, seed, number);
                counts[usize::from(place[0] >= 0.5) * 2 + usize::from(place[1] >= 0.5)] += 1;
            }
            assert_eq!(counts, [4; 4], "seed {seed}");
        }
    }
}
