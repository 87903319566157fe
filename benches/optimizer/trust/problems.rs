//! The problems, in groups: each group asks one thing.
//!
//! Values of fine-tuning (F1 near 0.9, a collapse to the score of one answer for all) follow what the trainer shows on MRPC.

use super::problem::{Problem, double, integer, log, words};
use std::f64::consts::TAU;
use tuning_operator::optimizer::Goal::{Maximize, Minimize};

/// F1 of one answer for all.
pub const ONE_ANSWER: f64 = 0.812;

pub fn lr() -> tuning_operator::space::Domain {
    log(5e-6, 5e-4)
}

/// Chance that a run collapses: none below `at`.
fn collapse(lr: f64, at: f64) -> f64 {
    if lr <= at {
        0.0
    } else {
        (0.25 + 1.9 * (lr / at).log10()).min(0.95)
    }
}

/// A smooth maximum of a value and the score of one answer for all.
fn floored(v: f64) -> f64 {
    let d = (v - ONE_ANSWER) / 0.004;
    if d > 30.0 {
        v
    } else {
        ONE_ANSWER + 0.004 * d.exp().ln_1p()
    }
}

fn batch_size(v: f64) -> f64 {
    [8.0, 16.0, 32.0, 64.0][v as usize]
}

/// What is noisy, as a tuned model's score is.
pub fn noisy() -> Vec<Problem> {
    let tuned = |name, domains, clean, at, noise| Problem {
        other: (at, ONE_ANSWER),
        noise,
        ..Problem::new(name, Maximize, domains, clean)
    };
    let mrpc = |v: &[f64]| floored(0.918 - 0.125 * (v[0] / 6.47e-5).log10().powi(2));
    let squad = |v: &[f64]| (0.884 - 0.11 * (v[0] / 5.73e-5).log10().powi(2)).max(0.75);
    let mut problems = vec![
        tuned("mrpc-lr", vec![lr()], mrpc, |v| collapse(v[0], 2e-4), |_| 0.006),
        tuned("squad-lr", vec![lr()], squad, |_| 0.0, |_| 0.003),
        tuned(
            "lr-batch",
            vec![lr(), words(4)],
            with_batch,
            |v| collapse(v[0], 1.5e-4 * (batch_size(v[1]) / 16.0).sqrt()),
            |_| 0.005,
        ),
        tuned(
            "lr-warmup",
            vec![lr(), double(0.0, 0.3)],
            warm_up,
            warm_up_collapse,
            |_| 0.005,
        ),
        tuned(
            "lr-decay",
            vec![lr(), log(1e-4, 1.0)],
            decay,
            |v| collapse(v[0], 2.5e-4),
            |_| 0.006,
        ),
        tuned(
            "bert-4d",
            vec![lr(), integer(1, 5), double(0.0, 0.3), words(4)],
            four,
            |v| collapse(v[0], 1.5e-4 * (batch_size(v[3]) / 16.0).sqrt()),
            |_| 0.005,
        ),
    ];
    problems.extend(uneven());
    problems
}

/// Noise that depends on the place.
fn uneven() -> [Problem; 2] {
    [
        Problem {
            noise: |v| 0.02 + 0.28 / (1.0 + (-(v[0] - 0.6) / 0.05).exp()),
            ..Problem::new("hetero", Maximize, vec![double(0.0, 1.0); 2], |v| {
                bump(v, 0.25, 0.4, 0.06) + 0.85 * bump(v, 0.8, 0.7, 0.05)
            })
        },
        // The optimum lies in the noise: the reverse of the one before.
        Problem {
            noise: |v| 0.02 + 0.2 / (1.0 + (-(v[0] - 0.6) / 0.05).exp()),
            ..Problem::new("loud-top", Maximize, vec![double(0.0, 1.0); 2], |v| {
                0.7 * bump(v, 0.25, 0.4, 0.06) + bump(v, 0.8, 0.7, 0.05)
            })
        },
    ]
}

fn with_batch(v: &[f64]) -> f64 {
    let d = (v[0] / (3e-5 * (batch_size(v[1]) / 16.0).sqrt())).log10();
    floored([0.900, 0.914, 0.912, 0.900][v[1] as usize] - 0.12 * d * d)
}

fn four(v: &[f64]) -> f64 {
    let (epochs, b) = (v[1], v[3] as usize);
    let d = (v[0] / (4e-5 * (batch_size(v[3]) / 16.0).sqrt())).log10() + 0.5 * (epochs / 3.0).log10();
    let under = 0.020 * (3.0 - epochs).max(0.0).powf(1.3);
    let over = 0.004 * (epochs - 3.0).max(0.0).powi(2);
    let dropout = 0.7 * (v[2] - 0.06 - 0.025 * (epochs - 1.0)).powi(2);
    floored(0.917 - 0.12 * d * d - under - over - [0.006, 0.0, 0.003, 0.014][b] - dropout)
}

fn bump(v: &[f64], x: f64, y: f64, width: f64) -> f64 {
    (-((v[0] - x).powi(2) + (v[1] - y).powi(2)) / width).exp()
}

pub fn warm_up(v: &[f64]) -> f64 {
    let d = (v[0] / 4.5e-5).log10() - 1.5 * (v[1] - 0.1);
    floored(0.912 - 0.12 * d * d - 0.6 * (v[1] - 0.12).powi(2))
}

pub fn warm_up_collapse(v: &[f64]) -> f64 {
    collapse(v[0], 1.2e-4 * 10f64.powf(2.0 * v[1]))
}

