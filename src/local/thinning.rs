//! Which points of a learning curve are recorded: all of a short one, ever fewer of a long one, its first and its last always.
//!
//! Let the points be numbered from 1 and `d` be the least number with `k <= WHOLE * 2^d`. Point `k` is recorded where `2^d`
//! divides `k - 1`. So the first `WHOLE` points are all recorded, and half as many again each time that the curve doubles its
//! length: 20,000 points leave 1,900, a million 3,300. Which they are depends on nothing but their numbers.

/// So many points are recorded without leaving any out.
const WHOLE: u64 = 512;

/// Thins the points of one attempt as they come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thinning<T> {
    n: u64,
    /// The last point, if it was not recorded.
    held: Option<T>,
}

impl<T> Default for Thinning<T> {
    fn default() -> Self {
        Self { n: 0, held: None }
    }
}

impl<T> Thinning<T> {
    /// The point, if it is to be recorded.
    pub fn keep(&mut self, point: T) -> Option<T> {
        self.n += 1;
        let doublings = self.n.div_ceil(WHOLE).next_power_of_two();
        if (self.n - 1).is_multiple_of(doublings) {
            self.held = None;
            Some(point)
        } else {
            self.held = Some(point);
            None
        }
    }

    /// The last point, if it was left out: the curve has come to its end.
    pub fn last(&mut self) -> Option<T> {
        self.held.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(n: u64) -> Vec<u64> {
        let mut thinning = Thinning::default();
        let mut kept: Vec<u64> = (1..=n).filter_map(|k| thinning.keep(k)).collect();
        kept.extend(thinning.last());
        kept
    }

    #[test]
    fn a_short_curve_is_recorded_whole() {
        for n in [0, 1, 2, WHOLE] {
            assert_eq!(recorded(n), (1..=n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_long_curve_stays_short_and_keeps_both_ends() {
        for (n, most) in [
            (WHOLE + 1, 513),
            (1_024, 769),
            (20_000, 1_900),
            (200_000, 2_800),
            (1_000_000, 3_310),
        ] {
            let kept = recorded(n);
            assert!(kept.len() <= most, "{} of {n}", kept.len());
            assert_eq!((kept[0], kept[kept.len() - 1]), (1, n));
            let widest = kept
                .windows(2)
                .map(|w| (w[1] - w[0]) * WHOLE / w[1].max(WHOLE))
                .max();
            assert!(
                widest <= Some(2),
                "no gap is wide beside the curve's length: {widest:?}"
            );
        }
    }

    #[test]
    fn what_is_recorded_of_a_beginning_is_recorded_of_the_whole() {
        let whole = recorded(5_000);
        let beginning = recorded(3_000);
        assert!(beginning[..beginning.len() - 1].iter().all(|k| whole.contains(k)));
    }
}
