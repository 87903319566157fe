//! How far what the optimizer says may be trusted: `trust GROUP SEEDS FIRST_SEED` prints one line for each run.
//!
//! Groups: noisy, shapes, outliers, failing, exact, all, warm; `collapsed` prints a curve instead. A line is `group problem seed
//! measure value`: regrets of the best observed (`best`), of the recommended (`rec`) and of the best evaluated point (`found`)
//! in units of a random point's; whether the 90 % interval after so many trials holds the noise-free value (`holds@5`...); how
//! many trials failed, and how many repeated an earlier point; after how many more would not have helped (`end`) and whether
//! that was `early`; CPU seconds an ask.

mod collapsed;
mod failing;
mod problem;
mod problems;
mod warm;

use problem::Problem;
use tuning_operator::optimizer::{Goal, Observation, Outcome, Request, Strategy, Why, recommend, suggest};
use tuning_operator::space::SearchSpace;

const BATCH: usize = 3;

type Group = fn() -> Vec<Problem>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, usual: u64| words.get(i).and_then(|w| w.parse().ok()).unwrap_or(usual);
    let group = words.first().map_or("all", String::as_str);
    let (seeds, first) = (number(1, 30), number(2, 0));
    if group == "collapsed" {
        return collapsed::print();
    }
    if group == "warm" {
        for problem in problems::noisy() {
            let (best, scale) = problem.bounds();
            for seed in first..first + seeds {
                for (measure, value) in warm::play(&problem, best, scale, seed) {
                    println!("warm {} {seed} {measure} {value}", problem.name);
                }
            }
        }
        return;
    }
    let groups: [(&str, Group); 5] = [
        ("noisy", problems::noisy),
        ("shapes", problems::shapes),
        ("outliers", problems::outliers),
        ("failing", failing::failing),
        ("exact", problems::exact),
    ];
    for (name, problems) in groups {
        for problem in problems() {
            if group != "all" && group != name && group != problem.name {
                continue;
            }
            let (best, scale) = problem.bounds();
            for seed in first..first + seeds {
                for (measure, value) in play(&problem, best, scale, seed) {
                    println!("{name} {} {seed} {measure} {value:.6}", problem.name);
                }
            }
        }
    }
}

fn request<'a>(
    space: &'a SearchSpace,
    problem: &Problem,
    history: &'a [Observation],
    n: usize,
    seed: u64,
) -> Request<'a> {
    Request {
        space,
        goal: problem.goal,
        strategy: &Strategy::Bayesian,
        history,
        prior: &[],
        pending: &[],
        n,
        max_trials: problem.trials as u32,
        parallel: BATCH as u32,
        replicates: 0,
        seed,
    }
}

/// A job could end where the expected gain is below this share of the noise, and not before so many trials.
const SHARE: f64 = 0.01;
const LEAST: usize = 9;

/// One job from its first trial to its last.
fn play(problem: &Problem, best: f64, scale: f64, seed: u64) -> Vec<(String, f64)> {
    let space = problem.space();
    let mut history: Vec<Observation> = Vec::new();
    let (mut late, mut n_late) = (0.0, 0);
    let mut end = None;
    while history.len() < problem.trials {
        let n = BATCH.min(problem.trials - history.len());
        let begin = cpu_seconds();
        let proposals = suggest(&request(&space, problem, &history, n, seed));
        if history.len() * 2 >= problem.trials {
            late += cpu_seconds() - begin;
            n_late += 1;
        }
        let converged = |why: &Why| Some(why.gain? < SHARE * why.noise?);
        if history.len() >= LEAST && proposals.first().and_then(|p| converged(&p.why)) == Some(true) {
            end.get_or_insert(history.len());
        }
        for proposal in proposals {
            let index = history.len() as u32;
            history.push(Observation {
                index,
                outcome: problem.observe(&proposal.point, seed, u64::from(index)),
                point: proposal.point,
                resource: None,
            });
        }
    }
    let mut measures = measures(problem, &history, best, scale);
    for k in [5, 10, 15, 30] {
        measures.extend(belief(problem, &space, &history[..k], best, scale, seed, k));
    }
    measures.push(("cpu".into(), late / f64::from(n_late)));
    measures.extend(ending(problem, &space, &history, best, scale, seed, end));
    measures
}

