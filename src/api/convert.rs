//! A manifest's `spec` to the core's validated types.
//!
//! Each section is read by itself, so that a fault in one does not hide the faults of the others.

use super::accelerators;
use super::fault::{Fault, exactly_one};
use super::names_check::check_names;
use super::schema::section;
use super::start_points::start_points;
use super::trial_check::check_trial;
use super::*;
use crate::optimizer::Strategy;
use crate::space::{Domain, Parameter, Scale, SearchSpace};
use crate::tuning::{Budget, Job, MedianStop, Objective};
use jiff::SignedDuration;
use serde_json::Value;

/// Most points that a grid may have.
const MAX_GRID_POINTS: u64 = 10_000;

/// The seed of a job that names none: FNV-1a of its name, so that the same name repeats the same run.
pub(super) fn seed_of_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The job that a `spec` asks for; `None` if a part of it can't be made. With a fault it is no job to be run, but what an earlier
/// version has run can still be told by it.
pub(super) fn convert(name: &str, spec: &Value, default_seed: u64, faults: &mut Vec<Fault>) -> Option<Job> {
    let space = space(&spec["parameters"], faults);
    check_names(spec, faults);
    let objective = section::<ObjectiveSpec>(spec, "objective").and_then(|o| objective(&o, faults));
    let budget = section::<BudgetSpec>(spec, "budget").and_then(|b| budget(&b, faults));
    let strategy_spec: Option<StrategySpec> = match &spec["strategy"] {
        Value::Null => Some(StrategySpec {
            bayesian: Some(BayesianSpec::default()),
            ..StrategySpec::default()
        }),
        _ => section(spec, "strategy"),
    };
    let strategy = strategy_spec
        .as_ref()
        .and_then(|s| strategy(s, default_seed, faults));
    let early_stopping =
        section::<EarlyStoppingSpec>(spec, "earlyStopping").map(|e| median_stop(&e.median_stop));
    let rationed = strategy_spec.as_ref().and_then(StrategySpec::rationed);
    if let (Some((word, _)), Some(_)) = (rationed, &early_stopping) {
        let message =
            format!("{word} stops trials by itself: remove earlyStopping, or choose another strategy");
        faults.push(Fault::new("spec.earlyStopping", message));
    }
    if let (Some(space), Some((Strategy::Grid { points_per_double }, _)), Some(budget)) =
        (&space, &strategy, &budget)
    {
        check_grid(space, *points_per_double, budget, faults);
    }
    let first = strategy_spec.as_ref().and_then(|s| s.bayesian.as_ref());
    let max_trials = budget.as_ref().map(|b| b.max_trials);
    let start = first.zip(space.as_ref());
    let start = start.map(|(first, space)| start_points(&first.start, space, max_trials, faults));
    let replicates = replicates(first.and_then(|b| b.replicates), max_trials, faults);
    let trial: Option<TrialSpec> = section(spec, "trial");
    if let Some(trial) = &trial {
        check_trial(trial, spec, space.as_ref(), strategy_spec.as_ref(), faults);
        let limit = budget.as_ref().and_then(|b| b.max_gpu_hours);
        accelerators::check(limit, trial.resources.as_ref(), faults);
    }
    let (strategy, seed) = strategy?;
    Some(Job {
        name: name.to_owned(),
        space: space?,
        objective: objective?,
        strategy,
        start: start.unwrap_or_default(),
        replicates,
        seed,
        budget: budget?,
        retry: Default::default(),
        early_stopping,
        prior: Vec::new(),
        suspend: spec["suspend"].as_bool().unwrap_or(false),
        gpus_per_trial: accelerators::count(trial?.resources.as_ref()),
    })
}

