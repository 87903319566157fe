//! Which points of a learning curve are recorded: all of a short one, ever fewer of a long one; its first, its last, its highest and
//! its lowest always.
//!
//! Let the points be numbered from 1 and `d` be the least number with `k <= WHOLE * 2^d`. Point `k` is recorded where `2^d`
//! divides `k - 1`. So the first `WHOLE` points are all recorded, and half as many again each time that the curve doubles its
//! length: 20,000 points leave 1,900, a million 3,300. A point between two of them that is higher or lower than all before it, and
//! is not outdone by the next that is recorded, is recorded before that one: three times as many are the most.

/// So many points are recorded without leaving any out.
const WHOLE: u64 = 512;

/// Thins the points of one attempt as they come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thinning<T> {
    n: u64,
    /// The last point, if it was not recorded.
    held: Option<(u64, T)>,
    highest: Extreme<T>,
    lowest: Extreme<T>,
}

/// The highest value so far, or the lowest with its sign turned.
#[derive(Clone, Debug, PartialEq)]
struct Extreme<T> {
    value: f64,
    /// Its point, if that was not recorded.
    point: Option<(u64, T)>,
}

impl<T> Default for Extreme<T> {
    fn default() -> Self {
        Self {
            value: f64::NEG_INFINITY,
            point: None,
        }
    }
}

impl<T> Default for Thinning<T> {
    fn default() -> Self {
        Self {
            n: 0,
            held: None,
            highest: Extreme::default(),
            lowest: Extreme::default(),
        }
    }
}

impl<T: Clone> Thinning<T> {
    /// What is to be recorded now that there is another point, with this value.
    pub fn keep(&mut self, value: f64, point: T) -> Vec<T> {
        self.n += 1;
        let distance = self.n.div_ceil(WHOLE).next_power_of_two();
        let is_due = (self.n - 1).is_multiple_of(distance);
        for (extreme, value) in [(&mut self.highest, value), (&mut self.lowest, -value)] {
            if value > extreme.value {
                let unrecorded = (!is_due).then(|| (self.n, point.clone()));
                (extreme.value, extreme.point) = (value, unrecorded);
            }
        }
        self.held = Some((self.n, point));
        if is_due { self.rest() } else { Vec::new() }
    }

    /// What is to be recorded when the curve has come to its end.
    pub fn rest(&mut self) -> Vec<T> {
        let left = [
            self.highest.point.take(),
            self.lowest.point.take(),
            self.held.take(),
        ];
        let mut left: Vec<(u64, T)> = left.into_iter().flatten().collect();
        left.sort_by_key(|(n, _)| *n);
        left.dedup_by_key(|(n, _)| *n);
        left.into_iter().map(|(_, point)| point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the points that are recorded of a curve.
    fn recorded(n: u64, value: impl Fn(u64) -> f64) -> Vec<u64> {
        let mut thinning = Thinning::default();
        let mut kept: Vec<u64> = (1..=n).flat_map(|k| thinning.keep(value(k), k)).collect();
        kept.extend(thinning.rest());
        kept
    }

    #[test]
    fn a_short_curve_is_recorded_whole() {
        for n in [0, 1, 2, WHOLE] {
            assert_eq!(recorded(n, |_| 0.5), (1..=n).collect::<Vec<_>>());
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
            let values: [fn(u64) -> f64; 4] = [|_| f64::NAN, |_| 0.5, |k| k as f64, |k| 1.0 / k as f64];
            for value in values {
                let kept = recorded(n, value);
                assert!(kept.len() <= most, "{} of {n}", kept.len());
                assert_eq!((kept[0], kept[kept.len() - 1]), (1, n));
                let distance = |w: &[u64]| (w[1] - w[0]) * WHOLE / w[1].max(WHOLE);
                let widest = kept.windows(2).map(distance).max();
                assert!(widest <= Some(2), "wide beside the curve's length: {widest:?}");
            }
        }
    }

    #[test]
    fn the_best_is_kept_wherever_it_stands_and_the_order_stays() {
        // Each of these is left out where it is like the others.
        for best in [1_026, 5_003, 19_999] {
            for peak in [2.0, -2.0] {
                let kept = recorded(20_000, |k| if k == best { peak } else { (k % 7) as f64 / 7.0 });
                assert!(
                    kept.contains(&best) && kept.len() <= 1_910,
                    "{best}: {}",
                    kept.len()
                );
                assert!(kept.is_sorted_by(|a, b| a < b));
            }
        }
    }

    #[test]
    fn however_the_values_go_the_number_is_bounded() {
        // Ever wider swings: nearly each point is the highest or the lowest so far.
        let kept = recorded(20_000, |k| if k % 2 == 0 { k as f64 } else { -(k as f64) });
        assert!(kept.len() <= 3 * 1_900, "{}", kept.len());
    }

    #[test]
    fn what_is_recorded_of_a_beginning_is_recorded_of_the_whole() {
        let whole = recorded(5_000, |_| 0.5);
        let beginning = recorded(3_000, |_| 0.5);
        assert!(beginning[..beginning.len() - 1].iter().all(|k| whole.contains(k)));
    }
}
