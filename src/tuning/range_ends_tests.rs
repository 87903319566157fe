//! Unit tests of `range_ends`.

use super::*;
use crate::optimizer::Strategy;
use crate::space::{Scale, SearchSpace, Value};
use crate::tuning::fixtures::{at, finished, job};
use crate::tuning::{COLLAPSED, Phase, Snapshot, Trial, advise, propose, with_request};

/// Trials of one parameter that succeeded at these places with these values.
fn snapshot(domain: Domain, trials: &[(Value, f64)]) -> Snapshot {
    let mut job = job();
    job.space = SearchSpace::new(vec![Parameter::new("rate", domain).unwrap()]).unwrap();
    let ends: Vec<_> = trials.iter().map(|(_, v)| (Phase::Succeeded, Some(*v))).collect();
    let mut snapshot = finished(job, &ends);
    for (trial, (x, _)) in snapshot.trials.iter_mut().zip(trials) {
        trial.point.0 = vec![x.clone()];
    }
    snapshot
}

fn double() -> Domain {
    let (min, max, scale) = (1e-5, 1e-3, Scale::Log);
    Domain::Double { min, max, scale }
}

/// Places of the scaled range, and values.
fn doubles(trials: &[(f64, f64)]) -> Snapshot {
    let value = |u: f64| Value::Double(1e-5 * 100f64.powf(u));
    let trials: Vec<_> = trials.iter().map(|(u, v)| (value(*u), *v)).collect();
    snapshot(double(), &trials)
}

/// The ends for a point that is recommended.
fn ends_for(snapshot: &Snapshot, recommended: Option<&Point>) -> Option<Vec<AtEnd>> {
    with_request(snapshot, 1, |request| at_ends(request, recommended))
}

const FALLING: [(f64, f64); 9] = [
    (0.5, 0.70),
    (0.25, 0.80),
    (0.75, 0.60),
    (0.0, 0.90),
    (0.01, 0.897),
    (0.12, 0.85),
    (0.0, 0.901),
    (0.03, 0.89),
    (0.9, 0.5),
];
const LOWER: AtEnd = AtEnd {
    parameter: 0,
    side: Side::Lower,
};
const UPPER: AtEnd = AtEnd {
    parameter: 0,
    side: Side::Upper,
};

#[test]
fn the_best_trials_at_an_end_are_said_with_the_cure() {
    let mut falling = doubles(&FALLING);
    assert_eq!(ends_for(&falling, None), Some(vec![LOWER]));
    let end = Point(vec![Value::Double(1e-5)]);
    assert_eq!(ends_for(&falling, Some(&end)), Some(vec![LOWER]));
    let inside = Point(vec![Value::Double(3e-5)]);
    assert_eq!(ends_for(&falling, Some(&inside)), Some(vec![]));
    assert_eq!(
        LOWER.sentence(&falling.job),
        "rate: the best trials lie at the lower end of its range, 1e-5: a wider range may hold a better point; another job with \
         a lower spec.parameters[0].double.min and spec.warmStart.from [a] goes on from here"
    );
    falling.job.objective.goal = Goal::Minimize;
    assert_eq!(
        ends_for(&falling, None),
        Some(vec![]),
        "one bad trial is no proof"
    );
    for trial in &mut falling.trials {
        trial.value = trial.value.map(|v| -v);
    }
    assert_eq!(ends_for(&falling, None), Some(vec![LOWER]));
    let mirrored = doubles(&FALLING.map(|(u, v)| (1.0 - u, v)));
    assert_eq!(ends_for(&mirrored, None), Some(vec![UPPER]));
    assert!(
        UPPER
            .sentence(&mirrored.job)
            .contains("with a higher spec.parameters[0].double.max")
    );
}

#[test]
fn too_few_trials_say_nothing_yet() {
    assert_eq!(ends_for(&doubles(&FALLING[..7]), None), None);
    let mut wide = doubles(&FALLING);
    wide.job.budget.parallel = 5;
    assert_eq!(ends_for(&wide, None), None, "half of them are first points");
    let mut collapsed = doubles(&FALLING);
    for n in [2, 9] {
        for trial in &mut collapsed.trials[..n] {
            trial.metrics = [(COLLAPSED.to_owned(), 1.0)].into();
        }
        assert_eq!(advise(&collapsed).ends, None, "{n} collapsed trials say nothing");
    }
}

