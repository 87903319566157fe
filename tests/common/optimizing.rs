//! Jobs that are asked and told, for the tests of every strategy.
#![allow(dead_code, reason = "each test program uses a part")]

use tuning_operator::optimizer::{
    Goal, Observation, Outcome, Pending, Proposal, Request, Strategy as Way, suggest,
};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};

pub const WAYS: [Way; 6] = [
    Way::Bayesian,
    Way::Random,
    Way::Sobol,
    Way::Grid { points_per_double: 4 },
    Way::Hyperband {
        min_resource: 1,
        max_resource: 9,
        eta: 3,
    },
    Way::Asha {
        min_resource: 1,
        max_resource: 9,
        eta: 3,
    },
];

pub fn double(scale: Scale) -> Domain {
    let (min, max) = match scale {
        Scale::Linear => (-5.0, 10.0),
        Scale::Log => (5e-6, 5e-4),
        Scale::ReverseLog => (0.5, 0.999),
    };
    Domain::Double { min, max, scale }
}

pub fn integer(min: i64, max: i64, step: i64, scale: Scale) -> Domain {
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

pub fn numbers(values: &[f64]) -> Domain {
    Domain::Discrete {
        values: values.to_vec(),
    }
}

pub fn space(domains: &[Domain]) -> SearchSpace {
    let named = domains.iter().enumerate();
    let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d.clone()).unwrap());
    SearchSpace::new(parameters.collect()).unwrap()
}

/// Spaces of one to six parameters, some of which have a single level.
pub fn spaces() -> Vec<SearchSpace> {
    let mixed = [
        double(Scale::Log),
        integer(1, 5, 1, Scale::Linear),
        double(Scale::Linear),
        words(3),
        numbers(&[8.0, 16.0, 32.0, 64.0]),
        double(Scale::ReverseLog),
    ];
    let mut all: Vec<SearchSpace> = (1..=6).map(|d| space(&mixed[..d])).collect();
    all.push(space(&[words(1)]));
    all.push(space(&[numbers(&[3.0]), double(Scale::Linear), words(1)]));
    all.push(space(&[integer(16, 4096, 16, Scale::Log), words(2)]));
    all.push(space(&[words(2), numbers(&[1.0, 2.0])]));
    all
}

/// A job that is asked and told.
pub struct Job {
    pub space: SearchSpace,
    pub way: Way,
    pub goal: Goal,
    pub seed: u64,
    pub parallel: u32,
    pub replicates: u32,
    pub max_trials: u32,
    pub prior: Vec<Observation>,
    pub history: Vec<Observation>,
    pub pending: Vec<Pending>,
}

impl Job {
    pub fn new(space: &SearchSpace, way: &Way, seed: u64) -> Self {
        Self {
            space: space.clone(),
            way: way.clone(),
            goal: Goal::Maximize,
            seed,
            parallel: 3,
            replicates: 0,
            max_trials: 30,
            prior: vec![],
            history: vec![],
            pending: vec![],
        }
    }

    pub fn request(&self, n: usize) -> Request<'_> {
        Request {
            space: &self.space,
            goal: self.goal,
            strategy: &self.way,
            history: &self.history,
            prior: &self.prior,
            pending: &self.pending,
            n,
            max_trials: self.max_trials,
            parallel: self.parallel,
            replicates: self.replicates,
            seed: self.seed,
        }
    }

    pub fn ask(&self, n: usize) -> Vec<Proposal> {
        suggest(&self.request(n))
    }

    /// Starts the proposals as trials.
    pub fn start(&mut self, proposals: &[Proposal]) {
        for p in proposals {
            let index = (self.history.len() + self.pending.len()) as u32;
            self.pending.push(Pending {
                index,
                point: p.point.clone(),
                resource: p.resource,
            });
        }
    }

    /// Ends all trials that run.
    pub fn end(&mut self, outcome: impl Fn(&Point, u32) -> Outcome) {
        for p in std::mem::take(&mut self.pending) {
            self.history.push(Observation {
                index: p.index,
                outcome: outcome(&p.point, p.index),
                point: p.point,
                resource: p.resource,
            });
        }
    }

    /// Asks for batches of `parallel` and ends them, until `n` trials have ended or none is proposed.
    pub fn go(&mut self, n: usize, outcome: impl Fn(&Point, u32) -> Outcome) {
        while self.history.len() < n {
            let proposals = self.ask((self.parallel as usize).min(n - self.history.len()));
            if proposals.is_empty() {
                break;
            }
            self.start(&proposals);
            self.end(&outcome);
        }
    }
}

/// A peak at two thirds of every ordered column.
pub fn peak(space: &SearchSpace, point: &Point) -> f64 {
    let place = space.to_unit(point).expect("a legal point");
    -place.iter().map(|u| (u - 0.66) * (u - 0.66)).sum::<f64>()
}

pub fn good(space: &SearchSpace) -> impl Fn(&Point, u32) -> Outcome + use<> {
    let space = space.clone();
    move |point, _| Outcome::Value(peak(&space, point))
}

pub fn bits(point: &Point) -> String {
    let value = |v: &Value| match v {
        Value::Double(x) => format!("{:016x}", x.to_bits()),
        Value::Integer(x) => x.to_string(),
        Value::Text(x) => x.clone(),
    };
    point.0.iter().map(value).collect::<Vec<_>>().join(" ")
}

pub fn points(proposals: &[Proposal]) -> Vec<String> {
    proposals.iter().map(|p| bits(&p.point)).collect()
}

pub fn every_way_and_space(mut check: impl FnMut(&Way, &SearchSpace)) {
    for way in &WAYS {
        for space in &spaces() {
            check(way, space);
        }
    }
}
