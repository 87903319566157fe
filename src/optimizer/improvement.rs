//! The expected improvement at a score, fast: `h(z) = z Phi(z) + phi(z)`.
//!
//! `z` is by how many standard deviations a place is expected to beat the best value; `Phi` and `phi` are the distribution
//! and density of the standard normal. `h` is needed thousands of times for each proposal and is smooth, so it is read off
//! cubic pieces between the points of a table, whose slopes are `Phi`.

/// Below this score `h` is too small to be computed as a difference.
pub const FAR: f64 = -6.0;
/// From this score on `h(z) = z` to nine digits.
const NEAR: f64 = 6.0;
/// Pieces for each unit of `z`.
const FINENESS: f64 = 32.0;
const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_7;

/// Values and slopes of `h`.
pub struct Improvement {
    table: Vec<(f64, f64)>,
}

impl Improvement {
    /// Computes the table.
    pub fn new() -> Self {
        let n = ((NEAR - FAR) * FINENESS) as u32;
        let at = |i: u32| FAR + f64::from(i) / FINENESS;
        Self {
            table: (0..=n + 1)
                .map(|i| (exact(at(i)), distribution(at(i)) / FINENESS))
                .collect(),
        }
    }

    /// `h(z)` for `z >= FAR`, to six digits at its far end and more elsewhere.
    pub fn of(&self, z: f64) -> f64 {
        if z >= NEAR {
            return z;
        }
        let position = ((z - FAR) * FINENESS).max(0.0);
        let i = position as usize;
        let t = position - i as f64;
        let ((a, a_slope), (b, b_slope)) = (self.table[i], self.table[i + 1]);
        // Hermite's cubic.
        let rest = (2.0 * t - 3.0) * t * t;
        a + (a - b) * rest + t * (1.0 - t) * ((1.0 - t) * a_slope - t * b_slope)
    }
}

fn distribution(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

fn exact(z: f64) -> f64 {
    z * distribution(z) + libm::exp(-0.5 * z * z - LN_SQRT_TAU)
}

/// `ln h(z)` for scores below [`FAR`], where `h(z)` is `phi(z) / z^2` to first order (Ament et al. 2023).
pub fn log_far(z: f64) -> f64 {
    -0.5 * z * z - LN_SQRT_TAU - 2.0 * libm::log(-z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn improvements_have_their_known_values() {
        let improvement = Improvement::new();
        for (z, h) in [
            (0.0, 0.398_942_280),
            (1.0, 1.083_315_47),
            (-1.0, 0.083_315_47),
            (-3.0, 3.821_543e-4),
            (8.0, 8.0),
        ] {
            assert!((improvement.of(z) / h - 1.0).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn the_table_follows_the_function() {
        let improvement = Improvement::new();
        for i in 0..12_000 {
            let z = FAR + f64::from(i) * 0.001;
            assert!((improvement.of(z) / exact(z) - 1.0).abs() < 2e-5, "{z}");
        }
    }

    #[test]
    fn both_branches_meet() {
        assert!((libm::log(exact(FAR)) - log_far(FAR)).abs() < 0.1);
    }
}
