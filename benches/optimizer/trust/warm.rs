//! What earlier jobs help, and what they cost where they mislead.
//!
//! Each problem is played cold and after a parent of 30 trials: of the same problem, of one whose optimum lies a tenth of the
//! range away, and of its mirror image. `reach` is the number of the first trial within a twentieth of a random point's regret.

use super::problem::Problem;
use tuning_operator::optimizer::{Observation, Request, Strategy, suggest};
use tuning_operator::space::{Point, SearchSpace};

const TRIALS: usize = 30;
const BATCH: usize = 3;
/// Near enough to the optimum, in mean regrets of random points.
const NEAR: f64 = 0.05;

type Moved = fn(f64) -> f64;

const PARENTS: [(&str, Moved); 3] = [
    ("same", |u| u),
    ("near", |u| (u + 0.1).min(1.0)),
    ("mirror", |u| 1.0 - u),
];

pub fn play(problem: &Problem, best: f64, scale: f64, seed: u64) -> Vec<(String, f64)> {
    let space = problem.space();
    let mut measures = vec![(
        "reach-cold".into(),
        child(problem, &space, best, scale, seed, &[]),
    )];
    for (name, moved) in PARENTS {
        let place = |point: &Point| -> Point {
            let moved: Vec<f64> = space.to_unit(point).unwrap().into_iter().map(moved).collect();
            space.from_unit(&moved)
        };
        let parent = job(problem, &space, seed + 5000, &[], place);
        measures.push((
            format!("reach-{name}"),
            child(problem, &space, best, scale, seed, &parent),
        ));
    }
    measures
}

fn child(
    problem: &Problem,
    space: &SearchSpace,
    best: f64,
    scale: f64,
    seed: u64,
    prior: &[Observation],
) -> f64 {
    let history = job(problem, space, seed, prior, Point::clone);
    let near = |o: &Observation| problem.truth(&o.point).is_some_and(|t| best - t <= NEAR * scale);
    1.0 + history.iter().position(near).unwrap_or(TRIALS) as f64
}

/// A job whose trials are really at the place that belongs to their point.
fn job(
    problem: &Problem,
    space: &SearchSpace,
    seed: u64,
    prior: &[Observation],
    place: impl Fn(&Point) -> Point,
) -> Vec<Observation> {
    let mut history: Vec<Observation> = Vec::new();
    while history.len() < TRIALS {
        let request = Request {
            space,
            goal: problem.goal,
            strategy: &Strategy::Bayesian,
            history: &history,
            prior,
            pending: &[],
            n: BATCH,
            max_trials: TRIALS as u32,
            parallel: BATCH as u32,
            replicates: 0,
            seed,
        };
        for proposal in suggest(&request) {
            let index = history.len() as u32;
            history.push(Observation {
                index,
                outcome: problem.observe(&place(&proposal.point), seed, u64::from(index)),
                point: proposal.point,
                resource: None,
            });
        }
    }
    history
}
