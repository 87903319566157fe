//! Strategies that look at no value: uniform and quasi-random points.

use super::columns::Columns;
use super::random::Random;
use super::{Proposal, Request, Role, Why};

/// Sobol's sequence repeats itself after this many points.
const SOBOL_PERIOD: usize = 1 << 16;

/// Uniform points.
pub fn random(request: &Request) -> Vec<Proposal> {
    let columns = Columns::of(request.space);
    let place = |number: usize, attempt: u64| {
        columns.sample(&mut Random::new(&[request.seed, number as u64, attempt]))
    };
    fresh(request, place)
}

/// Scrambled Sobol points (Sobol 1967, Owen 1995).
pub fn sobol(request: &Request) -> Vec<Proposal> {
    let columns = Columns::of(request.space);
    fresh(request, |number, attempt| {
        sobol_place(&columns, request.seed ^ (attempt << 32), number)
    })
}

/// The `number`-th start-up place of a model-based strategy: the centre, then Sobol points.
pub fn startup_place(request: &Request, number: usize) -> Vec<f64> {
    if number == 0 {
        let centre = request.space.from_unit(&vec![0.5; request.space.dimension()]);
        return request.space.to_unit(&centre).unwrap_or_default();
    }
    sobol_place(&Columns::of(request.space), request.seed, number)
}

/// The `number`-th point of the scrambled sequence.
pub fn sobol_place(columns: &Columns, seed: u64, number: usize) -> Vec<f64> {
    let scramble = (seed ^ (seed >> 32)) as u32;
    let index = (number % SOBOL_PERIOD) as u32;
    let mut place: Vec<f64> = (0..columns.n() as u32)
        .map(|dimension| f64::from(sobol_burley::sample(index, dimension, scramble)))
        .collect();
    columns.legalise(&mut place);
    place
}

/// Points that are not there yet, where the space has any left: a few attempts each, then whatever comes.
fn fresh(request: &Request, place: impl Fn(usize, u64) -> Vec<f64>) -> Vec<Proposal> {
    const ATTEMPTS: u64 = 20;
    let asked = request.history.len() + request.pending.len();
    let known = request
        .history
        .iter()
        .map(|o| &o.point)
        .chain(request.pending.iter().map(|p| &p.point));
    let mut taken: Vec<_> = known.cloned().collect();
    let mut proposals = Vec::new();
    for i in 0..request.n {
        let candidates = (0..ATTEMPTS).map(|attempt| request.space.from_unit(&place(asked + i, attempt)));
        let mut candidates: Vec<_> = candidates
            .take_while_inclusive(|point| taken.contains(point))
            .collect();
        let Some(point) = candidates.pop() else { break };
        taken.push(point.clone());
        proposals.push(Proposal {
            point,
            resource: None,
            why: Why::plain(Role::Sampled, request, i),
        });
    }
    proposals
}

/// Like `take_while`, with the first item that fails the test as the last.
trait TakeWhileInclusive: Iterator + Sized {
    fn take_while_inclusive(self, goes_on: impl Fn(&Self::Item) -> bool) -> impl Iterator<Item = Self::Item> {
        self.scan(false, move |done, item| {
            if *done {
                return None;
            }
            *done = !goes_on(&item);
            Some(item)
        })
    }
}

impl<I: Iterator> TakeWhileInclusive for I {}

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
        let columns = Columns::of(&SearchSpace::new(vec![p("a"), p("b")]).unwrap());
        for seed in 0..20 {
            let mut counts = [0; 4];
            for number in 0..16 {
                let place = sobol_place(&columns, seed, number);
                counts[usize::from(place[0] >= 0.5) * 2 + usize::from(place[1] >= 0.5)] += 1;
            }
            assert_eq!(counts, [4; 4], "seed {seed}");
        }
    }
}
