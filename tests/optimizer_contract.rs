//! What every strategy promises, whatever it does inside.

use proptest::prelude::*;
use std::collections::BTreeSet;
use tuning_operator::optimizer::{
    Goal, Observation, Outcome, Pending, Proposal, Request, Role, Strategy as Way, believe, hyperband_trials,
    recommend, suggest,
};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};

const WAYS: [Way; 5] = [
    Way::Bayesian,
    Way::Random,
    Way::Sobol,
    Way::Grid { points_per_double: 4 },
    Way::Hyperband {
        min_resource: 1,
        max_resource: 9,
        eta: 3,
    },
];

// === fixtures ===

fn double(scale: Scale) -> Domain {
    let (min, max) = match scale {
        Scale::Linear => (-5.0, 10.0),
        Scale::Log => (5e-6, 5e-4),
        Scale::ReverseLog => (0.5, 0.999),
    };
    Domain::Double { min, max, scale }
}

fn integer(min: i64, max: i64, step: i64, scale: Scale) -> Domain {
    Domain::Integer {
        min,
        max,
        step,
        scale,
    }
}

fn words(n: usize) -> Domain {
    let values = (0..n).map(|i| format!("w{i}")).collect();
    Domain::Categorical { values }
}

fn numbers(values: &[f64]) -> Domain {
    Domain::Discrete {
        values: values.to_vec(),
    }
}

fn space(domains: &[Domain]) -> SearchSpace {
    let named = domains.iter().enumerate();
    let parameters = named.map(|(i, d)| Parameter::new(format!("p{i}"), d.clone()).unwrap());
    SearchSpace::new(parameters.collect()).unwrap()
}

