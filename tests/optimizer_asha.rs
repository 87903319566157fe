//! Successive halving where trials take different times: who waits for whom.

#[path = "common/optimizing.rs"]
mod optimizing;
#[path = "common/slots.rs"]
mod slots;

use optimizing::*;
use slots::{Course, Played};
use std::collections::BTreeSet;
use tuning_operator::optimizer::{Observation, Pending, Role, Strategy as Way};
use tuning_operator::space::{Scale, SearchSpace};

const MOST: u32 = 60;
/// It takes twenty times as long as others do.
const STRAGGLER: u32 = 2;

/// A trial takes as long as it may spend, the straggler twenty times as long.
fn play(way: &Way, space: &SearchSpace, until: u64) -> Played {
    let time = |trial: &Pending| {
        let longer = if trial.index == STRAGGLER { 20 } else { 1 };
        u64::from(trial.resource.unwrap()) * longer
    };
    let course = Course {
        space,
        way,
        seed: 5,
        slots: 4,
        max_trials: MOST,
        until,
        time: &time,
        value: &|point, _| peak(space, point),
    };
    let played = course.play();
    for (role, resource) in &played.proposed {
        assert_eq!(*role == Role::Promoted, *resource != Some(1));
    }
    played
}

fn at_rung(job: &Job, resource: u32) -> Vec<&Observation> {
    job.history
        .iter()
        .filter(|o| o.resource == Some(resource))
        .collect()
}

#[test]
fn a_straggler_keeps_no_slot_waiting() {
    let space = space(&[double(Scale::Linear), double(Scale::Log)]);
    let asha = play(&WAYS[5], &space, u64::MAX);
    assert_eq!((asha.idle, asha.job.history.len()), (0, MOST as usize));
    // Before the straggler has ended, one has got as far as there is to go.
    let early = play(&WAYS[5], &space, 19);
    assert!(early.job.pending.iter().any(|p| p.index == STRAGGLER));
    assert!(!at_rung(&early.job, 9).is_empty());
    let hyperband = play(&WAYS[4], &space, 19);
    assert!(hyperband.job.pending.iter().any(|p| p.index == STRAGGLER));
    assert!(at_rung(&hyperband.job, 3).is_empty(), "its first rung waits");
    assert!(hyperband.idle >= 3 * 15, "{}", hyperband.idle);
}

#[test]
fn about_one_in_three_goes_on_and_the_best_of_the_short_ones_is_among_them() {
    let space = space(&[double(Scale::Linear), double(Scale::Log)]);
    let job = play(&WAYS[5], &space, u64::MAX).job;
    let counts = [1, 3, 9].map(|resource| at_rung(&job, resource).len());
    assert_eq!(counts.iter().sum::<usize>(), MOST as usize);
    // A few more than a third, since some go on before better ones are known; or fewer, where the last ones ended with the budget spent.
    let third = counts[0] / 3;
    assert!((third - 2..=third + 7).contains(&counts[1]), "{counts:?}");
    let third = counts[1] / 3;
    assert!((third - 2..=third + 3).contains(&counts[2]), "{counts:?}");
    let all = at_rung(&job, 1).into_iter();
    let best = all.max_by(|a, b| peak(&space, &a.point).total_cmp(&peak(&space, &b.point)));
    let longest: BTreeSet<String> = at_rung(&job, 9).iter().map(|o| bits(&o.point)).collect();
    assert!(longest.contains(&bits(&best.unwrap().point)));
    // Nobody is twice at one rung.
    let places: BTreeSet<(u32, String)> = job
        .history
        .iter()
        .map(|o| (o.resource.unwrap(), bits(&o.point)))
        .collect();
    assert_eq!(places.len(), job.history.len());
}

#[test]
fn a_space_that_is_used_up_goes_on_with_what_is_left_of_the_budget() {
    let small = space(&[words(3), numbers(&[1.0, 2.0, 4.0, 8.0])]);
    let job = play(&WAYS[5], &small, u64::MAX).job;
    assert_eq!(job.history.len(), MOST as usize);
    let short: BTreeSet<String> = at_rung(&job, 1).iter().map(|o| bits(&o.point)).collect();
    assert_eq!(short.len(), 12, "every point has had its turn");
    assert!(!at_rung(&job, 9).is_empty());
}
