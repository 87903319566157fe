//! What a schema can't see about a trial: alternatives, references to parameters, names of variables.

use super::bert_check::check_bert;
use super::command_check::check_words;
use super::fault::{Fault, exactly_one};
use super::schema::section;
use super::trial_texts::{references, texts};
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
    known.extend(strategy.and_then(StrategySpec::resource).map(ToOwned::to_owned));
    if space.is_some() {
        check_references(trial, &known, faults);
    }
    check_words(trial, faults);
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
        accelerators::check_use(bert, trial.resources.as_ref(), faults);
    }
}

/// `$(params.NAME)` in commands, arguments and environment must name a parameter.
fn check_references(trial: &TrialSpec, known: &[String], faults: &mut Vec<Fault>) {
    for (path, text) in texts(trial) {
        for name in references(text).filter(|name| !known.iter().any(|k| k == name)) {
            let message = format!(
                "$(params.{name}) names no parameter: there are {}",
                known.join(", ")
            );
            faults.push(Fault::new(path.clone(), message));
        }
    }
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
