//! The dimensions of the unit cube as an optimizer walks along them.

use super::random::Random;
use crate::space::{Parameter, SearchSpace};

/// A dimension with more levels than this is walked like a continuous one and then rounded.
const MAX_LEVELS: usize = 64;
/// Places nearer than this in every dimension are the same: a value does not come back to its place to the last bit.
pub(super) const SAME: f64 = 1e-9;

/// The dimensions of one space.
#[derive(Clone, Debug)]
pub(super) struct Dimensions {
    dimensions: Vec<Dimension>,
    /// Dimensions with more than one legal position.
    varying: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Dimension {
    /// Legal positions, ascending; empty where (almost) every position is legal.
    positions: Vec<f64>,
    ordered: bool,
    /// The parameter, where it has more levels than `positions` would hold.
    many: Option<Parameter>,
}

impl Dimensions {
    /// The dimensions of a space.
    pub(super) fn of(space: &SearchSpace) -> Self {
        let dimension = |p: &Parameter| {
            let levels = p.levels().filter(|n| *n <= MAX_LEVELS).unwrap_or(0);
            let position = |i| p.level(i).and_then(|value| p.to_unit(&value));
            Dimension {
                positions: (0..levels).filter_map(position).collect(),
                ordered: p.ordered(),
                many: p.levels().filter(|n| *n > MAX_LEVELS).map(|_| p.clone()),
            }
        };
        let parameters = space.parameters().iter();
        Self {
            dimensions: parameters.clone().map(dimension).collect(),
            varying: parameters
                .enumerate()
                .filter(|(_, p)| p.levels() != Some(1))
                .map(|(j, _)| j)
                .collect(),
        }
    }

    /// Number of dimensions.
    pub(super) fn n(&self) -> usize {
        self.dimensions.len()
    }

    /// Number of dimensions that vary, but at least 1: what the size of the cube depends on.
    pub(super) fn n_varying(&self) -> usize {
        self.varying.len().max(1)
    }

    /// The dimensions that vary.
    pub(super) fn varying(&self) -> &[usize] {
        &self.varying
    }

    /// The legal place in the middle.
    pub(super) fn centre(&self) -> Vec<f64> {
        let mut u = vec![0.5; self.n()];
        self.legalise(&mut u);
        u
    }

    /// Whether neighbouring positions of dimension `j` are alike.
    pub(super) fn is_ordered(&self, j: usize) -> bool {
        self.dimensions[j].ordered
    }

    /// A uniform place to a legal one: every level of a dimension is equally likely.
    pub(super) fn legalise(&self, u: &mut [f64]) {
        for (x, dimension) in u.iter_mut().zip(&self.dimensions) {
            let n = dimension.positions.len();
            if n > 0 {
                *x = dimension.positions[((*x * n as f64) as usize).min(n - 1)];
            }
            *x = dimension.rounded(*x);
        }
    }

    /// A legal place by chance.
    pub(super) fn sample(&self, random: &mut Random) -> Vec<f64> {
        let mut u: Vec<f64> = (0..self.n()).map(|_| random.uniform()).collect();
        self.legalise(&mut u);
        u
    }

    /// A legal place near `anchor`: continuous dimensions move by a normal step of this size, ordered levels by one,
    /// unordered ones to any. In more than two dimensions about two of them move.
    pub(super) fn neighbour(&self, anchor: &[f64], step: f64, random: &mut Random) -> Vec<f64> {
        let d = self.varying.len();
        let always = random.below(d);
        let moves =
            |k: usize, random: &mut Random| d <= 2 || k == always || random.uniform() < 2.0 / d as f64;
        let mut place = anchor.to_vec();
        for (k, &j) in self.varying.iter().enumerate() {
            if !moves(k, random) {
                continue;
            }
            let dimension = &self.dimensions[j];
            place[j] = match dimension.positions.as_slice() {
                [] => dimension.rounded((anchor[j] + step * random.normal()).clamp(0.0, 1.0)),
                levels if dimension.ordered => neighbouring_level(levels, anchor[j], random),
                levels if random.uniform() < 0.3 => levels[random.below(levels.len())],
                _ => anchor[j],
            };
        }
        place
    }
}

impl Dimension {
    /// The nearest legal position, where there are too many to list.
    fn rounded(&self, x: f64) -> f64 {
        let nearest = |p: &Parameter| p.to_unit(&p.from_unit(x));
        self.many.as_ref().and_then(nearest).unwrap_or(x)
    }
}

fn neighbouring_level(levels: &[f64], position: f64, random: &mut Random) -> f64 {
    if random.uniform() >= 0.4 {
        return position;
    }
    let nearest = |a: &usize, b: &usize| {
        (levels[*a] - position)
            .abs()
            .total_cmp(&(levels[*b] - position).abs())
    };
    let here = (0..levels.len()).min_by(nearest).unwrap_or(0);
    let there = if random.uniform() < 0.5 {
        here + 1
    } else {
        here.wrapping_sub(1)
    };
    levels.get(there).copied().unwrap_or(position)
}

/// Whether two places are the same.
pub(super) fn same(a: &[f64], b: &[f64]) -> bool {
    distance(a, b) <= SAME
}

/// Largest difference in any dimension.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}
