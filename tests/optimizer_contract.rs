//! What every strategy promises, whatever it does inside.

#[path = "common/optimizing.rs"]
mod optimizing;

use optimizing::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tuning_operator::optimizer::{Goal, Outcome, Strategy as Way, predict, recommend};
use tuning_operator::space::{Point, Scale, SearchSpace};

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
                    assert_eq!(p.resource.is_some(), way.rations());
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
    for way in [Way::Bayesian, Way::Random, Way::Sobol, WAYS[5].clone()] {
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
    for way in [
        Way::Bayesian,
        Way::Random,
        Way::Sobol,
        WAYS[4].clone(),
        WAYS[5].clone(),
    ] {
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
            a.map(|r| (r.mean, r.interval.map(|i| (i.low, i.high)))),
            b.map(|r| (-r.mean, r.interval.map(|i| (-i.high, -i.low))))
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
            for number in [
                why.mean,
                why.sd,
                why.acquisition,
                why.gain,
                why.noise,
                why.feasibility,
            ] {
                assert!(number.is_some_and(f64::is_finite), "{values:?}: {why:?}");
            }
        }
        let advice = recommend(&job.request(1)).unwrap();
        assert!(
            advice.mean.is_finite() && advice.interval.is_none(),
            "{values:?}: two values say too little"
        );
        let predicted = predict(&job.request(1), &[advice.point]).unwrap()[0];
        let differ = values[0] != values[1];
        assert_eq!(predicted.interval.is_some(), differ);
        assert!(
            predicted
                .interval
                .is_none_or(|i| i.low <= i.high && (i.high - i.low).is_finite())
        );
    }
}

/// Whatever trials have come to, some under way: what is proposed is in the space and not under way.
fn is_answered(
    seed: u64,
    way: &Way,
    space: &SearchSpace,
    ends: &[(u8, f64)],
    n_pending: usize,
) -> Result<(), TestCaseError> {
    let mut job = Job::new(space, way, seed);
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
        prop_assert!(
            advice
                .interval
                .is_none_or(|i| i.low <= advice.mean && advice.mean <= i.high)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_history_is_answered(
        seed in any::<u64>(),
        way in 0..WAYS.len(),
        which in 0usize..10,
        ends in proptest::collection::vec((0u8..5, -1e6f64..1e6), 0..25),
        n_pending in 0usize..4,
    ) {
        is_answered(seed, &WAYS[way], &spaces()[which], &ends, n_pending)?;
    }
}

#[test]
fn a_point_of_a_small_space_waits_while_another_bracket_has_it() {
    let kinds = [1, 1, 3, 3, 1, 3, 0, 3, 0, 3, 0, 3];
    let ends: Vec<(u8, f64)> = kinds
        .iter()
        .enumerate()
        .map(|(i, k)| (*k, if i == 11 { 4e5 } else { 0.0 }))
        .collect();
    is_answered(3321968677887083865, &WAYS[4], &spaces()[9], &ends, 1).unwrap();
}

/// A job whose trials end in every way, with some under way.
fn midway(space: &SearchSpace, way: &Way, seed: u64, n_ended: usize, n_pending: usize) -> Job {
    let mut job = Job::new(space, way, seed);
    job.go(n_ended, |p, i| match i % 5 {
        1 => Outcome::Failed,
        2 => Outcome::Stopped(peak(space, p)),
        _ => Outcome::Value(peak(space, p)),
    });
    let running = job.ask(n_pending);
    job.start(&running);
    job
}

#[test]
fn a_batch_that_was_cut_off_goes_on_with_the_points_that_it_would_have_had() {
    every_way_and_space(|way, space| {
        for (n_ended, n_pending) in [(0, 0), (2, 0), (9, 0), (9, 2), (24, 1), (27, 0)] {
            let whole = midway(space, way, 3, n_ended, n_pending).ask(4);
            for n_recorded in 1..whole.len() {
                let mut job = midway(space, way, 3, n_ended, n_pending);
                job.start(&whole[..n_recorded]);
                let rest = job.ask(4 - n_recorded);
                assert_eq!(
                    rest,
                    whole[n_recorded..],
                    "{way:?}, after {n_recorded} of {n_ended}+{n_pending}"
                );
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn no_bit_depends_on_the_order_in_which_trials_are_passed(
        seed in any::<u64>(),
        way in 0..WAYS.len(),
        which in 0usize..10,
        n_ended in 0usize..20,
        n_pending in 0usize..4,
        chance in any::<u64>(),
    ) {
        let space = &spaces()[which];
        let mut job = midway(space, &WAYS[way], seed, n_ended, n_pending);
        let other = midway(space, &WAYS[(way + 1) % WAYS.len()], seed, n_ended, 0);
        job.prior = other.history;
        let answer = (job.ask(3), recommend(&job.request(1)));
        shuffle(&mut job.history, chance);
        shuffle(&mut job.pending, chance ^ 1);
        shuffle(&mut job.prior, chance ^ 2);
        prop_assert_eq!(answer, (job.ask(3), recommend(&job.request(1))));
    }
}

fn shuffle<T>(all: &mut [T], mut chance: u64) {
    for last in (1..all.len()).rev() {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all.swap(last, (chance >> 33) as usize % (last + 1));
    }
}