fn decay(v: &[f64]) -> f64 {
    let (d, w) = ((v[0] / 5e-5).log10(), (v[1] / 0.02).log10());
    floored(0.914 - 0.12 * d * d - 0.004 * w * w - 0.01 * d * w)
}

/// What is known from the literature, and shapes that a smooth model does not expect.
pub fn shapes() -> Vec<Problem> {
    let noise = |_: &[f64]| 0.02;
    vec![
        // Several peaks in one dimension, the highest a narrow one.
        Problem {
            noise,
            ..Problem::new("peaks-1d", Maximize, vec![double(0.0, 1.0)], |v| {
                0.6 * (-(v[0] - 0.25).powi(2) / 0.02).exp()
                    + (-(v[0] - 0.78).powi(2) / 0.003).exp()
                    + 0.2 * (3.0 * TAU * v[0]).sin()
            })
        },
        // Every word moves the optimum; they have no order.
        Problem {
            noise: |_| 0.006,
            ..Problem::new("lr-word", Maximize, vec![lr(), words(5)], |v| {
                let (centre, lift) = ([3e-5, 2e-4, 1e-5, 8e-5, 5e-5], [0.0, -0.01, -0.03, 0.006, -0.06]);
                let d = (v[0] / centre[v[1] as usize]).log10();
                floored(0.91 + lift[v[1] as usize] - 0.12 * d * d)
            })
        },
        Problem {
            noise: |_| 0.005,
            ..Problem::new("edge", Maximize, vec![lr(), double(0.0, 0.5)], |v| {
                floored(0.92 - 0.05 * (v[0] / 5e-4).log10().powi(2) - 0.1 * v[1])
            })
        },
        Problem::new(
            "branin",
            Minimize,
            vec![double(-5.0, 10.0), double(0.0, 15.0)],
            |v| {
                let (x, y, pi) = (v[0], v[1], TAU / 2.0);
                (y - 5.1 / (4.0 * pi * pi) * x * x + 5.0 / pi * x - 6.0).powi(2)
                    + 10.0 * (1.0 - 1.0 / (8.0 * pi)) * x.cos()
                    + 10.0
            },
        ),
        Problem::new("ackley2", Minimize, vec![double(-5.0, 5.0); 2], |v| {
            let (x, y) = (v[0] - 1.3, v[1] + 0.7);
            20.0 + std::f64::consts::E
                - 20.0 * (-0.2 * ((x * x + y * y) / 2.0).sqrt()).exp()
                - (((TAU * x).cos() + (TAU * y).cos()) / 2.0).exp()
        }),
        Problem {
            noise,
            ..Problem::new("ridge-3d", Maximize, vec![double(0.0, 1.0); 3], |v| {
                let ridge = v[0] - 0.3 - 0.5 * v[1];
                (-ridge * ridge / 0.01).exp()
                    * (1.0 - (v[1] - 0.6).powi(2))
                    * (1.0 - 0.3 * (v[2] - 0.2).powi(2))
            })
        },
    ]
}

/// Values that are wild: a loss that is not a number to speak of, above a threshold or by chance.
pub fn outliers() -> Vec<Problem> {
    fn bowl(v: &[f64]) -> f64 {
        0.3 + 0.1 * (v[0].log10() + 3.0).powi(2)
    }
    let wild = |name, domain, at, value| Problem {
        noise: |_| 0.005,
        other: (at, value),
        scale: Some(0.4),
        ..Problem::new(name, Minimize, vec![domain], bowl)
    };
    vec![
        wild("1e5", log(1e-5, 1e-1), |v| f64::from(u8::from(v[0] > 4e-3)), 1e5),
        wild(
            "near",
            log(1e-5, 1e-1),
            |v| f64::from(u8::from(v[0] > 1.5e-3)),
            1e5,
        ),
        wild("1e9", log(1e-5, 1e-1), |v| f64::from(u8::from(v[0] > 4e-3)), 1e9),
        wild(
            "1e160",
            log(1e-5, 1e-1),
            |v| f64::from(u8::from(v[0] > 4e-3)),
            1e160,
        ),
        Problem {
            clean: |v| 0.3 + 0.1 * (v[0] / 3e-5).log10().powi(2),
            ..wild("most", log(1e-6, 1.0), |v| f64::from(u8::from(v[0] > 2e-4)), 1e5)
        },
        Problem {
            domains: vec![log(1e-5, 1e-1), double(0.0, 1.0)],
            clean: |v| bowl(v) + 0.2 * (v[1] - 0.4).powi(2),
            ..wild(
                "2d",
                log(1e-5, 1e-1),
                |v| f64::from(u8::from(v[0].log10() + v[1] > -1.7)),
                1e5,
            )
        },
        wild("rand", log(1e-5, 1e-1), |_| 0.15, 1e5),
        wild("rand-1e160", log(1e-5, 1e-1), |_| 0.15, 1e160),
        // The same upwards, where the wild values are the worst too.
        Problem {
            goal: Maximize,
            clean: |v| 0.9 - 0.1 * (v[0].log10() + 3.0).powi(2),
            ..wild("rand-max", log(1e-5, 1e-1), |_| 0.15, -1e5)
        },
    ]
}

/// Without noise: a repeat teaches nothing.
pub fn exact() -> Vec<Problem> {
    let unit = || vec![double(0.0, 1.0)];
    vec![
        Problem::new("x", Minimize, unit(), |v| v[0]),
        Problem::new("bowl", Minimize, vec![double(0.0, 1.0); 2], |v| {
            v[0] + (v[1] - 0.6).powi(2)
        }),
        Problem {
            noise: |_| 0.05,
            ..Problem::new("x-noisy", Minimize, unit(), |v| v[0])
        },
    ]
}
