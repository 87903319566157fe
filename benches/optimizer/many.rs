//! What many trials cost the optimizer, and what its limits cost the job.
//!
//! `many cost [N…]` prints CPU seconds of an ask, a recommendation and all beliefs after N trials of four parameters, and of
//! twenty.
//! `many regret [SEEDS] [TRIALS] [FIRST_SEED] [PROBLEM…]` runs whole jobs with the usual limits and without any, side by side.

#[path = "many_problems.rs"]
mod problems;

use problems::{PROBLEMS, Problem, TWENTY, noise};
use tuning_operator::optimizer::{
    Goal, Limits, Observation, Outcome, Request, Strategy, predict, recommend, recommend_within, suggest,
    suggest_within,
};
use tuning_operator::space::{Point, SearchSpace};

const BATCH: usize = 3;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = words.iter().skip(1).filter_map(|w| w.parse().ok()).collect();
    match words.first().map(String::as_str) {
        Some("cost") if numbers.is_empty() => [100, 300, 1000].into_iter().for_each(cost),
        Some("cost") => numbers.into_iter().for_each(cost),
        Some("regret") => {
            let number = |i: usize, usual: usize| numbers.get(i).copied().unwrap_or(usual);
            let named = |p: &&Problem| words.iter().any(|w| w == p.name);
            let any_named = PROBLEMS.iter().any(|p| named(&p));
            let chosen = PROBLEMS.iter().filter(|p| !any_named || named(p));
            regret(
                &chosen.collect::<Vec<_>>(),
                number(2, 0),
                number(0, 5),
                number(1, 300),
            );
        }
        _ => eprintln!("usage: many cost [N…] | many regret [SEEDS] [TRIALS] [FIRST_SEED] [PROBLEM…]"),
    }
}

/// CPU seconds of this thread. Others share the machine: the clock on the wall would count them too.
fn cpu_seconds() -> f64 {
    let stat =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("CPU time is read from Linux's /proc");
    let nanoseconds: f64 = stat.split(' ').next().unwrap().parse().unwrap();
    nanoseconds * 1e-9
}

fn seconds_of<T>(mut f: impl FnMut() -> T) -> f64 {
    const TIMES: u32 = 5;
    let begin = cpu_seconds();
    for _ in 0..TIMES {
        std::hint::black_box(f());
    }
    (cpu_seconds() - begin) / f64::from(TIMES)
}

fn request<'a>(
    space: &'a SearchSpace,
    history: &'a [Observation],
    n: usize,
    max_trials: usize,
    seed: u64,
) -> Request<'a> {
    Request {
        space,
        goal: Goal::Minimize,
        strategy: &Strategy::Bayesian,
        history,
        prior: &[],
        pending: &[],
        n,
        max_trials: max_trials as u32,
        parallel: BATCH as u32,
        replicates: 0,
        seed,
    }
}

fn observation(
    problem: &Problem,
    index: usize,
    point: Point,
    seed: u64,
    outcome: Option<Outcome>,
) -> Observation {
    let value = problem.value(&problem.space(), &point) + problem.noise * noise(seed, index as u64);
    Observation {
        index: index as u32,
        point,
        outcome: outcome.unwrap_or(Outcome::Value(value)),
        resource: None,
    }
}

