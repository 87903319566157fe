//! Strategies that ration epochs, deciding on real learning curves: `benches/optimizer/curves/record.py` recorded them.
//!
//! The clock is epochs: a trial takes as long as it may spend, or, of the digits, as many updates as it makes. What a job would hand
//! over at a time is the point of the best value that has been reported by then, at whatever length; it is worth what it measures in
//! the end. Regret is what the best point of the grid measures in the end, less that.

#[path = "common/optimizing.rs"]
mod optimizing;
#[path = "common/slots.rs"]
mod slots;

use optimizing::numbers;
use serde::Deserialize;
use slots::{Course, Played};
use std::collections::BTreeMap;
use tuning_operator::optimizer::{Outcome, Pending, Strategy as Way};
use tuning_operator::space::{Parameter, Point, SearchSpace, Value};

const SEEDS: u64 = 40;
const SLOTS: usize = 4;

#[derive(Deserialize)]
struct Recorded {
    what: String,
    parameters: BTreeMap<String, Vec<f64>>,
    curves: Vec<Vec<f64>>,
}

/// A grid of curves as an objective.
struct Problem {
    what: String,
    space: SearchSpace,
    /// Each parameter's values, in the order of the curves' places.
    values: Vec<Vec<f64>>,
    curves: Vec<Vec<f64>>,
    /// Which parameter, if any, says how many examples make an update.
    batch: Option<usize>,
}

impl Problem {
    fn read(name: &str, order: &[&str]) -> Self {
        let path = format!(
            "{}/benches/optimizer/curves/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let recorded: Recorded = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(recorded.parameters.len(), order.len());
        let values: Vec<Vec<f64>> = order
            .iter()
            .map(|name| recorded.parameters[*name].clone())
            .collect();
        let parameters = order.iter().zip(&values);
        let parameters = parameters.map(|(name, values)| Parameter::new(*name, numbers(values)).unwrap());
        assert_eq!(
            recorded.curves.len(),
            values.iter().map(Vec::len).product::<usize>()
        );
        Self {
            what: recorded.what,
            space: SearchSpace::new(parameters.collect()).unwrap(),
            values,
            curves: recorded.curves,
            batch: order.iter().position(|name| *name == "batch_size"),
        }
    }

    fn longest(&self) -> u32 {
        self.curves[0].len() as u32
    }

    fn curve(&self, point: &Point) -> &[f64] {
        let place = point
            .0
            .iter()
            .zip(&self.values)
            .fold(0, |place, (value, values)| {
                let Value::Double(value) = value else {
                    unreachable!()
                };
                place * values.len() + values.iter().position(|v| v == value).unwrap()
            });
        &self.curves[place]
    }

    fn value(&self, point: &Point, epochs: Option<u32>) -> f64 {
        self.curve(point)[epochs.unwrap_or(self.longest()) as usize - 1]
    }

    /// A trial of the largest batches takes as long as its epochs, one of batches half as large twice as long.
    fn time(&self, trial: &Pending) -> u64 {
        let epochs = u64::from(trial.resource.unwrap_or(self.longest()));
        let slower = self.batch.map_or(1.0, |at| {
            let Value::Double(size) = trial.point.0[at] else {
                unreachable!()
            };
            self.values[at].iter().copied().fold(0.0, f64::max) / size
        });
        epochs * slower as u64
    }

    fn play(&self, way: &Way, seed: u64, until: u64) -> Played {
        let course = Course {
            space: &self.space,
            way,
            seed,
            slots: SLOTS,
            max_trials: 1000,
            until,
            time: &|trial| self.time(trial),
            value: &|point, epochs| self.value(point, epochs),
        };
        course.play()
    }

    /// Of what the job would hand over at a time; before its first trial has ended, of the point that was proposed first.
    fn regret(&self, played: &Played, at: u64) -> f64 {
        let reported = played.job.history.iter().zip(&played.ended);
        let best = reported
            .filter(|(_, ended)| **ended <= at)
            .max_by(|(a, _), (b, _)| {
                let value = |o: &tuning_operator::optimizer::Observation| match o.outcome {
                    Outcome::Value(value) => value,
                    _ => f64::NEG_INFINITY,
                };
                value(a).total_cmp(&value(b))
            });
        let ends = self.curves.iter().map(|curve| curve[curve.len() - 1]);
        let first = || played.job.history.first().map(|o| &o.point).unwrap();
        let point = best.map_or_else(first, |(trial, _)| &trial.point);
        ends.fold(f64::NEG_INFINITY, f64::max) - self.value(point, None)
    }
}

/// The strategies on curves of so many epochs; the last two run every trial to its end.
fn ways(problem: &Problem) -> [(&'static str, Way); 6] {
    let (max_resource, eta) = (problem.longest(), 3);
    let hyperband = |min_resource| Way::Hyperband {
        min_resource,
        max_resource,
        eta,
    };
    let asha = |min_resource| Way::Asha {
        min_resource,
        max_resource,
        eta,
    };
    [
        ("hyperband", hyperband(1)),
        ("asha", asha(1)),
        ("hyperband, from 3 epochs on", hyperband(3)),
        ("asha, from 3 epochs on", asha(3)),
        ("random", Way::Random),
        ("bayesian", Way::Bayesian),
    ]
}

/// What one strategy comes to, means over the seeds.
#[derive(Default)]
struct Tally {
    /// Regret at each of the times.
    regrets: [f64; 3],
    trials: f64,
    idle: f64,
}

fn tally(problem: &Problem, way: &Way, times: [u64; 3]) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let played = problem.play(way, seed, times[2]);
        for (sum, at) in tally.regrets.iter_mut().zip(times) {
            *sum += problem.regret(&played, at) / SEEDS as f64;
        }
        tally.trials += played.ended.len() as f64 / SEEDS as f64;
        tally.idle += played.idle as f64 / (SLOTS as f64 * times[2] as f64) / SEEDS as f64;
    }
    tally
}

