//! Which parameters does the built-in fine-tuner understand, and which values of each? What it would refuse at the start of a
//! trial is refused in the manifest.

use super::bert_spec::Scheduler;
use super::fault::Fault;
use super::task::Task;
use crate::space::{Domain, Parameter, SearchSpace};
use std::ops::{Bound, RangeBounds};

/// The values that a parameter may have.
#[derive(Clone, Copy)]
enum Values {
    /// Numbers of a range.
    Numbers(Bound<f64>, Bound<f64>),
    /// Whole numbers of a range, its ends among them.
    Whole(f64, f64),
    /// Whole numbers of tokens, as many as the task needs at least.
    Tokens,
    /// The words of the schedules.
    Schedulers,
    /// Weights of a task's classes.
    ClassWeights,
}

use Bound::{Excluded, Included};
use Values::{ClassWeights, Numbers, Schedulers, Tokens, Whole};

/// What `bert-trainer --help` lists, with the ranges that it checks.
const PARAMETERS: [(&str, Values); 15] = [
    ("learning_rate", Numbers(Excluded(0.0), Included(1.0))),
    ("batch_size", Whole(1.0, 4096.0)),
    ("epochs", Whole(1.0, MAX_EPOCHS as f64)),
    ("weight_decay", Numbers(Included(0.0), Included(10.0))),
    ("warmup_ratio", Numbers(Included(0.0), Included(1.0))),
    ("warmup_steps", Whole(0.0, 1e9)),
    ("dropout", Numbers(Included(0.0), Excluded(1.0))),
    ("max_length", Tokens),
    ("gradient_accumulation_steps", Whole(1.0, 4096.0)),
    ("max_grad_norm", Numbers(Included(0.0), Included(1e6))),
    ("scheduler", Schedulers),
    (LABEL_SMOOTHING, Numbers(Included(0.0), Excluded(1.0))),
    (CLASS_WEIGHTS, ClassWeights),
    ("eval_every", Whole(0.0, u32::MAX as f64)),
    // Beyond 2^53 not every whole number is exact.
    ("seed", Whole(0.0, (1_u64 << 53) as f64)),
];

/// Most passes over the training data.
pub(super) const MAX_EPOCHS: u32 = 1000;

/// Most that a class may count.
const MAX_WEIGHT: f64 = 1e6;

const LABEL_SMOOTHING: &str = "label_smoothing";
const CLASS_WEIGHTS: &str = "class_weights";

/// Adds a fault for each parameter that the fine-tuner does not know, and for each value that it would refuse.
pub(super) fn check_parameters(space: &SearchSpace, task: Task, faults: &mut Vec<Fault>) {
    for (i, parameter) in space.parameters().iter().enumerate() {
        let name = parameter.name();
        let path = format!("spec.parameters[{i}]");
        let Some((_, values)) = PARAMETERS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = PARAMETERS.iter().map(|(known, _)| *known).collect();
            let message = format!(
                "{name:?} is not a parameter of bert, which knows {}",
                known.join(", ")
            );
            faults.push(Fault::new(format!("{path}.name"), message));
            continue;
        };
        if [LABEL_SMOOTHING, CLASS_WEIGHTS].contains(&name)
            && let Some(message) = without_classes(task)
        {
            faults.push(Fault::new(format!("{path}.name"), format!("{name} {message}")));
            continue;
        }
        match values {
            Whole(..) | Tokens if !is_whole(parameter) => {
                let message = format!("{name} takes whole numbers: use integer or discrete");
                faults.push(Fault::new(path, message));
            }
            Whole(min, max) => check_numbers(parameter, (Included(*min), Included(*max)), &path, faults),
            Tokens => {
                let least = f64::from(task.least_length());
                check_numbers(parameter, (Included(least), Included(4096.0)), &path, faults);
            }
            Numbers(min, max) => check_numbers(parameter, (*min, *max), &path, faults),
            Schedulers => check_words(parameter, unknown_scheduler, &path, faults),
            ClassWeights => check_words(parameter, |text| wrong_weights(text, task), &path, faults),
        }
    }
}

/// Why this task can't have what is for classes; `None`: it can.
pub(super) fn without_classes(task: Task) -> Option<String> {
    let message = || {
        format!(
            "is for tasks with classes, and {} has none: remove it",
            task.word()
        )
    };
    task.classes().is_none().then(message)
}

