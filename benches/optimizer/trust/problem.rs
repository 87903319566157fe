//! What a problem is made of: a space, a noise-free value, and what chance does to it.

use tuning_operator::optimizer::{Goal, Outcome};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};

/// A function of a point's values: numbers as they are, a word as its position in the list.
pub type Function = fn(&[f64]) -> f64;

pub struct Problem {
    pub name: &'static str,
    pub domains: Vec<Domain>,
    pub goal: Goal,
    pub trials: usize,
    /// The value without noise.
    pub clean: Function,
    /// Standard deviation of the noise.
    pub noise: Function,
    /// Probability that a trial has no value.
    pub fails: Function,
    /// Probability of another value instead, and that value.
    pub other: (Function, f64),
    /// What a regret is divided by; the mean regret of random points where it is not given.
    pub scale: Option<f64>,
}

pub fn nothing(_: &[f64]) -> f64 {
    0.0
}

impl Problem {
    pub fn new(name: &'static str, goal: Goal, domains: Vec<Domain>, clean: Function) -> Self {
        Self {
            name,
            domains,
            goal,
            trials: 30,
            clean,
            noise: nothing,
            fails: nothing,
            other: (nothing, 0.0),
            scale: None,
        }
    }

    pub fn space(&self) -> SearchSpace {
        let named = self.domains.iter().cloned().enumerate();
        let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
        SearchSpace::new(parameters.collect()).unwrap()
    }

    fn values(&self, point: &Point) -> Vec<f64> {
        let value = |(value, domain): (&Value, &Domain)| match (value, domain) {
            (Value::Double(x), _) => *x,
            (Value::Integer(x), _) => *x as f64,
            (Value::Text(x), Domain::Categorical { values }) => {
                values.iter().position(|v| v == x).unwrap() as f64
            }
            (Value::Text(_), _) => unreachable!("only a list of words has words"),
        };
        point.0.iter().zip(&self.domains).map(value).collect()
    }

    /// The expected value without noise, larger is better; where a wild value is no part of what is asked for (an outlier,
    /// not a collapse) its own. `None` where trials fail for sure.
    pub fn truth(&self, point: &Point) -> Option<f64> {
        let v = self.values(point);
        if (self.fails)(&v) >= 1.0 {
            return None;
        }
        let (share, other) = ((self.other.0)(&v), self.other.1);
        let value = if other.abs() > 100.0 && share < 1.0 {
            (self.clean)(&v)
        } else {
            (1.0 - share) * (self.clean)(&v) + share * other
        };
        Some(self.sign() * value)
    }

    /// The values in the middle of the space.
    pub fn middle(&self) -> Vec<f64> {
        let space = self.space();
        self.values(&space.from_unit(&vec![0.5; self.domains.len()]))
    }

    pub fn sign(&self) -> f64 {
        if self.goal == Goal::Maximize { 1.0 } else { -1.0 }
    }

    /// What a trial gives; the same for the same seed and index, whatever else is asked.
    pub fn observe(&self, point: &Point, seed: u64, index: u64) -> Outcome {
        let v = self.values(point);
        let mut chance = Chance::new(seed, index);
        let (z, u, w) = (chance.normal(), chance.uniform(), chance.uniform());
        if w < (self.fails)(&v) {
            Outcome::Failed
        } else if u < (self.other.0)(&v) {
            Outcome::Value(self.other.1)
        } else {
            Outcome::Value((self.clean)(&v) + (self.noise)(&v) * z)
        }
    }

    /// The highest truth, and the mean regret of random points that do not fail.
    pub fn bounds(&self) -> (f64, f64) {
        let space = self.space();
        let mut chance = Chance::new(99, 0);
        let d = self.domains.len();
        let mut places: Vec<Vec<f64>> = (0..20_000)
            .map(|_| (0..d).map(|_| chance.uniform()).collect())
            .collect();
        let truth = |u: &Vec<f64>| self.truth(&space.from_unit(u));
        let all: Vec<f64> = places.iter().filter_map(truth).collect();
        places.sort_by(|a, b| {
            let height = |u| truth(u).unwrap_or(f64::NEG_INFINITY);
            height(b).total_cmp(&height(a))
        });
        let mut top = places.swap_remove(0);
        let mut best = truth(&top).unwrap();
        for i in 0..20_000 {
            let step = 0.3 * 0.9995f64.powi(i);
            let near: Vec<f64> = top
                .iter()
                .map(|x| (x + step * chance.normal()).clamp(0.0, 1.0))
                .collect();
            if let Some(height) = truth(&near).filter(|h| *h >= best) {
                (top, best) = (near, height);
            }
        }
        let mean = best - all.iter().sum::<f64>() / all.len() as f64;
        (best, self.scale.unwrap_or(mean))
    }
}

/// Random numbers by SplitMix64.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64, index: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(mixed ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

pub fn double(min: f64, max: f64) -> Domain {
    let scale = Scale::Linear;
    Domain::Double { min, max, scale }
}

pub fn log(min: f64, max: f64) -> Domain {
    let scale = Scale::Log;
    Domain::Double { min, max, scale }
}

pub fn integer(min: i64, max: i64) -> Domain {
    let (step, scale) = (1, Scale::Linear);
    Domain::Integer {
        min,
        max,
        step,
        scale,
    }
}

pub fn words(n: usize) -> Domain {
    let values = (0..n).map(|i| format!("w{i}")).collect();
    Domain::Categorical { values }
}
