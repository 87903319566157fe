//! What a schema can't see about a trial: alternatives, references to parameters, what the fine-tuner understands.

use super::fault::{Fault, exactly_one};
use super::schema::section;
use super::volume_check::{check_sagemaker, check_volumes};
use super::*;
use crate::space::{Domain, Parameter, SearchSpace};
use serde_json::Value;

/// Parameters that the built-in fine-tuner understands, and whether they are whole numbers.
const BERT_PARAMETERS: [(&str, bool); 8] = [
    ("learning_rate", false),
    ("batch_size", true),
    ("epochs", true),
    ("weight_decay", false),
    ("warmup_ratio", false),
    ("dropout", false),
    ("max_length", true),
    ("seed", true),
];

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

fn check_bert(
    bert: &BertSpec,
    space: Option<&SearchSpace>,
    strategy: Option<&StrategySpec>,
    metric: &str,
    faults: &mut Vec<Fault>,
) {
    let names: Vec<&str> = BERT_PARAMETERS.iter().map(|(name, _)| *name).collect();
    for (i, parameter) in space
        .map(|s| s.parameters())
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let path = format!("spec.parameters[{i}]");
        match BERT_PARAMETERS.iter().find(|(name, _)| *name == parameter.name()) {
            None => {
                let message = format!(
                    "{:?} is not a parameter of bert, which knows {}",
                    parameter.name(),
                    names.join(", ")
                );
                faults.push(Fault::new(format!("{path}.name"), message));
            }
            Some((name, true)) if !is_whole(parameter) => {
                faults.push(Fault::new(
                    path,
                    format!("{name} takes whole numbers: use integer or discrete"),
                ));
            }
            Some(_) => {}
        }
    }
    let tuned = |name: &str| space.is_some_and(|s| s.parameters().iter().any(|p| p.name() == name));
    if space.is_some() && bert.learning_rate.is_none() && !tuned("learning_rate") {
        let message = "is missing: fix it here or make learning_rate a parameter";
        faults.push(Fault::new("spec.trial.bert.learningRate", message));
    }
    if let Some(hyperband) = strategy
        .and_then(|s| s.hyperband.as_ref())
        .filter(|h| h.resource != "epochs")
    {
        let message = format!("{:?} is not what bert can ration: epochs", hyperband.resource);
        faults.push(Fault::new("spec.strategy.hyperband.resource", message));
    }
    let reported = bert.task.metrics();
    if !metric.is_empty() && !reported.contains(&metric) {
        let message = format!(
            "{metric:?} is not reported by bert, which reports {} for {}",
            reported.join(", "),
            bert.task.word()
        );
        faults.push(Fault::new("spec.objective.metric", message));
    }
}

fn is_whole(parameter: &Parameter) -> bool {
    match parameter.domain() {
        Domain::Integer { .. } => true,
        Domain::Discrete { values } => values.iter().all(|v| *v == v.trunc()),
        Domain::Double { .. } | Domain::Categorical { .. } => false,
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
