//! Problems whose trials fail: beside the optimum, or by chance.

use super::problem::{Function, Problem, double, integer, log, words};
use super::problems::{ONE_ANSWER, lr, warm_up, warm_up_collapse};
use tuning_operator::optimizer::Goal::{self, Maximize, Minimize};
use tuning_operator::space::Domain;

/// A region that fails, mostly beside the optimum.
pub fn failing() -> Vec<Problem> {
    let mut problems = thresholds();
    problems.extend(other_regions());
    problems.extend(by_chance());
    problems
}

fn region(
    (name, goal): (&'static str, Goal),
    domains: Vec<Domain>,
    clean: Function,
    fails: Function,
    (noise, scale): (Function, f64),
) -> Problem {
    Problem {
        fails,
        noise,
        scale: Some(scale),
        ..Problem::new(name, goal, domains, clean)
    }
}

fn unit() -> Vec<Domain> {
    vec![double(0.0, 1.0); 2]
}

/// Straight borders.
fn thresholds() -> Vec<Problem> {
    vec![
        region(
            ("f-lr", Maximize),
            vec![log(1e-5, 1e-1)],
            |v| 0.6 + 0.3 * (v[0].log10() + 5.0) / 4.0,
            |v| f64::from(u8::from(v[0] > 3e-3)),
            (|_| 0.005, 0.1),
        ),
        region(
            ("f-x", Minimize),
            vec![double(0.0, 1.0)],
            |v| v[0],
            |v| f64::from(u8::from(v[0] < 0.2)),
            (|_| 0.0, 0.4),
        ),
        region(
            ("f-2d", Maximize),
            unit(),
            |v| v[0] + v[1] - (v[0] - v[1]).powi(2),
            |v| f64::from(u8::from(v[0] + v[1] > 1.2)),
            (|_| 0.01, 0.6),
        ),
        region(
            ("f-in", Maximize),
            vec![log(1e-5, 1e-1)],
            |v| 0.9 - 0.6 * ((v[0].log10() + 5.0) / 4.0 - 0.55).powi(2),
            |v| f64::from(u8::from((v[0].log10() + 5.0) / 4.0 > 0.7)),
            (|_| 0.005, 0.15),
        ),
    ]
}

/// Borders of other shapes.
fn other_regions() -> Vec<Problem> {
    vec![
        // Memory: batch size times length beyond what a card holds; larger is better up to there.
        region(
            ("curved", Maximize),
            vec![integer(1, 64), log(32.0, 512.0)],
            |v| 0.5 + 0.1 * v[0].log2() / 6.0 + 0.2 * (v[1] / 32.0).log2() / 4.0,
            |v| f64::from(u8::from(v[0] * v[1] > 6000.0)),
            (|_| 0.003, 0.1),
        ),
        region(
            ("island", Maximize),
            unit(),
            |v| 1.0 - (v[0] - 0.5).powi(2) - (v[1] - 0.35).powi(2),
            |v| f64::from(u8::from((v[0] - 0.6).powi(2) + (v[1] - 0.6).powi(2) < 0.06)),
            (|_| 0.01, 0.25),
        ),
        region(
            ("f-int", Maximize),
            vec![integer(1, 20), double(0.0, 1.0)],
            |v| v[0] / 20.0 + 0.3 * v[1],
            |v| f64::from(u8::from(v[0] > 12.0)),
            (|_| 0.01, 0.4),
        ),
    ]
}

/// Chance beside a region, and alone.
fn by_chance() -> Vec<Problem> {
    vec![
        // One word fails, and one fails half of the time.
        region(
            ("f-word", Maximize),
            vec![lr(), words(5)],
            |v| {
                let d = (v[0] / 6e-5).log10();
                0.9 - 0.1 * d * d + 0.01 * v[1]
            },
            |v| [0.0, 0.0, 0.0, 0.5, 1.0][v[1] as usize],
            (|_| 0.005, 0.06),
        ),
        region(
            ("f-both", Maximize),
            vec![log(1e-5, 1e-1)],
            |v| 0.6 + 0.3 * (v[0].log10() + 5.0) / 4.0,
            |v| if v[0] > 3e-3 { 1.0 } else { 0.1 },
            (|_| 0.005, 0.1),
        ),
        Problem {
            fails: |_| 0.15,
            noise: |_| 0.005,
            other: (warm_up_collapse, ONE_ANSWER),
            ..Problem::new("fail15", Maximize, vec![lr(), double(0.0, 0.3)], warm_up)
        },
    ]
}
