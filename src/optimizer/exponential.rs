//! The exponential function of many numbers at once.
//!
//! A covariance matrix is mostly exponentials. This one has no branches and no table, so that a compiler can work on
//! several numbers at a time; it is made of additions and multiplications only, which give the same bits everywhere.
//!
//! With `x = n ln 2 + r`, `|r| <= ln 2 / 2`, it is `2^n` times the Taylor polynomial of `e^r`, whose remainder is below a
//! unit in the last place.

use std::f64::consts::LOG2_E;

/// `ln 2` in two parts: the product of the first with a small integer is exact (Cody and Waite 1980).
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding this rounds to an integer, which then stands in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// `1 / k!` from 13 down to 2.
const TAYLOR: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// `e^x` for `x <= 700`; below -700 it is the value at -700, which is as good as zero.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let x = if x < -700.0 { -700.0 } else { x };
    let rounded = x * LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = TAYLOR[0];
    for coefficient in &TAYLOR[1..] {
        sum = sum * r + coefficient;
    }
    let mantissa = sum * (r * r) + (r + 1.0);
    // The integer in the lowest bits of `rounded` becomes an exponent.
    let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    mantissa * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        for i in 0..=140_000 {
            let x = -700.0 + f64::from(i) * 0.01;
            let (a, b) = (exp(x), libm::exp(x));
            assert!((a / b - 1.0).abs() < 1e-15, "{x}: {a} {b}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e9) < 1e-300);
    }
}
