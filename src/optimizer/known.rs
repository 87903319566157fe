//! Which trials a proposal knew: their numbers, written short, so that it can be made again.

use std::fmt;
use std::str::FromStr;

/// The trials that a proposal was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Those that had ended.
    pub observed: Indices,
    /// Those that had a point and no final value yet, earlier ones of the same batch among them.
    pub pending: Indices,
}

/// A set of numbers of trials; its text has them as ascending ranges, such as `1-7,9`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indices {
    /// First and last of each range, ascending, with a gap before the next.
    ranges: Vec<(u32, u32)>,
}

/// A text that is not a list of ascending ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotIndices;

impl Indices {
    /// Whether a number is one of them.
    pub fn contains(&self, index: u32) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= index);
        after > 0 && index <= self.ranges[after - 1].1
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        let lengths = self
            .ranges
            .iter()
            .map(|(first, last)| u64::from(last - first) + 1);
        lengths.sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

impl FromIterator<u32> for Indices {
    /// In any order; twice is once.
    fn from_iter<T: IntoIterator<Item = u32>>(all: T) -> Self {
        let mut all: Vec<u32> = all.into_iter().collect();
        all.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for index in all {
            match ranges.last_mut() {
                Some((_, last)) if index <= last.saturating_add(1) => *last = index,
                _ => ranges.push((index, index)),
            }
        }
        Self { ranges }
    }
}

impl fmt::Display for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Indices {
    type Err = NotIndices;

    fn from_str(text: &str) -> Result<Self, NotIndices> {
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| NotIndices);
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for range in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (number(first)?, number(last)?);
            let after_gap = ranges
                .last()
                .is_none_or(|(_, before)| first > before.saturating_add(1));
            if first > last || !after_gap {
                return Err(NotIndices);
            }
            ranges.push((first, last));
        }
        Ok(Self { ranges })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_thousand_trials_are_a_few_letters() {
        let all: Indices = (1..=1000).filter(|i| *i != 998).collect();
        assert_eq!(all.to_string(), "1-997,999-1000");
        assert_eq!(all.len(), 999);
        let none = Indices::from_iter([]);
        assert_eq!(none.to_string(), "");
        assert!(none.is_empty() && "".parse() == Ok(none));
    }

    #[test]
    fn what_is_no_list_of_ascending_ranges_is_refused() {
        for text in [
            "x",
            "1-",
            "-1",
            "3-1",
            "2,1",
            "1,2",
            "1-4,5",
            "1,,3",
            "1 ,3",
            "4294967296",
        ] {
            assert_eq!(text.parse::<Indices>(), Err(NotIndices), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_set_reads_back_from_its_text(set in proptest::collection::btree_set(0u32..60, 0..40)) {
            let indices: Indices = set.iter().rev().copied().collect();
            let read: Result<Indices, NotIndices> = indices.to_string().parse();
            prop_assert_eq!(read.as_ref(), Ok(&indices));
            let found: BTreeSet<u32> = (0..60).filter(|i| indices.contains(*i)).collect();
            prop_assert_eq!(indices.len(), set.len() as u64);
            prop_assert_eq!(found, set);
        }
    }
}
