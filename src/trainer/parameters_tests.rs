//! Unit tests of `parameters`.

use super::*;

fn defaults() -> Parameters {
    Parameters {
        learning_rate: 5e-5,
        batch_size: 32,
        epochs: 3,
        weight_decay: 0.01,
        warmup_ratio: 0.1,
        dropout: None,
        max_length: 128,
        seed: 1,
    }
}

fn from_env(pairs: &[(&str, &str)]) -> Result<Parameters> {
    let env: Vec<_> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    defaults().overridden(None, &env)
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
        ..defaults()
    };
    assert_eq!(set, Ok(expected));
}

#[test]
fn every_name_that_is_promised_can_be_set() {
    for name in NAMES {
        let key = format!("{PREFIX}{}", name.to_uppercase());
        let value = if ["batch_size", "epochs", "max_length", "seed"].contains(&name) {
            "9"
        } else {
            "0.5"
        };
        let set = from_env(&[(&key, value)]).unwrap();
        assert_ne!(set, defaults(), "{name} has no effect");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (key, value, part) in [
        ("TUNING_PARAM_MOMENTUM", "0.9", "learning_rate, batch_size"),
        ("TUNING_PARAM_EPOCHS", "2.5", "epochs"),
        ("TUNING_PARAM_EPOCHS", "0", "from 1 to 1000"),
        ("TUNING_PARAM_LEARNING_RATE", "fast", "\"fast\""),
        ("TUNING_PARAM_LEARNING_RATE", "nan", "learning_rate"),
        ("TUNING_PARAM_DROPOUT", "1", "below 1"),
    ] {
        let failure = from_env(&[(key, value)]).unwrap_err();
        assert_eq!(failure.code(), 42);
        assert!(failure.to_string().contains(part), "{failure}");
    }
}
