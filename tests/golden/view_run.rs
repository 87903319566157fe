//! An invented run for the views' tests: the numbers are made up, the shape is that of fine-tuning BERT on MRPC.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use tuning_operator::optimizer::{
    Goal, Interval, Known, METHOD, ModelWhy, Prediction, Recommendation, Role, Strategy, Why,
};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};
use tuning_operator::tuning::{
    Budget, CurvePoint, EndReason, Ended, Failure, Job, Objective, Phase, Progress, Snapshot, Trial, status,
};
use tuning_operator::view::RunView;

pub fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).unwrap()
}

pub fn job(parameters: Vec<Parameter>) -> Job {
    Job {
        name: "mrpc".into(),
        space: SearchSpace::new(parameters).unwrap(),
        objective: Objective {
            metric: "f1".into(),
            goal: Goal::Maximize,
            target: Some(0.93),
            value: tuning_operator::tuning::ValueRule::Last,
        },
        strategy: Strategy::Bayesian,
        start: vec![],
        replicates: 0,
        seed: 42,
        budget: Budget {
            max_trials: 20,
            parallel: 2,
            max_failed: Some(5),
            max_duration: Some(SignedDuration::from_hours(6)),
            max_trial_duration: None,
            max_without_improvement: None,
            end_when_converged: false,
            max_gpu_hours: Some(8.0),
        },
        retry: Default::default(),
        early_stopping: None,
        prior: vec![],
        suspend: false,
        gpus_per_trial: 1,
    }
}

pub fn learning_rate() -> Parameter {
    let domain = Domain::Double {
        min: 5e-6,
        max: 5e-4,
        scale: Scale::Log,
    };
    Parameter::new("learning_rate", domain).unwrap()
}

pub fn why(role: Role, n_observed: u32) -> Why {
    let modelled = role == Role::Explore || role == Role::Exploit;
    let model = |kernel, weight, length: f64| ModelWhy {
        kernel,
        weight,
        length_scales: vec![length],
        noise: 0.09,
        signal: 1.21,
    };
    Why {
        role,
        method: METHOD,
        replicate: 0,
        mean: modelled.then_some(0.9112),
        sd: modelled.then_some(0.0043),
        acquisition: (role == Role::Explore).then_some(-2.31),
        gain: (role == Role::Explore).then_some(0.0007),
        noise: (role == Role::Explore).then_some(0.0061),
        feasibility: modelled.then_some(0.962),
        n_observed,
        n_left_out: 0,
        n_pending: u32::from(n_observed > 1),
        known: (n_observed > 11).then(|| Known {
            observed: (1..=n_observed + 1).filter(|i| *i != 10).collect(),
            pending: [10].into_iter().collect(),
        }),
        models: if modelled {
            vec![model("matern52", 0.71, 0.31), model("rbf", 0.29, 0.2)]
        } else {
            vec![]
        },
    }
}

/// Learning rate, F1, and what is peculiar; every trial takes about three minutes, two at once.
const TRIALS: [(f64, f64); 16] = [
    (5.0e-5, 0.9034),
    (1.35e-5, 0.8846),
    (1.86e-4, 0.8122),
    (2.9e-5, 0.8981),
    (8.3e-5, 0.9079),
    (6.2e-5, 0.9145),
    (1.12e-4, 0.8987),
    (7.1e-5, 0.9101),
    (5.0e-6, 0.8407),
    (4.8e-4, f64::NAN),
    (5.6e-5, 0.9068),
    (6.47e-5, 0.9178),
    (9.6e-5, 0.8663),
    (6.6e-5, 0.9092),
    (6.1e-5, 0.9117),
    (6.9e-5, 0.9124),
];

fn trial(index: u32, rate: f64, f1: f64) -> Trial {
    let role = match index {
        1..=3 => Role::Startup,
        4..=13 => Role::Explore,
        _ => Role::Exploit,
    };
    let start = i64::from((index - 1) / 2) * 185;
    let point = Point(vec![Value::Double(rate)]);
    let mut t = Trial::new(index, point, None, why(role, index - 1), time(start));
    t.started = Some(time(start + 1));
    t.ended = Some(time(start + 182 + i64::from(index % 3)));
    t.ran = SignedDuration::from_secs(181 + i64::from(index % 3));
    (t.gpus, t.gpu_time) = (1, t.ran);
    t.attempts = 1;
    t.progress = Progress {
        step: Some(345),
        total_steps: Some(345),
        epoch: Some(3.0),
    };
    t.phase = Phase::Succeeded;
    t.value = Some(f1);
    t.metrics = BTreeMap::from([("f1".into(), f1), ("accuracy".into(), f1 - 0.04)]);
    t.curve = [115, 230, 345]
        .map(|step| CurvePoint {
            step,
            value: f1 - 4.0 / step as f64,
        })
        .to_vec();
    t
}

fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = (1..)
        .zip(TRIALS)
        .map(|(i, (rate, f1))| trial(i, rate, f1))
        .collect();
    all[2].metrics.insert("collapsed".into(), 1.0);
    all[9].phase = Phase::Failed(Failure::Diverged);
    all[9].value = None;
    all[9].progress = Progress {
        step: Some(87),
        total_steps: Some(345),
        epoch: Some(0.76),
    };
    all[9].message = "its loss is not a number\u{1b}[2J at step 87\nsee log".into();
    all[12].phase = Phase::EarlyStopped;
    all[12].progress = Progress {
        step: Some(115),
        total_steps: Some(345),
        epoch: Some(1.0),
    };
    all[12].message =
        "at step 115 its best f1 0.8663 is below the median 0.8871 of 11 completed trials".into();
    all[13].attempts = 2;
    all
}

fn view(trials: Vec<Trial>, ended: Option<Ended>, now: Timestamp) -> RunView {
    let active = now.duration_since(time(0));
    let snapshot = Snapshot {
        job: job(vec![learning_rate()]),
        trials,
        active,
        ended,
        resumed: None,
    };
    let point = Point(vec![Value::Double(6.52e-5)]);
    RunView {
        name: "mrpc".into(),
        status: status(&snapshot, now),
        snapshot,
        ends: vec![],
        model: None,
        recommendation: Some(Recommendation {
            point,
            mean: 0.9121,
            interval: Some(Interval {
                low: 0.9093,
                high: 0.9149,
            }),
        }),
        notes: vec!["data: invented for this test, not MRPC".into()],
        now,
    }
}

/// Sixteen trials done, two running, one waiting.
pub fn running() -> RunView {
    let mut all = trials();
    for (index, rate, step, started) in [(17u32, 6.4e-5, 207u64, 1481), (18, 7.3e-5, 52, 1562)] {
        let mut t = trial(index, rate, 0.0);
        (t.phase, t.value, t.ended) = (Phase::Running, None, None);
        t.started = Some(time(started));
        (t.ran, t.attempt_started) = (SignedDuration::ZERO, t.started);
        t.gpu_time = SignedDuration::ZERO;
        t.progress = Progress {
            step: Some(step),
            total_steps: Some(345),
            epoch: Some(step as f64 / 115.0),
        };
        t.metrics = BTreeMap::new();
        t.curve = if step > 115 {
            vec![CurvePoint {
                step: 115,
                value: 0.8931,
            }]
        } else {
            vec![]
        };
        all.push(t);
    }
    let waiting = Point(vec![Value::Double(5.9e-5)]);
    all.push(Trial::new(19, waiting, None, why(Role::Exploit, 16), time(1500)));
    view(all, None, time(1590))
}

/// The same run at its end.
pub fn done() -> RunView {
    let message = "all 16 trials are done".into();
    let mut view = view(
        trials(),
        Some(Ended {
            reason: EndReason::TrialsSpent,
            message,
        }),
        time(1520),
    );
    view.snapshot.job.budget.max_trials = 16;
    view
}

/// Invented predictions: a parabola around the best learning rate, wide where nothing was tried.
pub fn predictions(points: &[Point]) -> Vec<Prediction> {
    let at = |p: &Point| {
        let Value::Double(rate) = p.0[0] else { panic!() };
        let d = (rate / 6.5e-5).log10();
        let mean = 0.9121 - 0.065 * d * d - 0.02 * d.max(0.0);
        let half = 0.0028 + 0.03 * d * d;
        Prediction {
            mean,
            interval: Some(Interval {
                low: mean - half,
                high: mean + half,
            }),
        }
    };
    points.iter().map(at).collect()
}
