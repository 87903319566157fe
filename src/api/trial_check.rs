//! What a schema can't see about a trial: alternatives, references to parameters, names of variables.

use super::bert_check::check_bert;
use super::command_check::check_words;
use super::env_check::{check_env, check_env_from};
use super::fault::{Fault, exactly_one};
use super::helper_check::check_helpers;
use super::pod_check::check_pod;
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
    check_env("spec.trial.env", &trial.env, faults);
    check_env_from("spec.trial.envFrom", &trial.env_from, faults);
    check_volumes(trial, faults);
    check_helpers(trial, faults);
    check_pod(trial, faults);
    if let Some(pod) = &trial.pod_security_context {
        security_check::check_pod("spec.trial.podSecurityContext", pod, faults);
    }
    if let Some(own) = &trial.container_security_context {
        security_check::check_container("spec.trial.containerSecurityContext", own, faults);
    }
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