fn space(list: &Value, faults: &mut Vec<Fault>) -> Option<SearchSpace> {
    let list = list.as_array()?;
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut sound = true;
    for (i, entry) in list.iter().enumerate() {
        let path = format!("spec.parameters[{i}]");
        let name = entry["name"].as_str().unwrap_or_default();
        if list[..i].iter().any(|earlier| earlier["name"] == entry["name"]) {
            faults.push(Fault::new(
                format!("{path}.name"),
                format!("{name:?} is the name of an earlier parameter"),
            ));
            sound = false;
        }
        let parsed = serde_json::from_value::<ParameterSpec>(entry.clone()).ok();
        match parsed.and_then(|spec| parameter(&spec, &path, faults)) {
            Some(parameter) => parameters.push(parameter),
            None => sound = false,
        }
    }
    if !sound || parameters.is_empty() {
        None
    } else {
        SearchSpace::new(parameters).ok()
    }
}

fn parameter(spec: &ParameterSpec, path: &str, faults: &mut Vec<Fault>) -> Option<Parameter> {
    let kinds = [
        ("double", spec.double.is_some()),
        ("integer", spec.integer.is_some()),
        ("categorical", spec.categorical.is_some()),
        ("discrete", spec.discrete.is_some()),
    ];
    exactly_one(path, &kinds, faults)?;
    let domain = if let Some(d) = &spec.double {
        Domain::Double {
            min: d.min,
            max: d.max,
            scale: scale(d.scale),
        }
    } else if let Some(i) = &spec.integer {
        Domain::Integer {
            min: i.min,
            max: i.max,
            step: i.step,
            scale: scale(i.scale),
        }
    } else if let Some(c) = &spec.categorical {
        Domain::Categorical {
            values: c.values.clone(),
        }
    } else {
        Domain::Discrete {
            values: spec.discrete.as_ref()?.values.clone(),
        }
    };
    match Parameter::new(&spec.name, domain) {
        Ok(parameter) => Some(parameter),
        Err(reasons) => {
            faults.extend(
                reasons
                    .into_iter()
                    .map(|r| Fault::new(format!("{path}.{}", r.field), r.message)),
            );
            None
        }
    }
}

fn scale(scale: ScaleSpec) -> Scale {
    match scale {
        ScaleSpec::Linear => Scale::Linear,
        ScaleSpec::Log => Scale::Log,
        ScaleSpec::ReverseLog => Scale::ReverseLog,
    }
}

fn objective(spec: &ObjectiveSpec, faults: &mut Vec<Fault>) -> Option<Objective> {
    if let Some(target) = spec.target.filter(|t| !t.is_finite()) {
        faults.push(Fault::new(
            "spec.objective.target",
            format!("{target} is not a finite number"),
        ));
        return None;
    }
    Some(Objective {
        metric: spec.metric.clone(),
        goal: spec.goal.into(),
        target: spec.target,
        value: spec.value.into(),
    })
}

fn budget(spec: &BudgetSpec, faults: &mut Vec<Fault>) -> Option<Budget> {
    let n_before = faults.len();
    let max_duration = duration("spec.budget.maxDuration", spec.max_duration.as_deref(), faults);
    let max_trial_duration = duration(
        "spec.budget.maxTrialDuration",
        spec.max_trial_duration.as_deref(),
        faults,
    );
    if let Some(hours) = spec.max_gpu_hours.filter(|h| !(h.is_finite() && *h > 0.0)) {
        faults.push(Fault::new(
            "spec.budget.maxGpuHours",
            format!("{hours} leaves nothing to spend: more than 0"),
        ));
    }
    (faults.len() == n_before).then_some(Budget {
        max_trials: spec.max_trials,
        parallel: spec.parallel_trials,
        max_failed: spec.max_failed_trials,
        max_duration,
        max_trial_duration,
        max_without_improvement: spec.max_trials_without_improvement,
        end_when_converged: spec.end_when_converged.unwrap_or_default(),
        max_gpu_hours: spec.max_gpu_hours,
    })
}

/// A duration such as `1h30m`: more than nothing, at most a year.
pub(super) fn duration(path: &str, text: Option<&str>, faults: &mut Vec<Fault>) -> Option<SignedDuration> {
    let text = text?;
    let parsed = text.parse::<SignedDuration>().ok();
    let sound = parsed.filter(|d| d.is_positive() && *d <= SignedDuration::from_hours(24 * 366));
    if sound.is_none() {
        faults.push(Fault::new(
            path,
            format!("{text:?} is not a duration: write it like 90s, 30m, 6h or 1h30m"),
        ));
    }
    sound
}

