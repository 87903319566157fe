//! The bits of proposals: they change only on purpose. `BLESS=1 cargo test --test optimizer_golden` writes them anew.

use serde_json::{Value as Json, json};
use tuning_operator::optimizer::{
    Goal, Observation, Outcome, Pending, Recommendation, Request, Strategy, recommend, suggest,
};
use tuning_operator::space::{Domain, Parameter, Point, Scale, SearchSpace, Value};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/optimizer.json");

#[test]
fn proposals_keep_their_bits() {
    let runs: Vec<Json> = strategies()
        .iter()
        .map(|(name, strategy)| play(name, strategy))
        .collect();
    let found = serde_json::to_string_pretty(&runs).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(GOLDEN, &found).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap();
    for (i, (a, b)) in golden.lines().zip(found.lines()).enumerate() {
        assert_eq!(a, b, "line {} of tests/golden/optimizer.json", i + 1);
    }
    assert_eq!(golden.len(), found.len());
}

fn strategies() -> [(&'static str, Strategy); 6] {
    [
        ("bayesian", Strategy::Bayesian),
        ("random", Strategy::Random),
        ("sobol", Strategy::Sobol),
        ("grid", Strategy::Grid { points_per_double: 3 }),
        (
            "hyperband",
            Strategy::Hyperband {
                min_resource: 1,
                max_resource: 9,
                eta: 3,
            },
        ),
        (
            "asha",
            Strategy::Asha {
                min_resource: 1,
                max_resource: 9,
                eta: 3,
            },
        ),
    ]
}

fn space() -> SearchSpace {
    let scaled = |min, max, scale| Domain::Double { min, max, scale };
    let domains = [
        ("lr", scaled(5e-6, 5e-4, Scale::Log)),
        ("momentum", scaled(0.5, 0.999, Scale::ReverseLog)),
        (
            "epochs",
            Domain::Integer {
                min: 1,
                max: 5,
                step: 1,
                scale: Scale::Linear,
            },
        ),
        (
            "optim",
            Domain::Categorical {
                values: ["adamw", "lamb", "sgd"].map(String::from).to_vec(),
            },
        ),
    ];
    let parameters = domains
        .into_iter()
        .map(|(name, d)| Parameter::new(name, d).unwrap());
    SearchSpace::new(parameters.collect()).unwrap()
}

/// Eighteen trials, three at a time, of which some fail or are stopped, with one trial always under way.
fn play(name: &str, strategy: &Strategy) -> Json {
    let space = space();
    let (mut history, mut pending): (Vec<Observation>, Vec<Pending>) = (vec![], vec![]);
    let mut asked: Vec<String> = Vec::new();
    let request = |history: &[Observation], pending: &[Pending], n: usize| {
        let request = Request {
            space: &space,
            goal: Goal::Maximize,
            strategy,
            history,
            prior: &[],
            pending,
            n,
            max_trials: 18,
            parallel: 3,
            replicates: 0,
            seed: 20_260_101,
        };
        (suggest(&request), recommend(&request))
    };
    while asked.len() < 18 {
        for proposal in request(&history, &pending, 3 - pending.len()).0 {
            pending.push(Pending {
                index: asked.len() as u32,
                point: proposal.point.clone(),
                resource: proposal.resource,
            });
            asked.push(bits(&proposal.point));
        }
        if pending.is_empty() {
            break;
        }
        let keep = usize::from(pending.len() > 1);
        for p in pending.drain(keep..).collect::<Vec<_>>() {
            history.push(Observation {
                index: p.index,
                outcome: outcome(&space, &p),
                point: p.point,
                resource: p.resource,
            });
        }
    }
    let advice = request(&history, &pending, 1).1;
    let interval = |a: &Recommendation| a.interval.map(|i| [hex(i.low), hex(i.high)]);
    let advice = advice.map(|a| json!([bits(&a.point), hex(a.mean), interval(&a)]));
    json!({"strategy": name, "asked": asked, "recommended": advice})
}

/// A peak inside; additions and multiplications only.
fn outcome(space: &SearchSpace, trial: &Pending) -> Outcome {
    let u = space.to_unit(&trial.point).unwrap();
    let value = 0.9 - (u[0] - 0.6) * (u[0] - 0.6) - 0.3 * (u[1] - 0.4) * (u[1] - 0.4) - 0.1 * u[2] * u[3];
    match trial.index {
        4 | 9 => Outcome::Failed,
        6 => Outcome::Stopped(value),
        _ => Outcome::Value(value),
    }
}

fn bits(point: &Point) -> String {
    let value = |v: &Value| match v {
        Value::Double(x) => hex(*x),
        Value::Integer(x) => x.to_string(),
        Value::Text(x) => x.clone(),
    };
    point.0.iter().map(value).collect::<Vec<_>>().join(" ")
}

fn hex(x: f64) -> String {
    format!("{:016x}", x.to_bits())
}