#[test]
fn ties_noise_and_a_lucky_end_say_nothing() {
    let ties = doubles(&FALLING.map(|(u, _)| (u, 0.8)));
    assert_eq!(ends_for(&ties, None), Some(vec![]));
    // The two at the end differ by more than the best of the others lies behind.
    let mut noisy = FALLING;
    (noisy[3].1, noisy[4].1, noisy[7].1) = (0.80, 0.97, 0.86);
    (noisy[6].1, noisy[1].1) = (0.98, 0.88);
    assert_eq!(ends_for(&doubles(&noisy), None), Some(vec![]));
    let mut lucky = FALLING;
    lucky[1].1 = 0.899;
    assert_eq!(
        ends_for(&doubles(&lucky), None),
        Some(vec![]),
        "0.25 is among the best"
    );
    let crowd: Vec<_> = FALLING.iter().map(|(u, v)| (u / 12.0, *v)).collect();
    assert_eq!(
        ends_for(&doubles(&crowd), None),
        Some(vec![]),
        "nothing lies elsewhere"
    );
}

#[test]
fn counted_values_are_at_an_end_only_on_it_and_two_are_always() {
    // The larger or the smaller, the better.
    let ends_of = |domain: &Domain, of: fn(i64) -> Value, places: [i64; 9], best: i64| {
        let value = |place: &i64| 0.9 - 0.04 * (place - best).abs() as f64;
        let trials: Vec<_> = places.iter().map(|place| (of(*place), value(place))).collect();
        ends_for(&snapshot(domain.clone(), &trials), None)
    };
    let layers = |max| Domain::Integer {
        min: 1,
        max,
        step: 1,
        scale: Scale::Linear,
    };
    let places = [1, 6, 9, 12, 12, 12, 3, 10, 2];
    assert_eq!(
        ends_of(&layers(12), Value::Integer, places, 12),
        Some(vec![UPPER])
    );
    assert_eq!(ends_of(&layers(13), Value::Integer, places, 13), Some(vec![]));
    let list = |values: &[f64]| Domain::Discrete {
        values: values.to_vec(),
    };
    let number: fn(i64) -> Value = |n| Value::Double(n as f64);
    let three = list(&[1.0, 2.0, 3.0]);
    let places = [2, 3, 2, 1, 1, 1, 2, 3, 3];
    assert_eq!(ends_of(&three, number, places, 1), Some(vec![LOWER]));
    let said = LOWER.sentence(&snapshot(three, &[]).job);
    assert!(
        said.contains("with a lower value in spec.parameters[0].discrete.values"),
        "{said}"
    );
    assert_eq!(
        ends_of(&list(&[1.0, 2.0]), number, places.map(|n| n.min(2)), 1),
        Some(vec![])
    );
    let words = Domain::Categorical {
        values: ["1", "2", "3"].map(String::from).to_vec(),
    };
    assert_eq!(
        ends_of(&words, |n| Value::Text(n.to_string()), places, 1),
        Some(vec![])
    );
}

/// How many of twenty jobs say that a range may be too narrow; `height` is of the first of `d` parameters, the others have their
/// best value in the middle.
fn said_by_jobs(d: usize, n: u32, sd: f64, height: impl Fn(f64) -> f64) -> usize {
    let unit = || Domain::Double {
        min: 0.0,
        max: 1.0,
        scale: Scale::Linear,
    };
    let said = |seed: &u64| {
        let mut job = job();
        let parameters = (0..d).map(|i| Parameter::new(format!("p{i}"), unit()).unwrap());
        job.space = SearchSpace::new(parameters.collect()).unwrap();
        (job.strategy, job.seed) = (Strategy::Bayesian, *seed);
        (job.budget.max_trials, job.budget.parallel) = (n, 3);
        let mut chance = seed * 7919 + 1;
        let mut noise = move || {
            let mut sum = 0.0;
            for _ in 0..12 {
                chance = chance
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                sum += (chance >> 11) as f64 / (1u64 << 53) as f64;
            }
            sum - 6.0
        };
        let mut snapshot = Snapshot::new(job);
        while snapshot.trials.len() < n as usize {
            for proposal in propose(&snapshot, 3) {
                let place = snapshot.job.space.to_unit(&proposal.point).unwrap();
                let rest: f64 = place[1..].iter().map(|u| (u - 0.5) * (u - 0.5)).sum();
                let index = snapshot.trials.len() as u32 + 1;
                let mut trial = Trial::new(index, proposal.point, None, proposal.why, at(0));
                trial.phase = Phase::Succeeded;
                trial.value = Some(height(place[0]) - rest + sd * noise());
                snapshot.trials.push(trial);
            }
        }
        !advise(&snapshot).ends.unwrap().is_empty()
    };
    (0..20).filter(said).count()
}

#[test]
fn jobs_whose_best_lies_beyond_say_so_and_others_do_not() {
    let slope = |u: f64| -u;
    assert!(said_by_jobs(1, 15, 0.02, slope) >= 14);
    assert!(said_by_jobs(3, 30, 0.1, slope) >= 14);
    assert!(said_by_jobs(3, 30, 0.1, |u| -4.0 * (u - 0.3) * (u - 0.3)) <= 2);
    // What does not matter lies at an end by chance.
    assert!(said_by_jobs(3, 30, 0.02, |_| 0.0) <= 3);
}