/// Prints a part of the table of docs/optimizer.md, and checks what holds of every problem.
fn compare(problem: &Problem) -> [Tally; 6] {
    let whole = u64::from(problem.longest());
    let times = [1, 2, 4].map(|n| n * whole);
    println!(
        "{}: less than the best, after {times:?}; trials; idle",
        problem.what
    );
    let tallies = ways(problem).map(|(name, way)| {
        let found = tally(problem, &way, times);
        let regrets = found.regrets.map(|regret| format!("{regret:.4}")).join(" | ");
        println!(
            "| {name} | {regrets} | {:.1} | {:.0} % |",
            found.trials,
            100.0 * found.idle
        );
        found
    });
    let [hyperband, asha, ..] = &tallies;
    assert!(asha.idle <= hyperband.idle, "{} {}", asha.idle, hyperband.idle);
    tallies
}

#[test]
fn of_networks_on_digits() {
    let [hyperband, asha, .., random, _] = compare(&Problem::read(
        "digits",
        &["learning_rate", "batch_size", "hidden"],
    ));
    for rationed in [hyperband, asha] {
        assert!(
            rationed.regrets[1] < random.regrets[1],
            "{:?} {:?}",
            rationed.regrets,
            random.regrets
        );
    }
}

/// After an epoch most learning rates have learned nothing, and in the end a third of them are within two pairs of the best: what
/// short trials say is worth little, and to run four to their end is soon as good.
#[test]
fn of_the_fine_tuner_on_mrpc() {
    let [hyperband, asha, .., random, _] = compare(&Problem::read("mrpc", &["learning_rate"]));
    for rationed in [hyperband, asha] {
        assert!(rationed.regrets[2] < 0.01, "{:?}", rationed.regrets);
        assert!(
            rationed.regrets[0] > random.regrets[0],
            "{:?} {:?}",
            rationed.regrets,
            random.regrets
        );
    }
}
