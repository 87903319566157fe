//! The columns of the unit cube as an optimizer walks along them.

use super::random::Random;
use crate::space::{Parameter, SearchSpace};

/// A column with more levels than this is walked like a continuous one and then rounded.
const MOST_LEVELS: usize = 64;
/// Places nearer than this in every column are the same: a value does not come back to its place to the last bit.
const SAME: f64 = 1e-9;

/// The columns of one space.
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Column>,
    /// Columns with more than one legal position.
    varying: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Column {
    /// Legal positions, ascending; empty where (almost) every position is legal.
    positions: Vec<f64>,
    ordered: bool,
    /// The parameter, where it has more levels than `positions` would hold.
    many: Option<Parameter>,
}

impl Columns {
    /// The columns of a space.
    pub fn of(space: &SearchSpace) -> Self {
        let column = |p: &Parameter| {
            let levels = p.levels().filter(|n| *n <= MOST_LEVELS).unwrap_or(0);
            let position = |i| p.level(i).and_then(|value| p.to_unit(&value));
            Column {
                positions: (0..levels).filter_map(position).collect(),
                ordered: p.ordered(),
                many: p.levels().filter(|n| *n > MOST_LEVELS).map(|_| p.clone()),
            }
        };
        let parameters = space.parameters().iter();
        Self {
            columns: parameters.clone().map(column).collect(),
            varying: parameters
                .enumerate()
                .filter(|(_, p)| p.levels() != Some(1))
                .map(|(j, _)| j)
                .collect(),
        }
    }

    /// Number of columns.
    pub fn n(&self) -> usize {
        self.columns.len()
    }

    /// Number of columns that vary, but at least 1: what the size of the cube depends on.
    pub fn n_varying(&self) -> usize {
        self.varying.len().max(1)
    }

    /// The legal place in the middle.
    pub fn centre(&self) -> Vec<f64> {
        let mut u = vec![0.5; self.n()];
        self.legalise(&mut u);
        u
    }

    /// Whether neighbouring positions of column `j` are alike.
    pub fn is_ordered(&self, j: usize) -> bool {
        self.columns[j].ordered
    }

    /// A uniform place to a legal one: every level of a column is equally likely.
    pub fn legalise(&self, u: &mut [f64]) {
        for (x, column) in u.iter_mut().zip(&self.columns) {
            let n = column.positions.len();
            if n > 0 {
                *x = column.positions[((*x * n as f64) as usize).min(n - 1)];
            }
            *x = column.rounded(*x);
        }
    }

    /// A legal place by chance.
    pub fn sample(&self, random: &mut Random) -> Vec<f64> {
        let mut u: Vec<f64> = (0..self.n()).map(|_| random.uniform()).collect();
        self.legalise(&mut u);
        u
    }

    /// A legal place near `anchor`: continuous columns move by a normal step of this size, ordered levels by one,
    /// unordered ones to any. In more than two columns about two of them move.
    pub fn neighbour(&self, anchor: &[f64], step: f64, random: &mut Random) -> Vec<f64> {
        let d = self.varying.len();
        let always = random.below(d);
        let moves =
            |k: usize, random: &mut Random| d <= 2 || k == always || random.uniform() < 2.0 / d as f64;
        let mut place = anchor.to_vec();
        for (k, &j) in self.varying.iter().enumerate() {
            if !moves(k, random) {
                continue;
            }
            let column = &self.columns[j];
            place[j] = match column.positions.as_slice() {
                [] => column.rounded((anchor[j] + step * random.normal()).clamp(0.0, 1.0)),
                levels if column.ordered => neighbouring_level(levels, anchor[j], random),
                levels if random.uniform() < 0.3 => levels[random.below(levels.len())],
                _ => anchor[j],
            };
        }
        place
    }
}

impl Column {
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
pub fn same(a: &[f64], b: &[f64]) -> bool {
    distance(a, b) <= SAME
}

/// Largest difference in any column.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}