fn measures(problem: &Problem, history: &[Observation], best: f64, scale: f64) -> Vec<(String, f64)> {
    let value = |o: &Observation| match o.outcome {
        Outcome::Value(v) => Some(problem.sign() * v),
        _ => None,
    };
    let chosen = history
        .iter()
        .filter(|o| value(o).is_some())
        .max_by(|a, b| value(a).unwrap().total_cmp(&value(b).unwrap()));
    let truth = chosen.and_then(|o| problem.truth(&o.point));
    let nearest = history
        .iter()
        .filter(|o| value(o).is_some())
        .filter_map(|o| problem.truth(&o.point))
        .fold(f64::NEG_INFINITY, f64::max);
    let failed = history.iter().filter(|o| value(o).is_none()).count();
    let repeats = (0..history.len()).filter(|i| history[..*i].iter().any(|o| o.point == history[*i].point));
    vec![
        ("best".into(), truth.map_or(1.0, |t| (best - t) / scale)),
        ("found".into(), (best - nearest) / scale),
        ("failed".into(), failed as f64),
        ("repeats".into(), repeats.count() as f64),
    ]
}

fn belief(
    problem: &Problem,
    space: &SearchSpace,
    history: &[Observation],
    best: f64,
    scale: f64,
    seed: u64,
    k: usize,
) -> Vec<(String, f64)> {
    let Some(advice) = recommend(&request(space, problem, history, 1, seed)) else {
        return vec![];
    };
    let truth = problem.truth(&advice.point);
    let at = |name: &str| format!("{name}@{k}");
    let mut found = vec![(at("rec"), truth.map_or(1.0, |t| (best - t) / scale))];
    if history.len() == problem.trials {
        found.push(("rec".into(), found[0].1));
    }
    let Some(interval) = advice.interval else {
        return found;
    };
    let (low, high) = match problem.goal {
        Goal::Maximize => (interval.low, interval.high),
        Goal::Minimize => (-interval.high, -interval.low),
    };
    let holds = truth.is_some_and(|t| low <= t && t <= high);
    let below = truth.is_none_or(|t| t < low);
    found.extend([
        (at("holds"), f64::from(u8::from(holds))),
        (at("optimistic"), f64::from(u8::from(below))),
        (at("width"), (high - low) / scale),
    ]);
    found
}

/// CPU seconds of this thread. Others share the machine: the clock on the wall would count them too.
fn cpu_seconds() -> f64 {
    let stat =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("CPU time is read from Linux's /proc");
    let nanoseconds: f64 = stat.split(' ').next().unwrap().parse().unwrap();
    nanoseconds * 1e-9
}

/// When the job could have ended, and whether that would have been too early: by more than the noise of a trial.
fn ending(
    problem: &Problem,
    space: &SearchSpace,
    history: &[Observation],
    best: f64,
    scale: f64,
    seed: u64,
    end: Option<usize>,
) -> Vec<(String, f64)> {
    let regret = |k: usize| -> Option<f64> {
        let advice = recommend(&request(space, problem, &history[..k], 1, seed))?;
        Some((best - problem.truth(&advice.point)?) / scale)
    };
    let end = end.unwrap_or(problem.trials);
    let lost = regret(end).unwrap_or(1.0) - regret(problem.trials).unwrap_or(1.0);
    let noise = (problem.noise)(&problem.middle()) / scale;
    let is_early = lost > noise.max(0.01);
    vec![
        ("end".into(), end as f64),
        ("early".into(), f64::from(u8::from(is_early))),
    ]
}
