//! What a schema can't see about the built-in fine-tuner: open ends of ranges, what excludes what, what a task has no use for.

use super::bert_parameters::{MAX_EPOCHS, check_parameters, without_classes, wrong_weights};
use super::fault::Fault;
use super::*;
use crate::space::SearchSpace;

/// Adds a fault for everything about the fine-tuner that no manifest may ask for.
pub(super) fn check_bert(
    bert: &BertSpec,
    space: Option<&SearchSpace>,
    strategy: Option<&StrategySpec>,
    metric: &str,
    faults: &mut Vec<Fault>,
) {
    if let Some(space) = space {
        check_parameters(space, bert.task, faults);
        if bert.learning_rate.is_none() && index_of(space, "learning_rate").is_none() {
            let message = "is missing: fix it here or make learning_rate a parameter";
            faults.push(Fault::new("spec.trial.bert.learningRate", message));
        }
    }
    check_ends(bert, faults);
    check_warmup(bert, space, faults);
    check_classes(bert, faults);
    if let Some((word, rationed)) = strategy.and_then(StrategySpec::rationed) {
        check_resource(word, rationed, faults);
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

/// The ends that do not belong to their ranges, and those that the task moves: a schema has only ends that belong to all.
fn check_ends(bert: &BertSpec, faults: &mut Vec<Fault>) {
    if bert.learning_rate == Some(0.0) {
        let message = "0 is too small: above 0";
        faults.push(Fault::new("spec.trial.bert.learningRate", message));
    }
    for (field, share) in [
        ("dropout", bert.dropout),
        ("labelSmoothing", bert.label_smoothing),
    ] {
        if share == Some(1.0) {
            let message = "1 is too large: below 1";
            faults.push(Fault::new(format!("spec.trial.bert.{field}"), message));
        }
    }
    let least = bert.task.least_length();
    if let Some(length) = bert.max_length.filter(|length| (8..least).contains(length)) {
        let message = format!(
            "{length} is too small: {} needs at least {least}",
            bert.task.word()
        );
        faults.push(Fault::new("spec.trial.bert.maxLength", message));
    }
}

/// Of a share and a number of steps only one can be how long the warm-up is, whether it is fixed or tuned.
fn check_warmup(bert: &BertSpec, space: Option<&SearchSpace>, faults: &mut Vec<Fault>) {
    let place = |field: &str, is_fixed: bool, name: &str| {
        let index = space.and_then(|space| index_of(space, name));
        let tuned = index.map(|i| format!("spec.parameters[{i}]"));
        tuned.or_else(|| is_fixed.then(|| format!("spec.trial.bert.{field}")))
    };
    let ratio = place("warmupRatio", bert.warmup_ratio.is_some(), "warmup_ratio");
    let steps = place("warmupSteps", bert.warmup_steps.is_some(), "warmup_steps");
    if let (Some(ratio), Some(steps)) = (ratio, steps) {
        let message = format!(
            "warmup_steps says how long the warm-up is, and so does warmup_ratio in {ratio}: remove one of them"
        );
        faults.push(Fault::new(steps, message));
    }
}

fn check_classes(bert: &BertSpec, faults: &mut Vec<Fault>) {
    let weights = "spec.trial.bert.classWeights";
    if let Some(message) = without_classes(bert.task) {
        let given = [
            ("spec.trial.bert.labelSmoothing", bert.label_smoothing.is_some()),
            (weights, bert.class_weights.is_some()),
        ];
        for (path, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            faults.push(Fault::new(path, message.clone()));
        }
    } else if let Some(message) = bert
        .class_weights
        .as_ref()
        .and_then(|text| wrong_weights(text, bert.task))
    {
        faults.push(Fault::new(weights, message));
    }
}

fn check_resource(word: &str, spec: &RationedSpec, faults: &mut Vec<Fault>) {
    if spec.resource != "epochs" {
        let message = format!("{:?} is not what bert can ration: epochs", spec.resource);
        faults.push(Fault::new(format!("spec.strategy.{word}.resource"), message));
    } else if spec.max_resource > MAX_EPOCHS {
        let message = format!(
            "{} is too large: bert takes at most {MAX_EPOCHS} epochs",
            spec.max_resource
        );
        faults.push(Fault::new(format!("spec.strategy.{word}.maxResource"), message));
    }
}

fn index_of(space: &SearchSpace, name: &str) -> Option<usize> {
    space.parameters().iter().position(|p| p.name() == name)
}

#[cfg(test)]
#[path = "bert_check_tests.rs"]
mod tests;
