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
        fitted: 128,
        kept: 256,
    };
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
mod tests {
    use super::*;
    use crate::optimizer::random::Random;
    use crate::space::{Domain, Parameter, Scale, SearchSpace};

    /// Three numbers and a word of five.
    fn dimensions() -> Dimensions {
        let double = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        let values = (0..5).map(|i| format!("w{i}")).collect();
        let domains = [
            double.clone(),
            double.clone(),
            double,
            Domain::Categorical { values },
        ];
        let named = domains.into_iter().enumerate();
        let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
        Dimensions::of(&SearchSpace::new(parameters.collect()).unwrap())
    }

    /// Most are crowded near one corner with the first word; one in fifty is anywhere.
    fn data(n: usize, dimensions: &Dimensions) -> Data {
        let mut random = Random::new(&[5]);
        let place = |i: usize| {
            let mut place = dimensions.sample(&mut random);
            if !i.is_multiple_of(50) {
                place[..3].iter_mut().for_each(|x| *x *= 0.05);
                place[3] = 0.0;
            }
            place
        };
        let places: Vec<Vec<f64>> = (0..n).map(place).collect();
        Data {
            // Coarse, so that many are equal.
            values: places.iter().map(|p| -(20.0 * (p[0] + p[3])).round()).collect(),
            extra_noise: vec![0.0; n],
            is_final: vec![true; n],
            places,
        }
    }

    #[test]
    fn of_a_thousand_as_many_are_kept_as_the_limit_says() {
        let dimensions = dimensions();
        let data = data(1000, &dimensions);
        let rows = kept(&data, 0, &dimensions, 256);
        assert_eq!(rows.len(), 256);
        assert!(rows.is_sorted_by(|a, b| a < b));
        assert_eq!(rows, kept(&data, 0, &dimensions, 256));
        let best = by_value(&data, 0..1000);
        assert!(best[..256 / BEST].iter().all(|row| rows.contains(row)));
        assert!((1000 - 256 / LATEST..1000).all(|row| rows.contains(&row)));
        assert_eq!(sampled(&data, 0, 128).len(), 128);
    }

    #[test]
    fn what_is_left_out_lies_near_something_that_is_kept() {
        let dimensions = dimensions();
        let data = data(1000, &dimensions);
        let rows = kept(&data, 0, &dimensions, 100);
        for place in &data.places {
            let near = |row: &usize| {
                let other = &data.places[*row];
                place[3] == other[3] && place[..3].iter().zip(other).all(|(a, b)| (a - b).abs() < 0.05)
            };
            assert!(rows.iter().any(near), "{place:?}");
        }
    }

    #[test]
    fn every_word_is_kept_though_there_is_room_for_few() {
        let dimensions = dimensions();
        let mut data = data(1000, &dimensions);
        // Words that are worse than all else, long ago.
        for (row, word) in [(3, 0.25), (4, 0.5), (6, 0.75), (7, 1.0)] {
            data.places[row][3] = word;
            data.values[row] = -1000.0;
        }
        let rows = kept(&data, 0, &dimensions, 12);
        assert_eq!(rows.len(), 12);
        for word in [0.0, 0.25, 0.5, 0.75, 1.0] {
            assert!(rows.iter().any(|row| data.places[*row][3] == word), "{word}");
        }
    }

    #[test]
    fn below_the_limit_everything_is_kept_and_earlier_jobs_make_room_first() {
        let dimensions = dimensions();
        let data = data(60, &dimensions);
        assert_eq!(kept(&data, 20, &dimensions, 60), (0..60).collect::<Vec<_>>());
        assert_eq!(sampled(&data, 20, 60), (0..60).collect::<Vec<_>>());
        let rows = kept(&data, 20, &dimensions, 50);
        assert_eq!(rows, sampled(&data, 20, 50));
        assert_eq!(rows.len(), 50);
        assert!((20..60).all(|row| rows.contains(&row)));
        let worst_kept = rows[..10]
            .iter()
            .map(|r| data.values[*r])
            .fold(f64::INFINITY, f64::min);
        let left = (0..20).filter(|row| !rows.contains(row));
        assert!(left.map(|r| data.values[r]).all(|v| v <= worst_kept));
        assert!(kept(&data, 20, &dimensions, 30).iter().all(|row| *row >= 20));
    }
}
