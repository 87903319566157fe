//! What is believed after five trials of which some have collapsed: one line for each of 81 learning rates.

use tuning_operator::optimizer::{Goal, Observation, Outcome, Request, Strategy, predict, recommend};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};

/// Learning rates and F1 of a short fine-tuning on little data: two runs gave one answer for all, three agree.
const TRIALS: [(f64, f64); 5] = [
    (5e-5, 0.8217522658610272),
    (5.211e-5, 0.8217522658610272),
    (6.466e-5, 0.8217522658610272),
    (2.371e-5, 0.8122270742358079),
    (1.032e-5, 0.8122270742358079),
];

pub fn print() {
    let domain = Domain::Double {
        min: 5e-6,
        max: 5e-4,
        scale: Scale::Log,
    };
    let space = SearchSpace::new(vec![Parameter::new("learning_rate", domain).unwrap()]).unwrap();
    let observe = |(i, (lr, f1)): (usize, &(f64, f64))| Observation {
        index: i as u32,
        point: Point(vec![Value::Double(*lr)]),
        outcome: Outcome::Value(*f1),
        resource: None,
    };
    let history: Vec<Observation> = TRIALS.iter().enumerate().map(observe).collect();
    let request = Request {
        space: &space,
        goal: Goal::Maximize,
        strategy: &Strategy::Bayesian,
        history: &history,
        prior: &[],
        pending: &[],
        n: 1,
        max_trials: 30,
        parallel: 3,
        replicates: 0,
        seed: 1,
    };
    let points: Vec<Point> = (0..=80)
        .map(|i| space.from_unit(&[f64::from(i) / 80.0]))
        .collect();
    for (point, p) in points.iter().zip(predict(&request, &points).unwrap_or_default()) {
        let Value::Double(lr) = point.0[0] else { continue };
        let ends = p.interval.map(|i| format!("{:.5} {:.5}", i.low, i.high));
        println!("{lr:.3e} {:.5} {}", p.mean, ends.unwrap_or_default());
    }
    println!("# recommended: {:?}", recommend(&request));
}