/// Spaces of one to six parameters, some of which have a single level.
fn spaces() -> Vec<SearchSpace> {
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
struct Job {
    space: SearchSpace,
    way: Way,
    goal: Goal,
    seed: u64,
    parallel: u32,
    max_trials: u32,
    prior: Vec<Observation>,
    history: Vec<Observation>,
    pending: Vec<Pending>,
}

impl Job {
    fn new(space: &SearchSpace, way: &Way, seed: u64) -> Self {
        Self {
            space: space.clone(),
            way: way.clone(),
            goal: Goal::Maximize,
            seed,
            parallel: 3,
            max_trials: 30,
            prior: vec![],
            history: vec![],
            pending: vec![],
        }
    }

    fn request(&self, n: usize) -> Request<'_> {
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
            seed: self.seed,
        }
    }

    fn ask(&self, n: usize) -> Vec<Proposal> {
        suggest(&self.request(n))
    }

    /// Starts the proposals as trials.
    fn start(&mut self, proposals: &[Proposal]) {
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
    fn end(&mut self, outcome: impl Fn(&Point, u32) -> Outcome) {
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
    fn go(&mut self, n: usize, outcome: impl Fn(&Point, u32) -> Outcome) {
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
fn peak(space: &SearchSpace, point: &Point) -> f64 {
    let place = space.to_unit(point).expect("a legal point");
    -place.iter().map(|u| (u - 0.66) * (u - 0.66)).sum::<f64>()
}

fn good(space: &SearchSpace) -> impl Fn(&Point, u32) -> Outcome + use<> {
    let space = space.clone();
    move |point, _| Outcome::Value(peak(&space, point))
}

fn bits(point: &Point) -> String {
    let value = |v: &Value| match v {
        Value::Double(x) => format!("{:016x}", x.to_bits()),
        Value::Integer(x) => x.to_string(),
        Value::Text(x) => x.clone(),
    };
    point.0.iter().map(value).collect::<Vec<_>>().join(" ")
}

fn points(proposals: &[Proposal]) -> Vec<String> {
    proposals.iter().map(|p| bits(&p.point)).collect()
}

fn every_way_and_space(mut check: impl FnMut(&Way, &SearchSpace)) {
    for way in &WAYS {
        for space in &spaces() {
            check(way, space);
        }
    }
}

// === the contract ===

#[test]
fn proposals_are_points_of_the_space_and_no_more_than_asked_for() {
    every_way_and_space(|way, space| {
        for n in [1, 2, 5] {
            let mut job = Job::new(space, way, 7);
            for _ in 0..4 {
                let proposals = job.ask(n);
                assert!(proposals.len() <= n);
                for p in &proposals {
                    assert!(space.to_unit(&p.point).is_some(), "{way:?}: {:?}", p.point);
                    assert_eq!(p.resource.is_some(), matches!(way, Way::Hyperband { .. }));
                    let why = &p.why;
                    assert_eq!(why.n_observed as usize, job.history.len());
                    assert!(why.feasibility.is_none_or(|f| (0.0..=1.0).contains(&f)));
                    let numbers = [why.mean, why.sd, why.acquisition];
                    assert!(numbers.iter().flatten().all(|x| x.is_finite()), "{why:?}");
                }
                job.start(&proposals);
                job.end(good(space));
            }
        }
    });
}

#[test]
fn a_continuous_space_always_gives_what_is_asked_for() {
    for way in [Way::Bayesian, Way::Random, Way::Sobol] {
        for space in spaces().iter().filter(|s| s.size().is_none()) {
            let mut job = Job::new(space, &way, 1);
            for n in [1, 3, 4, 2] {
                let proposals = job.ask(n);
                assert_eq!(proposals.len(), n, "{way:?}");
                job.start(&proposals);
                job.end(good(space));
            }
        }
    }
}

#[test]
fn the_same_request_has_the_same_answer_in_any_order() {
    every_way_and_space(|way, space| {
        let mut job = Job::new(space, way, 3);
        job.go(9, |p, i| match i % 4 {
            1 => Outcome::Failed,
            2 => Outcome::Stopped(peak(space, p)),
            _ => Outcome::Value(peak(space, p)),
        });
        let running = job.ask(2);
        job.start(&running);
        let answer = job.ask(3);
        assert_eq!(answer, job.ask(3));
        let advice = recommend(&job.request(1));
        job.history.reverse();
        job.pending.reverse();
        assert_eq!(answer, job.ask(3), "{way:?}");
        assert_eq!(advice, recommend(&job.request(1)));
        let last = job.history.len() - 1;
        job.history.swap(0, last / 2);
        assert_eq!(answer, job.ask(3), "{way:?}");
    });
}

#[test]
fn seeds_make_the_difference() {
    let space = space(&[double(Scale::Linear), double(Scale::Log)]);
    for way in [Way::Bayesian, Way::Random, Way::Sobol, WAYS[4].clone()] {
        let of_seed = |seed| points(&Job::new(&space, &way, seed).ask(3));
        assert_ne!(of_seed(1), of_seed(2), "{way:?}");
    }
}

#[test]
fn a_minimum_is_a_mirrored_maximum_to_the_last_bit() {
    every_way_and_space(|way, space| {
        let mut up = Job::new(space, way, 5);
        let mut down = Job::new(space, way, 5);
        down.goal = Goal::Minimize;
        up.go(15, good(space));
        down.go(15, |p, _| Outcome::Value(-peak(space, p)));
        let places = |job: &Job| -> Vec<String> { job.history.iter().map(|o| bits(&o.point)).collect() };
        assert_eq!(places(&up), places(&down), "{way:?}");
        let (a, b) = (recommend(&up.request(1)), recommend(&down.request(1)));
        assert_eq!(
            a.as_ref().map(|r| bits(&r.point)),
            b.as_ref().map(|r| bits(&r.point))
        );
        assert_eq!(
            a.map(|r| (r.mean, r.low, r.high)),
            b.map(|r| (-r.mean, -r.high, -r.low))
        );
    });
}

#[test]
fn whatever_ends_badly_is_survived_and_not_tried_again() {
    every_way_and_space(|way, space| {
        for bad in [
            Outcome::Failed,
            Outcome::Value(f64::NAN),
            Outcome::Value(f64::NEG_INFINITY),
            Outcome::Stopped(f64::NAN),
        ] {
            let mut all = Job::new(space, way, 2);
            all.go(12, |_, _| bad);
            let distinct: BTreeSet<String> = all.history.iter().map(|o| bits(&o.point)).collect();
            assert_eq!(
                distinct.len(),
                all.history.len(),
                "{way:?}: a failed point came back"
            );
            if space.size().is_none() && !matches!(way, Way::Grid { .. } | Way::Hyperband { .. }) {
                assert_eq!(all.history.len(), 12);
            }
            assert_eq!(recommend(&all.request(1)), None);
            let mut some = Job::new(space, way, 2);
            some.go(12, |p, i| {
                if i % 2 == 0 {
                    bad
                } else {
                    Outcome::Value(peak(space, p))
                }
            });
            for failed in some.history.iter().filter(|o| o.index % 2 == 0) {
                let later = some.history.iter().filter(|o| o.index > failed.index);
                let mut again = later.filter(|o| o.point == failed.point);
                assert_eq!(again.next(), None, "{way:?}");
            }
        }
    });
}

#[test]
fn points_do_not_repeat_while_others_are_left() {
    let small = space(&[words(3), integer(1, 4, 1, Scale::Linear)]);
    for way in [Way::Bayesian, Way::Random, Way::Sobol, WAYS[3].clone()] {
        let mut job = Job::new(&small, &way, 4);
        job.go(12, good(&small));
        let distinct: BTreeSet<String> = job.history.iter().map(|o| bits(&o.point)).collect();
        assert_eq!(distinct.len(), 12, "{way:?}");
        let more = job.ask(3);
        match way {
            Way::Grid { .. } => assert!(more.is_empty()),
            _ => assert_eq!(BTreeSet::from_iter(points(&more)).len(), 3, "{way:?}"),
        }
    }
}

#[test]
fn trials_under_way_are_not_repeated() {
    every_way_and_space(|way, space| {
        let mut job = Job::new(space, way, 6);
        job.go(6, good(space));
        for _ in 0..5 {
            let one = job.ask(1);
            let running: Vec<String> = job.pending.iter().map(|p| bits(&p.point)).collect();
            assert!(points(&one).iter().all(|p| !running.contains(p)), "{way:?}");
            job.start(&one);
        }
    });
}

#[test]
fn a_space_without_a_place_left_gives_none() {
    let small = space(&[words(2), numbers(&[1.0, 2.0])]);
    for way in &WAYS {
        let mut job = Job::new(&small, way, 1);
        job.go(50, |_, _| Outcome::Failed);
        assert!(job.history.len() <= 4 && job.ask(3).is_empty(), "{way:?}");
    }
}

#[test]
fn two_hundred_trials_are_within_reason() {
    let begin = std::time::Instant::now();
    let space = space(&[double(Scale::Log), double(Scale::Linear), words(3)]);
    for way in &WAYS {
        let mut job = Job::new(&space, way, 1);
        job.max_trials = 400;
        let random = Job::new(&space, &Way::Random, 9).ask(200);
        job.start(&random);
        job.end(good(&space));
        assert!(job.ask(3).len() <= 3);
    }
    assert!(begin.elapsed().as_secs() < 60);
}

#[test]
fn extreme_values_are_survived() {
    let space = space(&[double(Scale::Linear), double(Scale::Log)]);
    for values in [
        [1e308, -1e308],
        [1e-300, -1e-300],
        [0.0, 0.0],
        [0.5, 0.5],
        [1e9, 1e9 + 1e-7],
    ] {
        let mut job = Job::new(&space, &Way::Bayesian, 1);
        job.go(9, |_, i| Outcome::Value(values[i as usize % 2]));
        let proposals = job.ask(3);
        assert_eq!(proposals.len(), 3);
        for why in proposals.iter().map(|p| &p.why) {
            for number in [why.mean, why.sd, why.acquisition, why.feasibility] {
                assert!(number.is_some_and(f64::is_finite), "{values:?}: {why:?}");
            }
        }
        let advice = recommend(&job.request(1)).unwrap();
        assert!(advice.low <= advice.mean && advice.mean <= advice.high && advice.high.is_finite());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_history_is_answered(
        seed in any::<u64>(),
        way in 0usize..5,
        which in 0usize..10,
        ends in proptest::collection::vec((0u8..5, -1e6f64..1e6), 0..25),
        n_pending in 0usize..4,
    ) {
        let space = &spaces()[which];
        let mut job = Job::new(space, &WAYS[way], seed);
        let outcome = |_: &Point, i: u32| match ends[i as usize] {
            (0, _) => Outcome::Failed,
            (1, v) => Outcome::Stopped(v),
            (2, _) => Outcome::Value(f64::INFINITY),
            (_, v) => Outcome::Value(v),
        };
        job.go(ends.len(), outcome);
        let running = job.ask(n_pending);
        job.start(&running);
        for p in job.ask(3) {
            prop_assert!(space.to_unit(&p.point).is_some());
            prop_assert!(job.pending.iter().all(|q| q.point != p.point));
        }
        if let Some(advice) = recommend(&job.request(1)) {
            prop_assert!(space.to_unit(&advice.point).is_some());
            prop_assert!(advice.low <= advice.mean && advice.mean <= advice.high);
        }
    }
}

// === what single strategies promise ===

#[test]
fn a_model_finds_the_peak_and_says_how_good_it_is() {
    for space in spaces().iter().filter(|s| s.size().is_none()) {
        let mut job = Job::new(space, &Way::Bayesian, 11);
        job.go(30, good(space));
        let best = job
            .history
            .iter()
            .map(|o| peak(space, &o.point))
            .fold(f64::MIN, f64::max);
        let advice = recommend(&job.request(1)).unwrap();
        let truth = peak(space, &advice.point);
        assert!(truth > best - 0.01, "{truth} against {best}");
        assert!(
            advice.low - 0.02 <= truth && truth <= advice.high + 0.02,
            "{advice:?} {truth}"
        );
        let belief = believe(&job.request(1), std::slice::from_ref(&advice.point)).unwrap()[0];
        assert!((belief.mean - advice.mean).abs() < 1e-6);
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
    let mut job = Job::new(&space, &Way::Bayesian, 3);
    // Better and better towards the wall.
    job.go(30, |p, _| match fails(p) {
        true => Outcome::Failed,
        false => Outcome::Value(space.to_unit(p).unwrap()[0]),
    });
    // Along the edge some fail; deep behind it only those that had to find out.
    let place = |o: &Observation| space.to_unit(&o.point).unwrap()[0];
    let n_deep = job.history.iter().filter(|o| place(o) > 0.8).count();
    assert!(
        n_deep <= 10,
        "{n_deep} of 30: {:?}",
        job.history.iter().map(place).collect::<Vec<_>>()
    );
    let advice = recommend(&job.request(1)).unwrap();
    assert!(!fails(&advice.point) && space.to_unit(&advice.point).unwrap()[0] > 0.6);
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
