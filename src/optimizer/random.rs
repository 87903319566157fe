//! Chance that is the same on every machine: xoshiro256** (Blackman and Vigna 2021), seeded by SplitMix64.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: [u64; 4],
    spare: Option<f64>,
}

impl Random {
    /// The stream that belongs to these numbers, all of them in this order.
    pub(super) fn new(seeds: &[u64]) -> Self {
        let mut mixed = 0x243f_6a88_85a3_08d3;
        for seed in seeds {
            mixed = split_mix(&mut (mixed ^ seed));
        }
        let mut state = [0; 4];
        for word in &mut state {
            *word = split_mix(&mut mixed);
        }
        Self { state, spare: None }
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let out = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        out
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `0..n`; the bias is below n / 2^64.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 - u is in (0, 1]: its logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sin, cos) = libm::sincos(2.0 * std::f64::consts::PI * self.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut random = Random::new(&[1, 2]);
        let xs: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = xs.iter().sum::<f64>() / 20_000.0;
        let variance = xs.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04,
            "{mean} {variance}"
        );
    }

    #[test]
    fn streams_differ_by_every_seed_and_by_their_order() {
        let first = |seeds: &[u64]| Random::new(seeds).bits();
        let all = [
            first(&[1, 2]),
            first(&[2, 1]),
            first(&[1]),
            first(&[1, 2, 0]),
            first(&[1, 3]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
    }
}
