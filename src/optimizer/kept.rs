//! Which observations a model keeps when there are more than it can take: its time grows with their cube.
//!
//! Of this job's own observations the best, so that the model is sharp where the optimum may be; the latest, so that what
//! the last proposals found is not asked again; the best of every level of an unordered parameter, so that none is
//! forgotten; and then, one by one, the observation that is farthest from all that are kept (Gonzalez 1985): so whatever is
//! left out lies near something that is kept. Earlier jobs' observations make room first: by then each counts for less than
//! a tenth of one of this job's.
//!
//! Hyperparameters are learned from other observations: every so many-th. The best alone would teach that the objective is
//! flatter and more even than it is, and the model would then expect too much of places where nothing was tried.

use super::dimensions::Dimensions;
use super::hyperparameters::Data;
use super::kernel::squared_difference;

/// How many observations a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most observations from which hyperparameters are learned: dozens of factorisations.
    pub fitted: usize,
    /// Most observations on which the models are conditioned: one factorisation or two.
    pub kept: usize,
}

impl Limits {
    /// Those of every job: an ask stays below a tenth of a second.
    pub const USUAL: Self = Self {
        fitted: 80,
        kept: 200,
    };
    /// Those of what is handed over or drawn: it is asked for once where a proposal is asked for many times.
    pub(super) fn of_beliefs(self) -> Self {
        Self {
            fitted: self.fitted.saturating_mul(3) / 2,
            kept: self.kept.saturating_mul(3) / 2,
        }
    }

    /// None, to measure what the usual ones cost.
    pub const NONE: Self = Self {
        fitted: usize::MAX,
        kept: usize::MAX,
    };
}

/// One in so many is kept for being among the best.
const BEST: usize = 3;
/// One in so many is kept for being among the latest.
const LATEST: usize = 8;

/// Positions of the observations that are kept, ascending; of `data` the first `n_prior` are of earlier jobs.
pub(super) fn kept(data: &Data, n_prior: usize, dimensions: &Dimensions, most: usize) -> Vec<usize> {
    let n = data.values.len();
    if n <= most {
        return (0..n).collect();
    }
    if n - n_prior <= most {
        return all_own(data, n_prior, most);
    }
    let own = by_value(data, n_prior..n);
    let mut choice = Choice::new(data, dimensions, most);
    choice.take(own.iter().take(most / BEST).copied());
    choice.take((n_prior..n).rev().take(most / LATEST));
    choice.take(level_leaders(data, dimensions, &own));
    choice.spread(&own);
    choice.rows()
}

/// Positions of the observations from which hyperparameters are learned, ascending.
pub(super) fn sampled(data: &Data, n_prior: usize, most: usize) -> Vec<usize> {
    let n = data.values.len();
    let n_own = n - n_prior;
    if n <= most {
        (0..n).collect()
    } else if n_own <= most {
        all_own(data, n_prior, most)
    } else {
        (0..most).map(|i| n_prior + i * n_own / most).collect()
    }
}

/// All of this job's, and the best of earlier jobs' as far as there is room.
fn all_own(data: &Data, n_prior: usize, most: usize) -> Vec<usize> {
    let n = data.values.len();
    let mut rows = by_value(data, 0..n_prior);
    rows.truncate(most - (n - n_prior));
    rows.extend(n_prior..n);
    rows.sort_unstable();
    rows
}

/// Positions by descending value; of equal values the earlier first.
fn by_value(data: &Data, rows: std::ops::Range<usize>) -> Vec<usize> {
    let mut rows: Vec<usize> = rows.collect();
    rows.sort_by(|a, b| data.values[*b].total_cmp(&data.values[*a]));
    rows
}

/// The best observation at each level of each unordered dimension.
fn level_leaders(data: &Data, dimensions: &Dimensions, by_value: &[usize]) -> Vec<usize> {
    let mut leaders = Vec::new();
    for j in (0..dimensions.n()).filter(|j| !dimensions.is_ordered(*j)) {
        let mut levels: Vec<f64> = Vec::new();
        for &row in by_value {
            let level = data.places[row][j];
            if !levels.contains(&level) {
                levels.push(level);
                leaders.push(row);
            }
        }
    }
    leaders
}

/// What has been chosen so far.
struct Choice<'a> {
    data: &'a Data,
    dimensions: &'a Dimensions,
    most: usize,
    n: usize,
    /// Squared distance of each observation from the nearest that is chosen; less than zero for those themselves.
    gaps: Vec<f64>,
}

impl<'a> Choice<'a> {
    fn new(data: &'a Data, dimensions: &'a Dimensions, most: usize) -> Self {
        let gaps = vec![f64::INFINITY; data.values.len()];
        let n = 0;
        Self {
            data,
            dimensions,
            most,
            n,
            gaps,
        }
    }

    fn take(&mut self, rows: impl IntoIterator<Item = usize>) {
        for row in rows {
            if self.n == self.most || self.gaps[row] < 0.0 {
                continue;
            }
            self.n += 1;
            let here = &self.data.places[row];
            for (gap, place) in self.gaps.iter_mut().zip(&self.data.places) {
                let squares = here.iter().zip(place).enumerate();
                let distance: f64 = squares
                    .map(|(j, (a, b))| squared_difference(*a, *b, self.dimensions.is_ordered(j)))
                    .sum();
                *gap = gap.min(distance);
            }
            self.gaps[row] = -1.0;
        }
    }

    /// Fills up with those farthest from all that are chosen; of equals the first in `rows`.
    fn spread(&mut self, rows: &[usize]) {
        while self.n < self.most {
            let farther = |a: usize, b: usize| if self.gaps[b] > self.gaps[a] { b } else { a };
            match rows.iter().copied().reduce(farther) {
                Some(row) if self.gaps[row] >= 0.0 => self.take([row]),
                _ => break,
            }
        }
    }

    fn rows(&self) -> Vec<usize> {
        (0..self.gaps.len()).filter(|i| self.gaps[*i] < 0.0).collect()
    }
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
