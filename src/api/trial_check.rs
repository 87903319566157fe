//! What a schema can't see about a trial: alternatives, references to parameters, names of variables.

use super::bert_check::check_bert;
use super::fault::{Fault, exactly_one};
use super::schema::section;
use super::volume_check::{check_sagemaker, check_volumes};
use super::*;
use crate::space::SearchSpace;
use serde_json::Value;

/// Adds a fault for everything about the trial that no manifest may ask for.
pub(super) fn check_trial(
    trial: &TrialSpec,
    spec: &Value,
    space: Option<&SearchSpace>,
    strategy: Option<&StrategySpec>,
    faults: &mut Vec<Fault>,
) {
    let kinds = [
        ("bert", trial.bert.is_some()),
        ("container", trial.container.is_some()),
        ("sagemaker", trial.sagemaker.is_some()),
        ("command", trial.command.is_some()),
    ];
    exactly_one("spec.trial", &kinds, faults);
    let mut known: Vec<String> = space
        .map(|s| s.parameters().iter().map(|p| p.name().to_owned()).collect())
        .unwrap_or_default();
    known.extend(
        strategy
            .and_then(|s| s.hyperband.as_ref())
            .map(|h| h.resource.clone()),
    );
    if space.is_some() {
        check_references(trial, &known, faults);
    }
    check_env(&trial.env, faults);
    check_volumes(trial, faults);
    if let Some(sagemaker) = &trial.sagemaker {
        check_sagemaker(sagemaker, &trial.volumes, &known, faults);
    }
    let metric = section::<ObjectiveSpec>(spec, "objective")
        .map(|o| o.metric)
        .unwrap_or_default();
    if let Some(bert) = &trial.bert {
        check_bert(bert, space, strategy, &metric, faults);
    }
}

/// `$(params.NAME)` in commands, arguments and environment must name a parameter.
fn check_references(trial: &TrialSpec, known: &[String], faults: &mut Vec<Fault>) {
    let mut texts: Vec<(String, &str)> = Vec::new();
    for (i, text) in trial.command.iter().flatten().enumerate() {
        texts.push((format!("spec.trial.command[{i}]"), text));
    }
    if let Some(container) = &trial.container {
        let parts = [("command", &container.command), ("args", &container.args)];
        for (key, list) in parts {
            texts.extend(
                list.iter()
                    .enumerate()
                    .map(|(i, t)| (format!("spec.trial.container.{key}[{i}]"), t.as_str())),
            );
        }
    }
    for (name, text) in trial.sagemaker.iter().flat_map(|s| &s.hyperparameters) {
        texts.push((format!("spec.trial.sagemaker.hyperparameters.{name}"), text));
    }
    texts.extend(
        trial
            .env
            .iter()
            .enumerate()
            .map(|(i, e)| (format!("spec.trial.env[{i}].value"), e.value.as_str())),
    );
    for (path, text) in texts {
        for name in references(text).filter(|name| !known.iter().any(|k| k == name)) {
            let message = format!(
                "$(params.{name}) names no parameter: there are {}",
                known.join(", ")
            );
            faults.push(Fault::new(path.clone(), message));
        }
    }
}

/// The names in `$(params.NAME)`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("$(params.")
        .filter_map(|(at, open)| text[at + open.len()..].split_once(')').map(|(name, _)| name))
}

fn check_env(env: &[EnvVar], faults: &mut Vec<Fault>) {
    for (i, var) in env.iter().enumerate() {
        let path = format!("spec.trial.env[{i}].name");
        if var.name.starts_with("TUNING_") {
            faults.push(Fault::new(
                path,
                format!("{}: names that begin with TUNING_ are the tuner's own", var.name),
            ));
        } else if var.name.contains(['=', '\0']) {
            faults.push(Fault::new(
                path,
                format!("{:?} is not the name of a variable", var.name),
            ));
        }
    }
}

#[cfg(test)]
#[path = "trial_check_tests.rs"]
mod tests;
