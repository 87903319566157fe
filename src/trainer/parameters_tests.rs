//! Unit tests of `parameters`.

use super::*;
use crate::trainer::tasks::find;
use proptest::prelude::*;

fn defaults() -> Parameters {
    Parameters {
        learning_rate: 5e-5,
        batch_size: 32,
        epochs: 3,
        weight_decay: 0.01,
        warmup_ratio: 0.1,
        dropout: None,
        max_length: None,
        seed: 1,
        warmup_steps: 0,
        gradient_accumulation_steps: 1,
        max_grad_norm: 1.0,
        scheduler: Scheduler::Linear,
        label_smoothing: 0.0,
        class_weights: None,
        eval_every: 0,
    }
}

fn from_env(pairs: &[(&str, &str)]) -> Result<Parameters> {
    for_task("mrpc", pairs)
}

fn for_task(task: &str, pairs: &[(&str, &str)]) -> Result<Parameters> {
    let env: Vec<_> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    defaults().overridden(None, &env, find(task).unwrap())
}

#[test]
fn the_environment_wins() {
    let set = from_env(&[
        ("TUNING_PARAM_LEARNING_RATE", "6.47e-05"),
        ("TUNING_PARAM_EPOCHS", "2.0"),
        ("TUNING_PARAM_DROPOUT", "0.2"),
        ("TUNING_TRIAL", "job-0001"),
    ]);
    let expected = Parameters {
        learning_rate: 6.47e-5,
        epochs: 2,
        dropout: Some(0.2),
        max_length: Some(128),
        ..defaults()
    };
    assert_eq!(set, Ok(expected));
}

#[test]
fn every_name_that_is_promised_can_be_set() {
    for name in NAMES {
        let key = format!("{PREFIX}{}", name.to_uppercase());
        let value = match name {
            "scheduler" => "cosine",
            "class_weights" => "1,2",
            "batch_size" | "epochs" | "max_length" | "seed" | "warmup_steps" => "9",
            "gradient_accumulation_steps" | "eval_every" => "9",
            _ => "0.5",
        };
        let set = from_env(&[(&key, value)]).unwrap();
        assert_ne!(set, from_env(&[]).unwrap(), "{name} has no effect");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (key, value, part) in [
        ("TUNING_PARAM_MOMENTUM", "0.9", "learning_rate, batch_size"),
        ("TUNING_PARAM_EPOCHS", "2.5", "epochs"),
        ("TUNING_PARAM_EPOCHS", "1001", "from 0 to 1000"),
        ("TUNING_PARAM_SCHEDULER", "step", "linear, cosine or constant"),
        ("TUNING_PARAM_CLASS_WEIGHTS", "1,2,3", "2 classes"),
        ("TUNING_PARAM_CLASS_WEIGHTS", "even", "balanced"),
        ("TUNING_PARAM_LABEL_SMOOTHING", "1", "below 1"),
        ("TUNING_PARAM_MAX_GRAD_NORM", "-1", "from 0"),
        ("TUNING_PARAM_GRADIENT_ACCUMULATION_STEPS", "0", "from 1"),
        ("TUNING_PARAM_LEARNING_RATE", "fast", "\"fast\""),
        ("TUNING_PARAM_LEARNING_RATE", "nan", "learning_rate"),
        ("TUNING_PARAM_DROPOUT", "1", "below 1"),
    ] {
        let failure = from_env(&[(key, value)]).unwrap_err();
        assert_eq!(failure.code(), 42);
        assert!(failure.to_string().contains(part), "{failure}");
    }
}

#[test]
fn a_task_says_what_nobody_has_said_and_refuses_what_it_has_no_use_for() {
    assert_eq!(for_task("squad", &[]).unwrap().max_length(), 384);
    for (task, key, value, part) in [
        (
            "squad",
            "TUNING_PARAM_MAX_LENGTH",
            "64",
            "squad needs at least 100",
        ),
        (
            "squad",
            "TUNING_PARAM_LABEL_SMOOTHING",
            "0.1",
            "squad has no classes",
        ),
        ("stsb", "TUNING_PARAM_CLASS_WEIGHTS", "balanced", "no classes"),
        ("mnli", "TUNING_PARAM_CLASS_WEIGHTS", "1,2", "3 classes"),
    ] {
        let failure = for_task(task, &[(key, value)]).unwrap_err();
        assert_eq!(failure.code(), 42);
        assert!(failure.to_string().contains(part), "{failure}");
    }
}

#[test]
fn a_foreign_value_is_told_in_short() {
    let long = "9".repeat(100_000) + "x";
    let failure = from_env(&[("TUNING_PARAM_EPOCHS", &long)]).unwrap_err();
    assert!(failure.to_string().len() < 300, "{}", failure.to_string().len());
}

#[test]
fn a_state_of_an_earlier_version_has_the_values_that_it_was_trained_with() {
    let state = r#"{"learning_rate": 5e-05, "batch_size": 32, "epochs": 3, "weight_decay": 0.01, "warmup_ratio": 0.1,
        "dropout": null, "max_length": 128, "seed": 1}"#;
    assert_eq!(
        serde_json::from_str::<Parameters>(state).unwrap(),
        from_env(&[]).unwrap()
    );
}

#[test]
fn steps_of_warm_up_win_over_their_share() {
    assert_eq!(from_env(&[]).unwrap().n_warmup(345), 35);
    assert_eq!(
        from_env(&[("TUNING_PARAM_WARMUP_STEPS", "7")])
            .unwrap()
            .n_warmup(345),
        7
    );
}

proptest! {
    #[test]
    fn whatever_a_tuner_sends_is_within_its_range_or_refused_in_short(
        name in proptest::sample::select(NAMES.to_vec()), value in "[-0-9e.,a-z ]{0,12}",
    ) {
        match from_env(&[(&format!("{PREFIX}{}", name.to_uppercase()), &value)]) {
            Ok(set) => prop_assert!(set.ranges().iter().all(|(_, value, range)| range.holds(*value))),
            Err(failure) => {
                prop_assert_eq!(failure.code(), 42);
                prop_assert!(failure.to_string().len() < 400);
            }
        }
    }
}
