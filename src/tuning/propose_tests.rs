//! Unit tests of `propose`.

use super::*;
use crate::optimizer::Strategy;
use crate::space::Value;
use crate::tuning::fixtures::{at, finished, job};
use crate::tuning::stopping::check_end;
use crate::tuning::{ALL_COLLAPSED, COLLAPSED, status};

/// Trials that succeeded, at these places with these values; whether their models collapsed.
fn snapshot(trials: &[(f64, f64, bool)]) -> Snapshot {
    let mut job = job();
    job.strategy = Strategy::Bayesian;
    job.objective.target = Some(0.81);
    job.budget.max_trials = trials.len() as u32;
    let ends: Vec<_> = trials
        .iter()
        .map(|(_, value, _)| (Phase::Succeeded, Some(*value)))
        .collect();
    let mut snapshot = finished(job, &ends);
    for (trial, (x, _, collapsed)) in snapshot.trials.iter_mut().zip(trials) {
        trial.point.0 = vec![Value::Double(*x)];
        trial.metrics = [(COLLAPSED.to_owned(), f64::from(u8::from(*collapsed)))].into();
    }
    snapshot
}

#[test]
fn a_collapsed_trial_is_neither_the_best_nor_recommended() {
    let snapshot = snapshot(&[
        (0.1, 0.7, false),
        (0.2, 0.75, false),
        (0.3, 0.74, false),
        (0.8, 0.8122, true),
        (0.9, 0.8122, true),
    ]);
    let best = status(&snapshot, at(0)).best.unwrap();
    assert_eq!((best.index, best.is_collapsed), (2, false));
    let point = recommend(&snapshot).unwrap().point;
    assert!(
        matches!(point.0[0], Value::Double(x) if (0.1..=0.3).contains(&x)),
        "{point:?}"
    );
    assert_eq!(
        history(&snapshot.trials)[3].outcome,
        Outcome::Value(0.8122),
        "it is learned from"
    );
    let end = check_end(&snapshot, at(0)).unwrap();
    assert_eq!(
        end.message, "all 5 trials are done",
        "a collapsed trial reaches no target"
    );
}

#[test]
fn where_all_collapsed_the_end_says_so() {
    let snapshot = snapshot(&[(0.2, 0.8122, true), (0.8, 0.8122, true)]);
    let best = status(&snapshot, at(0)).best.unwrap();
    assert_eq!((best.index, best.is_collapsed), (1, true));
    assert!(recommend(&snapshot).is_some());
    let end = check_end(&snapshot, at(0)).unwrap();
    assert!(
        end.reason.is_success() && end.message.ends_with(ALL_COLLAPSED),
        "{}",
        end.message
    );
}

#[test]
fn what_a_person_wants_tried_first_comes_first_and_once() {
    let mut job = job();
    job.strategy = Strategy::Bayesian;
    job.budget.max_trials = 5;
    let point = |x: f64| Point(vec![Value::Double(x)]);
    job.start = vec![point(0.25), point(0.75), point(0.5)];
    let places = |snapshot: &Snapshot, n: u32| -> Vec<(Point, crate::optimizer::Role)> {
        propose(snapshot, n)
            .into_iter()
            .map(|p| (p.point, p.why.role))
            .collect()
    };
    let mut snapshot = finished(job.clone(), &[]);
    let manual = crate::optimizer::Role::Manual;
    assert_eq!(
        places(&snapshot, 2),
        [(point(0.25), manual), (point(0.75), manual)]
    );
    let five = places(&snapshot, 5);
    assert_eq!(five[2], (point(0.5), manual));
    assert!(
        five[3..]
            .iter()
            .all(|(place, role)| !job.start.contains(place) && *role != manual),
        "{five:?}"
    );
    assert_eq!(
        places(&snapshot, 5),
        five,
        "the same question has the same answer"
    );

    // One ended, one runs, and one was given up before it began.
    snapshot = finished(
        job,
        &[
            (Phase::Succeeded, Some(0.8)),
            (Phase::Running, None),
            (Phase::Cancelled, None),
        ],
    );
    for (trial, x) in snapshot.trials.iter_mut().zip([0.25, 0.75, 0.5]) {
        trial.point = point(x);
    }
    assert_eq!(places(&snapshot, 1), [(point(0.5), manual)]);
}

#[test]
fn a_proposal_says_which_trials_it_knew() {
    let mut job = job();
    job.strategy = Strategy::Bayesian;
    (job.budget.max_trials, job.budget.parallel) = (12, 3);
    job.start = vec![Point(vec![Value::Double(0.25)])];
    let ended = (Phase::Succeeded, Some(0.8));
    let mut snapshot = finished(
        job,
        &[
            ended,
            ended,
            (Phase::Running, None),
            ended,
            (Phase::Cancelled, None),
        ],
    );
    for (trial, x) in snapshot.trials.iter_mut().zip([0.1, 0.2, 0.3, 0.4, 0.45]) {
        trial.point.0 = vec![Value::Double(x)];
    }
    let proposals = propose(&snapshot, 3);
    let known: Vec<(String, String)> = proposals
        .iter()
        .map(|p| p.why.known.clone().unwrap())
        .map(|known| (known.observed.to_string(), known.pending.to_string()))
        .collect();
    let knew = |pending: &str| ("1-2,4".to_owned(), pending.to_owned());
    assert_eq!(known, [knew("3"), knew("3,6"), knew("3,6-7")], "5 was given up");
    for proposal in &proposals {
        let (known, why) = (proposal.why.known.as_ref().unwrap(), &proposal.why);
        assert_eq!(
            (known.observed.len(), known.pending.len()),
            (u64::from(why.n_observed), u64::from(why.n_pending))
        );
    }
    for (index, proposal) in (6..).zip(proposals) {
        let new = Trial::new(index, proposal.point, None, proposal.why, at(9));
        snapshot.trials.push(new);
    }
    // Whatever has ended since, what it knew makes each of them again.
    snapshot.trials[2].phase = Phase::Succeeded;
    snapshot.trials[2].value = Some(0.9);
    for trial in &snapshot.trials[5..] {
        let again = Question::again(&snapshot, trial).unwrap().propose();
        assert_eq!(
            (&again[0].point, &again[0].why),
            (&trial.point, &trial.why),
            "{}",
            trial.index
        );
    }
    assert_eq!(
        Question::again(&snapshot, &snapshot.trials[0]),
        None,
        "it has no record"
    );
    let last = snapshot.trials[7].clone();
    snapshot.trials.remove(0);
    assert_eq!(
        Question::again(&snapshot, &last),
        None,
        "one that it knew is gone"
    );
}
