//! `tuning add`: a point of a person's own.

use super::args::AddArgs;
use super::present::{find, load};
use crate::api::{self, Assignment};
use crate::local::{self, RunDir};
use crate::space::{Domain, Parameter, Point, SearchSpace, Value};
use crate::tuning::{Counts, EndReason, Snapshot};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Most points that are listed one by one.
const MOST_LISTED: usize = 20;

/// Adds a point to a run.
pub(super) fn add(args: &AddArgs) -> Result<ExitCode, String> {
    let dir = find(&args.run);
    let (_, ledger) = load(&dir)?;
    let snapshot = &ledger.snapshot;
    let space = &snapshot.job.space;
    let parameters = assignment(space, &args.values)?;
    takes_points(snapshot)?;
    if let Some(fault) = ledger.faults().first() {
        return Err(format!(
            "the run can't go on, since its manifest is refused now: {fault}"
        ));
    }
    let n_before = local::waiting(&dir).len();
    local::add(&dir, &parameters).map_err(|e| format!("{}: {e}", dir.root().display()))?;
    let max = snapshot.job.budget.max_trials;
    if n_before < room(snapshot) {
        println!(
            "Added: it is tried before what the optimizer proposes next. A `tuning run` that is at work takes it up at once, \
             otherwise the next one does."
        );
    } else {
        println!(
            "Added, but the budget of {max} trials is given out: it is tried once spec.budget.maxTrials is larger and \
             `tuning run` is given again."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// How many points more the budget has room for.
fn room(snapshot: &Snapshot) -> usize {
    let spent = Counts::of(&snapshot.trials).spent();
    snapshot.job.budget.max_trials.saturating_sub(spent) as usize
}

/// Which points a person has added that have no number yet, in a sentence.
pub(super) fn waiting(dir: &RunDir, snapshot: &Snapshot) -> Option<String> {
    let space = &snapshot.job.space;
    let points = local::waiting_points(dir, space);
    let written = |point: &Point| {
        let pairs = space.assignment(point);
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(" ")
    };
    let which: Vec<String> = points.iter().take(MOST_LISTED).map(written).collect();
    let (n, room) = (points.len(), room(snapshot));
    let wait = match n {
        0 => return None,
        1 => "1 point of your own waits".to_owned(),
        n => format!("{n} points of your own wait"),
    };
    let more = match n.saturating_sub(MOST_LISTED) {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    let cure = match n <= room {
        true => String::new(),
        false => format!(" (the budget has room for {room} of them: raise spec.budget.maxTrials)"),
    };
    Some(format!("{wait} to be tried: {}{more}{cure}", which.join("; ")))
}

/// Whether a point that is added can ever be tried; the error is a sentence.
fn takes_points(snapshot: &Snapshot) -> Result<(), String> {
    let strategy = &snapshot.job.strategy;
    if strategy.rations() {
        return Err(format!("{} makes all trials of a job itself", strategy.word()));
    }
    match &snapshot.ended {
        Some(ended)
            if !ended.reason.waits_to_be_mended()
                && !matches!(ended.reason, EndReason::TrialsSpent | EndReason::NoTrialSucceeded) =>
        {
            Err(format!("the job has ended: {}", ended.message))
        }
        _ => Ok(()),
    }
}

/// The point that `NAME=VALUE` texts say; the error is a line for each fault.
fn assignment(space: &SearchSpace, texts: &[String]) -> Result<Assignment, String> {
    let mut given = BTreeMap::new();
    let mut faults = Vec::new();
    for text in texts {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if !space.parameters().iter().any(|p| p.name() == name) {
            let names: Vec<&str> = space.parameters().iter().map(Parameter::name).collect();
            let names = names.join(", ");
            faults.push(format!("{name}: the job has no such parameter; it has {names}"));
        } else if given.insert(name, value).is_some() {
            faults.push(format!("{name}: it is given twice"));
        }
    }
    let mut found = Assignment::new();
    for parameter in space.parameters() {
        let name = parameter.name();
        let allowed = parameter.allowed();
        match given.get(name) {
            None => faults.push(format!("{name}: it is missing: give {name}=VALUE, {allowed}")),
            Some(text) => match value(parameter, text) {
                Some(value) => drop(found.insert(name.to_owned(), value)),
                None => faults.push(format!(
                    "{name}={text}: not a value of {name}, which is {allowed}"
                )),
            },
        }
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    // In the form in which proposals are recorded.
    let point = api::point(space, &found)?;
    Ok(api::assignment(space, &point))
}

fn value(parameter: &Parameter, text: &str) -> Option<serde_json::Value> {
    let (value, json): (Value, serde_json::Value) = match parameter.domain() {
        Domain::Double { .. } | Domain::Discrete { .. } => {
            let number: f64 = text.parse().ok()?;
            (Value::Double(number), number.into())
        }
        Domain::Integer { .. } => {
            let number: i64 = text.parse().ok()?;
            (Value::Integer(number), number.into())
        }
        Domain::Categorical { .. } => (Value::Text(text.to_owned()), text.into()),
    };
    parameter.to_unit(&value).map(|_| json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Scale;

    fn space() -> SearchSpace {
        let parameter = |name: &str, domain| Parameter::new(name, domain).unwrap();
        let linear = Scale::Linear;
        SearchSpace::new(vec![
            parameter(
                "lr",
                Domain::Double {
                    min: 1e-6,
                    max: 1e-3,
                    scale: Scale::Log,
                },
            ),
            parameter(
                "epochs",
                Domain::Integer {
                    min: 2,
                    max: 6,
                    step: 2,
                    scale: linear,
                },
            ),
            parameter(
                "head",
                Domain::Categorical {
                    values: vec!["mean".into(), "first".into()],
                },
            ),
        ])
        .unwrap()
    }

    fn said(texts: &[&str]) -> Result<serde_json::Value, String> {
        let texts: Vec<String> = texts.iter().map(|&t| t.to_owned()).collect();
        assignment(&space(), &texts).map(|found| serde_json::json!(found))
    }

    #[test]
    fn a_point_of_the_space_is_taken_as_it_is_written() {
        let point = said(&["head=mean", "lr=3e-5", "epochs=4"]);
        let expected = serde_json::json!({"lr": 3e-5, "epochs": 4, "head": "mean"});
        assert_eq!(point, Ok(expected));
    }

    #[test]
    fn each_fault_names_the_parameter_and_what_is_allowed() {
        let faults = said(&["lr=1", "epochs=3", "size=7", "lr=1e-4"]).unwrap_err();
        let expected = [
            "size: the job has no such parameter; it has lr, epochs, head",
            "lr: it is given twice",
            "epochs=3: not a value of epochs, which is a whole number from 2 to 6 in steps of 2",
            "head: it is missing: give head=VALUE, one of mean, first",
        ];
        assert_eq!(faults.lines().collect::<Vec<_>>(), expected);
        let faults = said(&["lr=1", "epochs=4", "head=last"]).unwrap_err();
        assert!(
            faults.contains("lr=1: not a value of lr, which is a number from 1e-6 to 0.001"),
            "{faults}"
        );
        assert!(
            faults.contains("head=last: not a value of head, which is one of mean, first"),
            "{faults}"
        );
    }
}