/// What is wrong with a text as the weights of a task's classes; `None`: nothing.
pub(super) fn wrong_weights(text: &str, task: Task) -> Option<String> {
    let n = task.classes()?;
    if text == "balanced" {
        return None;
    }
    let cure = || {
        let some: Vec<String> = (0..n).map(|i| (1.0 + 0.5 * i as f64).to_string()).collect();
        format!(
            "write balanced, or {n} numbers above 0 with commas between, such as {}",
            some.join(",")
        )
    };
    let is_weight = |part: &str| {
        let weight = part.trim().parse::<f64>();
        weight.is_ok_and(|weight| weight > 0.0 && weight <= MAX_WEIGHT)
    };
    let parts: Vec<&str> = text.split(',').collect();
    if let Some(wrong) = parts.iter().find(|part| !is_weight(part)) {
        return Some(format!(
            "{text:?}: {wrong:?} is not above 0 and at most {MAX_WEIGHT}: {}",
            cure()
        ));
    }
    let many = parts.len() != n;
    many.then(|| {
        format!(
            "{text:?} does not have a weight for each of the {n} classes of {}: {}",
            task.word(),
            cure()
        )
    })
}

fn unknown_scheduler(text: &str) -> Option<String> {
    let words = Scheduler::ALL.map(Scheduler::word);
    (!words.contains(&text)).then(|| {
        format!(
            "{text:?} is not a value of scheduler: choose among {}",
            words.join(", ")
        )
    })
}

fn check_words(
    parameter: &Parameter,
    wrong: impl Fn(&str) -> Option<String>,
    path: &str,
    faults: &mut Vec<Fault>,
) {
    let Domain::Categorical { values } = parameter.domain() else {
        let message = format!("{} takes words: use categorical", parameter.name());
        return faults.push(Fault::new(path, message));
    };
    for (j, text) in values.iter().enumerate() {
        if let Some(message) = wrong(text) {
            faults.push(Fault::new(format!("{path}.categorical.values[{j}]"), message));
        }
    }
}

fn check_numbers(
    parameter: &Parameter,
    range: (Bound<f64>, Bound<f64>),
    path: &str,
    faults: &mut Vec<Fault>,
) {
    for (field, text, x) in numbers(parameter.domain()) {
        if !range.contains(&x) {
            let message = format!(
                "{text} is not a value of {}: choose {}",
                parameter.name(),
                in_words(range)
            );
            faults.push(Fault::new(format!("{path}.{field}"), message));
        }
    }
}

/// The values of a domain, or those between which they lie: the field, as it is written there, the number. A word that is no
/// number is NaN, which is in no range.
pub(super) fn numbers(domain: &Domain) -> Vec<(String, String, f64)> {
    let end = |field: &str, text: String, x: f64| (field.to_owned(), text, x);
    match domain {
        Domain::Double { min, max, .. } => vec![
            end("double.min", min.to_string(), *min),
            end("double.max", max.to_string(), *max),
        ],
        Domain::Integer { min, max, .. } => vec![
            end("integer.min", min.to_string(), *min as f64),
            end("integer.max", max.to_string(), *max as f64),
        ],
        Domain::Discrete { values } => {
            let value = |(j, x): (usize, &f64)| (format!("discrete.values[{j}]"), x.to_string(), *x);
            values.iter().enumerate().map(value).collect()
        }
        Domain::Categorical { values } => {
            let value = |(j, text): (usize, &String)| {
                let x = text.parse().unwrap_or(f64::NAN);
                (format!("categorical.values[{j}]"), format!("{text:?}"), x)
            };
            values.iter().enumerate().map(value).collect()
        }
    }
}

fn in_words((min, max): (Bound<f64>, Bound<f64>)) -> String {
    let min = match min {
        Included(min) => format!("at least {min}"),
        Excluded(min) => format!("above {min}"),
        Bound::Unbounded => "any".into(),
    };
    match max {
        Included(max) => format!("{min} and at most {max}"),
        Excluded(max) => format!("{min} and below {max}"),
        Bound::Unbounded => min,
    }
}

fn is_whole(parameter: &Parameter) -> bool {
    match parameter.domain() {
        Domain::Integer { .. } => true,
        Domain::Discrete { values } => values.iter().all(|v| *v == v.trunc()),
        Domain::Double { .. } | Domain::Categorical { .. } => false,
    }
}

#[cfg(test)]
#[path = "bert_parameters_tests.rs"]
mod tests;