/// Half of the trials anywhere, half near the optimum, and, if asked for, one in ten failed.
fn cost(n: usize) {
    let plain = [(&PROBLEMS[0], false), (&PROBLEMS[0], true), (&PROBLEMS[3], false)];
    for (problem, failing) in plain.into_iter().chain([(&TWENTY, true)]) {
        let space = problem.space();
        let history: Vec<Observation> = (0..n)
            .map(|i| {
                let place: Vec<f64> = (0..problem.dimension as u64)
                    .map(|j| {
                        let z = noise(7 + j, i as u64);
                        let spread = if i % 2 == 0 {
                            0.5 + 0.3 * z
                        } else {
                            0.37 + 0.04 * z
                        };
                        spread.clamp(0.0, 1.0)
                    })
                    .collect();
                let failed = (failing && i % 10 == 0).then_some(Outcome::Failed);
                observation(problem, i, space.from_unit(&place), 1, failed)
            })
            .collect();
        let ask = |k: usize| seconds_of(|| suggest(&request(&space, &history, k, 4 * n, 1)));
        let points: Vec<Point> = history.iter().map(|o| o.point.clone()).collect();
        println!(
            "{:9} {} n = {n:4}: ask for 1 {:.3}, ask for 3 {:.3}, recommend {:.3}, predict {:.3} CPU s",
            problem.name,
            if failing { "failing" } else { "       " },
            ask(1),
            ask(3),
            seconds_of(|| recommend(&request(&space, &history, 1, n, 1))),
            seconds_of(|| predict(&request(&space, &history, 1, n, 1), &points)),
        );
    }
}

/// Regret of the recommended point and of the best point tried, noise aside, and CPU seconds of all asks.
fn run(problem: &Problem, limits: Limits, trials: usize, seed: u64) -> (f64, f64, f64) {
    let space = problem.space();
    let mut history: Vec<Observation> = Vec::new();
    let begin = cpu_seconds();
    while history.len() < trials {
        let n = BATCH.min(trials - history.len());
        for proposal in suggest_within(&request(&space, &history, n, trials, seed), limits) {
            history.push(observation(problem, history.len(), proposal.point, seed, None));
        }
    }
    let advice = recommend_within(&request(&space, &history, 1, trials, seed), limits);
    let seconds = cpu_seconds() - begin;
    let regret = |point: &Point| problem.value(&space, point) - problem.least;
    let best = history
        .iter()
        .map(|o| regret(&o.point))
        .fold(f64::INFINITY, f64::min);
    (advice.map_or(f64::NAN, |a| regret(&a.point)), best, seconds)
}

fn regret(problems: &[&Problem], first: usize, seeds: usize, trials: usize) {
    println!(
        "Medians over the {seeds} seeds from {first} after {trials} trials, {BATCH} at a time: recommended, best tried, CPU s"
    );
    let mut ratios = Vec::new();
    for problem in problems {
        let of = |limits| -> Vec<(f64, f64, f64)> {
            (first..first + seeds)
                .map(|seed| run(problem, limits, trials, seed as u64))
                .collect()
        };
        let (limited, exact) = (of(Limits::USUAL), of(Limits::NONE));
        let middle = |runs: &[(f64, f64, f64)], part: fn(&(f64, f64, f64)) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(part).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        for (name, runs) in [("limited", &limited), ("exact", &exact)] {
            let (a, b, c) = (
                middle(runs, |r| r.0),
                middle(runs, |r| r.1),
                middle(runs, |r| r.2),
            );
            println!("{:9} {name:8} {a:.5} {b:.5} {c:.1}", problem.name);
        }
        let pairs = limited.iter().zip(&exact);
        let logs: Vec<(f64, f64)> = pairs
            .map(|(l, e)| (ln_ratio(l.0, e.0), ln_ratio(l.1, e.1)))
            .collect();
        println!("{:9} ratio    {}", problem.name, geometric(&logs));
        ratios.extend(logs);
    }
    println!("all       ratio    {}", geometric(&ratios));
}

/// Regrets that are next to nothing count as equal.
fn ln_ratio(a: f64, b: f64) -> f64 {
    (a.max(1e-4) / b.max(1e-4)).ln()
}

/// Geometric means of both, with their standard errors as factors.
fn geometric(logs: &[(f64, f64)]) -> String {
    let n = logs.len() as f64;
    let one = |part: fn(&(f64, f64)) -> f64| {
        let mean = logs.iter().map(part).sum::<f64>() / n;
        let variance = logs.iter().map(|l| (part(l) - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        format!("{:.2} (× or / {:.2})", mean.exp(), (variance / n).sqrt().exp())
    };
    format!("{} {}", one(|l| l.0), one(|l| l.1))
}