/// At most half of the budget: what is tried again has to be found first.
fn replicates(given: Option<u32>, max_trials: Option<u32>, faults: &mut Vec<Fault>) -> u32 {
    let given = given.unwrap_or(0);
    if let Some(most) = max_trials.map(|n| n / 2).filter(|most| given > *most) {
        let message = format!("{given} is more than half of spec.budget.maxTrials: choose at most {most}");
        faults.push(Fault::new("spec.strategy.bayesian.replicates", message));
    }
    given
}

fn strategy(spec: &StrategySpec, default_seed: u64, faults: &mut Vec<Fault>) -> Option<(Strategy, u64)> {
    let kinds = [
        ("bayesian", spec.bayesian.is_some()),
        ("random", spec.random.is_some()),
        ("sobol", spec.sobol.is_some()),
        ("grid", spec.grid.is_some()),
        ("hyperband", spec.hyperband.is_some()),
        ("asha", spec.asha.is_some()),
    ];
    let kind = exactly_one("spec.strategy", &kinds, faults)?;
    let seed = |s: &Option<SeedSpec>| s.as_ref().and_then(|s| s.seed).map_or(default_seed, u64::from);
    Some(match kind {
        "bayesian" => {
            let seed = spec.bayesian.as_ref().and_then(|b| b.seed);
            (Strategy::Bayesian, seed.map_or(default_seed, u64::from))
        }
        "random" => (Strategy::Random, seed(&spec.random)),
        "sobol" => (Strategy::Sobol, seed(&spec.sobol)),
        "grid" => (
            Strategy::Grid {
                points_per_double: spec.grid.as_ref()?.points_per_double.unwrap_or(0),
            },
            0,
        ),
        _ => {
            let (word, rationed) = spec.rationed()?;
            let seed = rationed.seed.map_or(default_seed, u64::from);
            (rationed_strategy(word, rationed, faults)?, seed)
        }
    })
}

fn rationed_strategy(word: &str, spec: &RationedSpec, faults: &mut Vec<Fault>) -> Option<Strategy> {
    let (min_resource, max_resource, eta) = (spec.min_resource, spec.max_resource, spec.eta);
    if min_resource > max_resource {
        let message = format!("{min_resource} is above maxResource ({max_resource})");
        faults.push(Fault::new(format!("spec.strategy.{word}.minResource"), message));
        return None;
    }
    Some(match word {
        "asha" => Strategy::Asha {
            min_resource,
            max_resource,
            eta,
        },
        _ => Strategy::Hyperband {
            min_resource,
            max_resource,
            eta,
        },
    })
}

fn check_grid(space: &SearchSpace, points_per_double: u32, budget: &Budget, faults: &mut Vec<Fault>) {
    let continuous = space.parameters().iter().find(|p| p.levels().is_none());
    if let (Some(parameter), 0) = (continuous, points_per_double) {
        let message = format!(
            "is missing: {} is a double, say how many positions it gets",
            parameter.name()
        );
        faults.push(Fault::new("spec.strategy.grid.pointsPerDouble", message));
        return;
    }
    let levels = |p: &Parameter| p.levels().map_or(u64::from(points_per_double), |n| n as u64);
    let size = space
        .parameters()
        .iter()
        .fold(1u64, |n, p| n.saturating_mul(levels(p)));
    if size > MAX_GRID_POINTS {
        let message =
            format!("the grid has {size} points, at most {MAX_GRID_POINTS} are allowed: take fewer values");
        faults.push(Fault::new("spec.strategy.grid", message));
    } else if size > u64::from(budget.max_trials) {
        let message = format!(
            "the grid has {size} points, the budget {} trials: raise spec.budget.maxTrials or take fewer values",
            budget.max_trials
        );
        faults.push(Fault::new("spec.strategy.grid", message));
    }
}

fn median_stop(spec: &MedianStopSpec) -> MedianStop {
    MedianStop {
        min_completed: spec.min_completed_trials,
        start_step: u64::from(spec.start_step),
        shadow: spec.shadow,
    }
}
