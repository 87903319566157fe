//! Problems of four parameters, and one of twenty, with noise, whose least value is known.

use std::f64::consts::{E, PI, TAU};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace};

pub struct Problem {
    pub name: &'static str,
    /// Least value, noise aside.
    pub least: f64,
    /// Standard deviation of a value's noise.
    pub noise: f64,
    pub dimension: usize,
    words: usize,
    function: fn(&[f64]) -> f64,
}

/// What no job's regret is measured on, only what it costs.
pub const TWENTY: Problem = Problem {
    name: "ackley20",
    least: 0.0,
    noise: 0.1,
    dimension: 20,
    words: 0,
    function: ackley,
};

/// The last one's fourth parameter is a word.
pub const PROBLEMS: [Problem; 4] = [
    Problem {
        name: "ackley",
        least: 0.0,
        noise: 0.1,
        dimension: 4,
        words: 0,
        function: ackley,
    },
    Problem {
        name: "levy",
        least: 0.0,
        noise: 0.2,
        dimension: 4,
        words: 0,
        function: levy,
    },
    Problem {
        name: "hartmann4",
        least: HARTMANN_LEAST,
        noise: 0.05,
        dimension: 4,
        words: 0,
        function: hartmann,
    },
    Problem {
        name: "words",
        least: 0.0,
        noise: 0.1,
        dimension: 4,
        words: 4,
        function: with_words,
    },
];

impl Problem {
    pub fn space(&self) -> SearchSpace {
        let double = Domain::Double {
            min: 0.0,
            max: 1.0,
            scale: Scale::Linear,
        };
        let mut domains = vec![double; self.dimension];
        if self.words > 0 {
            domains[3] = Domain::Categorical {
                values: (0..self.words).map(|i| format!("w{i}")).collect(),
            };
        }
        let named = domains.into_iter().enumerate();
        let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
        SearchSpace::new(parameters.collect()).unwrap()
    }

    pub fn value(&self, space: &SearchSpace, point: &Point) -> f64 {
        (self.function)(&space.to_unit(point).unwrap())
    }
}

/// A standard normal number that belongs to these two.
pub fn noise(seed: u64, index: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut uniform = || {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = x;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    (-2.0 * (1.0 - uniform()).ln()).sqrt() * (TAU * uniform()).cos()
}

/// Its least is at 0.37 in every column.
fn ackley(u: &[f64]) -> f64 {
    let n = u.len() as f64;
    let x: Vec<f64> = u.iter().map(|u| 8.0 * (u - 0.37)).collect();
    let squares = x.iter().map(|x| x * x).sum::<f64>() / n;
    let cosines = x.iter().map(|x| (TAU * x).cos()).sum::<f64>() / n;
    20.0 + E - 20.0 * (-0.2 * squares.sqrt()).exp() - cosines.exp()
}

/// Its least is at 0.6 in every column.
fn levy(u: &[f64]) -> f64 {
    let w: Vec<f64> = u.iter().map(|u| 1.0 + 3.0 * (u - 0.6)).collect();
    let last = w[w.len() - 1];
    let inner = |w: &f64| (w - 1.0).powi(2) * (1.0 + 10.0 * (PI * w + 1.0).sin().powi(2));
    (PI * w[0]).sin().powi(2)
        + w[..w.len() - 1].iter().map(inner).sum::<f64>()
        + (last - 1.0).powi(2) * (1.0 + (TAU * last).sin().powi(2))
}

const HARTMANN_LEAST: f64 = -3.729_840_58;

/// Hartmann's function of six parameters cut to four (Picheny et al. 2013), before their scaling.
fn hartmann(u: &[f64]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 4]; 4] = [
        [10.0, 3.0, 17.0, 3.5],
        [0.05, 10.0, 17.0, 0.1],
        [3.0, 3.5, 1.7, 10.0],
        [17.0, 8.0, 0.05, 10.0],
    ];
    const P: [[f64; 4]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124],
        [0.2329, 0.4135, 0.8307, 0.3736],
        [0.2348, 0.1451, 0.3522, 0.2883],
        [0.4047, 0.8828, 0.8732, 0.5743],
    ];
    let bump = |i: usize| {
        let r2: f64 = (0..4).map(|j| A[i][j] * (u[j] - P[i][j]).powi(2)).sum();
        ALPHA[i] * (-r2).exp()
    };
    -(0..4).map(bump).sum::<f64>()
}

/// Three numbers and a word, which moves the optimum and lifts it; `w2` is the best.
fn with_words(u: &[f64]) -> f64 {
    let word = (u[3] * 3.0).round();
    let centre = 0.2 + 0.2 * word;
    let lift = [0.5, 0.3, 0.0, 0.8][word as usize];
    let bowl: f64 = u[..3].iter().map(|u| (u - centre).powi(2)).sum();
    let ripples: f64 = u[..3]
        .iter()
        .map(|u| 1.0 - (4.0 * TAU * (u - centre)).cos())
        .sum();
    lift + 4.0 * bowl + 0.1 * ripples
}
