//! Unit tests of `bert_parameters`.

use super::*;
use crate::space::Scale;

fn double(min: f64, max: f64) -> Domain {
    let scale = Scale::Linear;
    Domain::Double { min, max, scale }
}

fn integer(min: i64, max: i64) -> Domain {
    let (step, scale) = (1, Scale::Linear);
    Domain::Integer {
        min,
        max,
        step,
        scale,
    }
}

fn discrete(values: &[f64]) -> Domain {
    let values = values.to_vec();
    Domain::Discrete { values }
}

fn words(values: &[&str]) -> Domain {
    let values = values.iter().map(|text| (*text).to_owned()).collect();
    Domain::Categorical { values }
}

/// What is wrong with a parameter of this task.
fn faults(task: Task, name: &str, domain: Domain) -> Vec<String> {
    let parameter = Parameter::new(name, domain).unwrap();
    let space = SearchSpace::new(vec![parameter]).unwrap();
    let mut faults = Vec::new();
    check_parameters(&space, task, &mut faults);
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn every_name_has_values_that_are_allowed() {
    for (name, values) in PARAMETERS {
        let domain = match values {
            Numbers(..) => double(0.1, 0.9),
            Whole(min, max) => integer(min as i64, max as i64),
            Tokens => integer(8, 4096),
            Schedulers => words(&["linear", "cosine", "constant"]),
            ClassWeights => words(&["balanced", "1,1", "1,2.5"]),
        };
        assert_eq!(faults(Task::Mrpc, name, domain), Vec::<String>::new(), "{name}");
    }
    // Numbers may also be listed as words.
    let listed = words(&["1e-5", "3e-5"]);
    assert_eq!(faults(Task::Mrpc, "learning_rate", listed), Vec::<String>::new());
}

#[test]
fn each_value_that_the_trainer_would_refuse_is_named_with_its_field() {
    let rate = "is not a value of learning_rate: choose above 0 and at most 1";
    for (name, domain, expected) in [
        ("learning_rate", double(0.0, 1e-3), format!("double.min: 0 {rate}")),
        ("learning_rate", double(1e-5, 2.0), format!("double.max: 2 {rate}")),
        (
            "learning_rate",
            discrete(&[0.0, 1e-5]),
            format!("discrete.values[0]: 0 {rate}"),
        ),
        (
            "learning_rate",
            words(&["1e-5", "fast"]),
            format!("categorical.values[1]: \"fast\" {rate}"),
        ),
        (
            "dropout",
            double(0.0, 1.0),
            "double.max: 1 is not a value of dropout: choose at least 0 and below 1".into(),
        ),
        (
            "max_length",
            discrete(&[4.0, 64.0]),
            "discrete.values[0]: 4 is not a value of max_length: choose at least 8 and at most 4096".into(),
        ),
        (
            "epochs",
            integer(0, 3),
            "integer.min: 0 is not a value of epochs: choose at least 1 and at most 1000".into(),
        ),
        (
            "scheduler",
            words(&["linear", "poly"]),
            "categorical.values[1]: \"poly\" is not a value of scheduler: choose among linear, cosine, constant"
                .into(),
        ),
        (
            "class_weights",
            words(&["balanced", "1,2,3"]),
            "categorical.values[1]: \"1,2,3\" does not have a weight for each of the 2 classes of mrpc: write balanced, or \
             2 numbers above 0 with commas between, such as 1,1.5"
                .into(),
        ),
    ] {
        assert_eq!(
            faults(Task::Mrpc, name, domain),
            [format!("spec.parameters[0].{expected}")]
        );
    }
}

#[test]
fn a_question_needs_room_beside_its_text() {
    assert_eq!(
        faults(Task::Squad, "max_length", discrete(&[100.0, 384.0])),
        Vec::<String>::new()
    );
    assert_eq!(
        faults(Task::Squad, "max_length", integer(64, 384)),
        [
            "spec.parameters[0].integer.min: 64 is not a value of max_length: choose at least 100 and at most 4096"
        ]
    );
}

#[test]
fn kinds_of_values_are_those_of_the_parameter() {
    for (name, domain, says) in [
        (
            "batch_size",
            double(1.0, 9.0),
            "batch_size takes whole numbers: use integer or discrete",
        ),
        (
            "warmup_steps",
            discrete(&[0.5, 1.0]),
            "warmup_steps takes whole numbers: use integer or discrete",
        ),
        (
            "scheduler",
            integer(1, 3),
            "scheduler takes words: use categorical",
        ),
        (
            "class_weights",
            double(1.0, 2.0),
            "class_weights takes words: use categorical",
        ),
    ] {
        assert_eq!(
            faults(Task::Mrpc, name, domain),
            [format!("spec.parameters[0]: {says}")]
        );
    }
}

#[test]
fn names_that_mean_nothing_are_refused() {
    let unknown = faults(Task::Mrpc, "depth", integer(1, 9));
    let says = "spec.parameters[0].name: \"depth\" is not a parameter of bert, which knows learning_rate, batch_size, ";
    assert!(unknown.len() == 1 && unknown[0].starts_with(says), "{unknown:#?}");
    for task in [Task::Squad, Task::Stsb] {
        let word = task.word();
        for (name, domain) in [
            ("label_smoothing", double(0.0, 0.3)),
            ("class_weights", words(&["1", "2"])),
        ] {
            assert_eq!(
                faults(task, name, domain),
                [format!(
                    "spec.parameters[0].name: {name} is for tasks with classes, and {word} has none: remove it"
                )]
            );
        }
    }
}

#[test]
fn weights_of_classes_are_above_zero_bounded_and_as_many_as_the_classes() {
    for task in Task::ALL {
        let Some(n) = task.classes() else { continue };
        let list = |n: usize| vec!["0.5"; n].join(",");
        assert_eq!(wrong_weights("balanced", task), None);
        assert_eq!(wrong_weights(&list(n).replace(',', ", "), task), None);
        assert!(wrong_weights(&list(n - 1), task).is_some());
        assert!(wrong_weights(&list(n + 1), task).is_some());
    }
    for text in [
        "", "1", "1,", "1,0", "1,-1", "1,nan", "1,inf", "1,2e6", "1 2", "Balanced",
    ] {
        assert!(wrong_weights(text, Task::Mrpc).is_some(), "{text:?}");
    }
}
