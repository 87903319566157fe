//! What the tests of this room begin with.

use super::{Budget, Job, Objective, Phase, Retry, Snapshot, Trial};
use crate::optimizer::{Goal, Strategy, Why};
use crate::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};
use jiff::Timestamp;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Three trials of one parameter, one at a time, without any other limit.
pub fn job() -> Job {
    let domain = Domain::Double {
        min: 0.0,
        max: 1.0,
        scale: Scale::Linear,
    };
    Job {
        name: "a".into(),
        space: SearchSpace::new(vec![Parameter::new("lr", domain).unwrap()]).unwrap(),
        objective: Objective {
            metric: "f1".into(),
            goal: Goal::Maximize,
            target: None,
            value: crate::tuning::ValueRule::Last,
        },
        strategy: Strategy::Sobol,
        start: vec![],
        replicates: 0,
        seed: 1,
        budget: Budget {
            max_trials: 3,
            parallel: 1,
            max_failed: None,
            max_duration: None,
            max_trial_duration: None,
            max_without_improvement: None,
            end_when_converged: false,
            max_gpu_hours: None,
        },
        retry: Retry::default(),
        early_stopping: None,
        prior: vec![],
        suspend: false,
        gpus_per_trial: 1,
    }
}

/// A trial that was just proposed.
pub fn trial(index: u32, place: f64) -> Trial {
    Trial::new(
        index,
        Point(vec![Value::Double(place)]),
        None,
        Why::manual(),
        at(0),
    )
}

/// Trials that came to these ends one after the other.
pub fn finished(job: Job, ends: &[(Phase, Option<f64>)]) -> Snapshot {
    let mut snapshot = Snapshot::new(job);
    for (index, (phase, value)) in (1..).zip(ends) {
        snapshot.trials.push(Trial {
            phase: *phase,
            value: *value,
            ended: Some(at(i64::from(index))),
            ..trial(index, 0.5)
        });
    }
    snapshot
}
