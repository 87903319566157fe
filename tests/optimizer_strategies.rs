//! What single strategies promise beside the contract.

#[path = "common/optimizing.rs"]
mod optimizing;

use optimizing::*;
use tuning_operator::optimizer::{
    Observation, Outcome, Proposal, Role, Strategy as Way, hyperband_trials, predict, recommend,
};
use tuning_operator::space::{Point, Scale, Value};

#[test]
fn a_model_finds_the_peak_and_says_how_good_it_is() {
    for space in spaces().iter().filter(|s| s.size().is_none()) {
        let mut job = Job::new(space, &Way::Bayesian, 11);
        job.go(30, |p, i| {
            Outcome::Value(peak(space, p) + 1e-4 * f64::from(i * 7 % 5))
        });
        let best = job
            .history
            .iter()
            .map(|o| peak(space, &o.point))
            .fold(f64::MIN, f64::max);
        let advice = recommend(&job.request(1)).unwrap();
        let truth = peak(space, &advice.point);
        assert!(truth > best - 0.01, "{truth} against {best}");
        let interval = advice.interval.unwrap();
        assert!(
            interval.low - 0.02 <= truth && truth <= interval.high + 0.02,
            "{advice:?} {truth}"
        );
        let prediction = predict(&job.request(1), std::slice::from_ref(&advice.point)).unwrap()[0];
        assert!((prediction.mean - advice.mean).abs() < 1e-6);
        let last = &job.ask(1)[0].why;
        assert_eq!(last.role, Role::Exploit);
        assert!((last.models.iter().map(|m| m.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_stopped_trial_is_never_the_best_for_its_value() {
    let space = space(&[double(Scale::Linear)]);
    let mut job = Job::new(&space, &Way::Bayesian, 1);
    let bait = space.from_unit(&[0.05]);
    job.go(9, good(&space));
    job.history[3].point = bait.clone();
    job.history[3].outcome = Outcome::Stopped(50.0);
    let advice = recommend(&job.request(1)).unwrap();
    let place = space.to_unit(&advice.point).unwrap()[0];
    assert!((place - 0.66).abs() < 0.15, "{place}");
    job.history[5].outcome = Outcome::Failed;
    assert_ne!(recommend(&job.request(1)).unwrap().point, bait);
}

#[test]
fn failures_keep_trials_away() {
    let space = space(&[double(Scale::Linear), double(Scale::Linear)]);
    let fails = |p: &Point| space.to_unit(p).unwrap()[0] > 0.7;
    let place = |o: &Observation| space.to_unit(&o.point).unwrap()[0];
    // Better and better towards the wall.
    let go = |seed| {
        let mut job = Job::new(&space, &Way::Bayesian, seed);
        job.go(30, |p, _| match fails(p) {
            true => Outcome::Failed,
            false => Outcome::Value(space.to_unit(p).unwrap()[0]),
        });
        job
    };
    // Along the edge some fail; deep behind it only those that had to find out.
    let n_deep = |seed| go(seed).history.iter().filter(|o| place(o) > 0.8).count();
    let all: Vec<usize> = (1..=6).map(n_deep).collect();
    assert!(all.iter().sum::<usize>() <= 18, "of 30 each: {all:?}");
    let job = go(3);
    let advice = recommend(&job.request(1)).unwrap();
    assert!(!fails(&advice.point) && space.to_unit(&advice.point).unwrap()[0] > 0.65);
    let n_failed = job
        .history
        .iter()
        .filter(|o| o.outcome == Outcome::Failed)
        .count();
    assert!(n_failed <= 8, "{n_failed} of 30");
}

#[test]
fn where_values_do_not_vary_by_chance_nothing_is_repeated_twice() {
    let space = space(&[double(Scale::Linear)]);
    for seed in 0..5 {
        let mut job = Job::new(&space, &Way::Bayesian, seed);
        // Best at the end of the range, where a maximum is the same point every time.
        job.go(30, |p, _| Outcome::Value(space.to_unit(p).unwrap()[0]));
        let repeats = (0..30).filter(|i| job.history[..*i].iter().any(|o| o.point == job.history[*i].point));
        assert!(repeats.count() <= 1, "seed {seed}");
    }
}

#[test]
fn the_best_points_are_tried_again_at_the_end() {
    let space = space(&[double(Scale::Linear), words(2)]);
    let mut job = Job::new(&space, &Way::Bayesian, 4);
    job.replicates = 4;
    job.go(30, |p, i| {
        Outcome::Value(peak(&space, p) + 1e-2 * f64::from(i * 7 % 5))
    });
    let earlier = |i: usize| {
        job.history[..i]
            .iter()
            .filter(|o| o.point == job.history[i].point)
            .count()
    };
    assert!(
        (26..30).all(|i| earlier(i) > 0),
        "the last four are of points that were tried before"
    );
    let again: Vec<&Point> = job.history[26..].iter().map(|o| &o.point).collect();
    assert!(
        (1..4).all(|i| !again[..i].contains(&again[i])),
        "four different ones"
    );
    // Without a place left in the budget for anything else, the next one is the least tried of the best.
    let why = &job.ask(1)[0].why;
    assert_eq!(why.role, Role::Replicate);
    assert!(why.replicate >= 1);
}

#[test]
fn wild_values_do_not_ruin_the_recommendation() {
    let space = space(&[double(Scale::Linear)]);
    for (seed, wild) in [(1, -1e5), (2, -1e9), (3, -1e160)] {
        let mut job = Job::new(&space, &Way::Bayesian, seed);
        job.go(30, |p, i| {
            Outcome::Value(if i % 6 == 5 {
                wild
            } else {
                peak(&space, p) + 1e-3 * f64::from(i * 7 % 5)
            })
        });
        let place = space.to_unit(&recommend(&job.request(1)).unwrap().point).unwrap()[0];
        assert!((place - 0.66).abs() < 0.06, "{wild}: {place}");
    }
}

#[test]
fn an_earlier_job_shows_the_way() {
    let space = space(&[double(Scale::Log), double(Scale::Linear)]);
    let mut parent = Job::new(&space, &Way::Bayesian, 1);
    parent.go(30, |p, _| Outcome::Value(peak(&space, p) + 3.0));
    let mut child = Job::new(&space, &Way::Bayesian, 2);
    child.prior = parent.history.clone();
    let near = |p: &Proposal| {
        space
            .to_unit(&p.point)
            .unwrap()
            .iter()
            .all(|u| (u - 0.66).abs() < 0.2)
    };
    assert!(child.ask(3).iter().any(near));
    child.go(12, good(&space));
    assert!(peak(&space, &recommend(&child.request(1)).unwrap().point) > -1e-2);
    // The order in which an earlier job's trials are passed does not matter either.
    let answer = child.ask(3);
    child.prior.reverse();
    assert_eq!(answer, child.ask(3));
}

#[test]
fn an_earlier_job_that_misleads_does_little_harm() {
    let space = space(&[double(Scale::Linear), double(Scale::Linear)]);
    let elsewhere = |p: &Point| {
        let u = space.to_unit(p).unwrap();
        -(u[0] - 0.1) * (u[0] - 0.1) - (u[1] - 0.1) * (u[1] - 0.1)
    };
    let mut parent = Job::new(&space, &Way::Bayesian, 1);
    parent.go(30, |p, _| Outcome::Value(elsewhere(p)));
    let mut child = Job::new(&space, &Way::Bayesian, 2);
    child.prior = parent.history.clone();
    child.go(30, good(&space));
    let found = peak(&space, &recommend(&child.request(1)).unwrap().point);
    assert!(found > -5e-3, "{found}");
}

#[test]
fn a_grid_is_gone_through_row_by_row_and_a_gap_is_filled() {
    let space = space(&[numbers(&[1.0, 2.0]), double(Scale::Linear)]);
    let mut job = Job::new(&space, &Way::Grid { points_per_double: 3 }, 0);
    job.go(100, good(&space));
    let text = |o: &Observation| {
        o.point
            .0
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let all: Vec<String> = job.history.iter().map(text).collect();
    assert_eq!(all, ["1 -5", "1 2.5", "1 10", "2 -5", "2 2.5", "2 10"]);
    job.history.remove(2);
    assert_eq!(points(&job.ask(3)).len(), 1);
}

#[test]
fn hyperband_runs_all_brackets_one_trial_at_a_time_or_many() {
    let space = space(&[double(Scale::Linear)]);
    for parallel in [1, 3, 50] {
        let mut job = Job::new(&space, &WAYS[4], 1);
        job.parallel = parallel;
        job.go(1000, good(&space));
        assert_eq!(job.history.len() as u32, hyperband_trials(1, 9, 3), "{parallel}");
        let spent = |r: u32| job.history.iter().filter(|o| o.resource == Some(r)).count();
        assert_eq!((spent(1), spent(3), spent(9)), (9, 3 + 5, 1 + 1 + 3));
        let top = job.history.iter().filter(|o| o.resource == Some(1));
        let top = top.max_by(|a, b| peak(&space, &a.point).total_cmp(&peak(&space, &b.point)));
        let promoted = job.history.iter().filter(|o| o.resource == Some(9));
        assert!(promoted.map(|o| &o.point).any(|p| *p == top.unwrap().point));
    }
}

#[test]
fn hyperband_ends_when_trials_fail_or_are_lost() {
    let space = space(&[double(Scale::Linear)]);
    let mut job = Job::new(&space, &WAYS[4], 1);
    job.go(1000, |p, i| match i % 3 {
        0 => Outcome::Failed,
        _ => Outcome::Value(peak(&space, p)),
    });
    assert!(job.ask(1).is_empty() && job.history.len() >= 9);
    job.history.remove(2);
    for o in &mut job.history {
        o.index += 1000;
    }
    let again = job.ask(5);
    assert_eq!(again.len(), 1, "the gap is filled");
}
