//! Chance that is a function of a key: the same seed, purpose and index give the same numbers on every machine.
//!
//! Nothing is carried from step to step, so a resumed run needs no generator state. SplitMix64 (Steele, Lea and Flood,
//! "Fast splittable pseudorandom number generators", 2014) spreads the key and is the generator for small draws.

/// What a stream of numbers is for: streams of different purposes have nothing in common.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// The new classification head.
    Head = 1,
    /// The order of the training pairs in an epoch.
    Order = 2,
    /// The dropout masks of a step.
    Dropout = 3,
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of this key; `index` is an epoch, a step or a tensor's number.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut state = 0;
        for part in [seed, purpose as u64, index] {
            state = mix(state ^ part).wrapping_add(part);
        }
        Self { state }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Uniform in [0, 1), 53 bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..n by multiplication; the bias is below n / 2^64.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A draw from N(0, 1), by Box and Muller.
    pub fn gaussian(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Shuffles by Fisher and Yates, from the last place to the first.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Spreads every bit over all of them; no two numbers give the same.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_function_of_its_key() {
        let first = |seed, purpose, index| Stream::new(seed, purpose, index).bits();
        let keys = [
            first(1, Purpose::Order, 0),
            first(1, Purpose::Order, 1),
            first(2, Purpose::Order, 0),
            first(1, Purpose::Dropout, 0),
        ];
        assert_eq!(keys[0], first(1, Purpose::Order, 0));
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{keys:?}");
        }
    }

    #[test]
    fn a_shuffle_moves_everything_and_loses_nothing() {
        let mut items: Vec<usize> = (0..100).collect();
        Stream::new(7, Purpose::Order, 3).shuffle(&mut items);
        assert!(
            items
                .iter()
                .enumerate()
                .filter(|(place, item)| place == *item)
                .count()
                < 10
        );
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn gaussians_have_mean_zero_and_variance_one() {
        let mut stream = Stream::new(1, Purpose::Head, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| stream.gaussian()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // Four and five standard deviations. Logarithm and cosine may differ in the last bit between systems.
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
    }
}
