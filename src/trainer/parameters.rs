//! The hyperparameters: flags, whose place a tuner's values take.

use super::{Failure, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Names that may be tuned.
const NAMES: [&str; 8] = [
    "learning_rate",
    "batch_size",
    "epochs",
    "weight_decay",
    "warmup_ratio",
    "dropout",
    "max_length",
    "seed",
];

/// Prefix of the environment variables that carry a parameter.
const PREFIX: &str = "TUNING_PARAM_";

/// Everything about a trial that a tuner may choose. The help lists it in another order than a run's state and log do.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameters {
    /// Highest learning rate of the schedule
    #[arg(long, value_name = "RATE", default_value_t = 5e-5, display_order = 6)]
    pub(super) learning_rate: f64,
    /// Pairs in a training step
    #[arg(long, value_name = "N", default_value_t = 32, display_order = 4)]
    pub(super) batch_size: u32,
    /// Passes over the training data
    #[arg(long, value_name = "N", default_value_t = 3, display_order = 3)]
    pub(super) epochs: u32,
    /// AdamW's weight decay; never on biases and LayerNorm weights
    #[arg(long, value_name = "W", default_value_t = 0.01, display_order = 7)]
    pub(super) weight_decay: f64,
    /// Share of the steps in which the learning rate rises
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, display_order = 8)]
    pub(super) warmup_ratio: f64,
    /// Dropout everywhere in place of what config.json says
    #[arg(long, value_name = "P", display_order = 9)]
    pub(super) dropout: Option<f64>,
    /// Tokens after which a pair is cut off
    #[arg(long, value_name = "N", default_value_t = 128, display_order = 5)]
    pub(super) max_length: u32,
    /// Seed of the head, the order of the data and dropout
    #[arg(long, value_name = "N", default_value_t = 1, display_order = 10)]
    pub(super) seed: u64,
}

impl Parameters {
    /// Takes the values of the parameters file, if there is one, then those of the environment.
    ///
    /// # Errors
    /// A file that cannot be read or is no object, a name that is not in [`NAMES`], a value of the wrong kind.
    pub(super) fn overridden(mut self, file: Option<&Path>, env: &[(String, String)]) -> Result<Self> {
        if let Some(path) = file {
            for (name, value) in read_file(path)? {
                self.set(&name, &as_text(&value), &path.display().to_string())?;
            }
        }
        for (key, value) in env {
            if let Some(name) = key.strip_prefix(PREFIX) {
                self.set(&name.to_lowercase(), value, key)?;
            }
        }
        self.checked()
    }

    fn set(&mut self, name: &str, value: &str, place: &str) -> Result<()> {
        let wrong = |kind: &str| {
            Failure::Configuration(format!(
                "{place}: {name} is {value:?}, which is not {kind}; correct it"
            ))
        };
        let number = || value.trim().parse::<f64>().map_err(|_| wrong("a number"));
        let whole = |most: f64| {
            let number = number()?;
            let fits = number.fract() == 0.0 && (0.0..=most).contains(&number);
            if fits {
                Ok(number)
            } else {
                Err(wrong("a whole number that is not negative"))
            }
        };
        match name {
            "learning_rate" => self.learning_rate = number()?,
            "weight_decay" => self.weight_decay = number()?,
            "warmup_ratio" => self.warmup_ratio = number()?,
            "dropout" => self.dropout = Some(number()?),
            "batch_size" => self.batch_size = whole(f64::from(u32::MAX))? as u32,
            "epochs" => self.epochs = whole(f64::from(u32::MAX))? as u32,
            "max_length" => self.max_length = whole(f64::from(u32::MAX))? as u32,
            "seed" => self.seed = whole((1_u64 << 53) as f64)? as u64,
            _ => {
                return Err(Failure::Configuration(format!(
                    "{place}: bert-trainer has no parameter {name:?}; rename it to one of {}",
                    NAMES.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// The same, if every value is within its range.
    ///
    /// # Errors
    /// Names the parameter, its value and its range.
    pub(super) fn checked(self) -> Result<Self> {
        let require = |holds: bool, name: &str, value: &dyn std::fmt::Display, range: &str| {
            let sentence = || format!("{name} is {value}; choose a value {range}");
            if holds {
                Ok(())
            } else {
                Err(Failure::Configuration(sentence()))
            }
        };
        let lr = self.learning_rate;
        require(
            lr > 0.0 && lr <= 1.0,
            "learning_rate",
            &lr,
            "above 0 and at most 1",
        )?;
        let decay = self.weight_decay;
        require(
            (0.0..=10.0).contains(&decay),
            "weight_decay",
            &decay,
            "from 0 to 10",
        )?;
        require(
            (0.0..=1.0).contains(&self.warmup_ratio),
            "warmup_ratio",
            &self.warmup_ratio,
            "from 0 to 1",
        )?;
        let dropout = self.dropout.unwrap_or(0.0);
        require(
            (0.0..1.0).contains(&dropout),
            "dropout",
            &dropout,
            "from 0 to below 1",
        )?;
        require(
            (1..=4096).contains(&self.batch_size),
            "batch_size",
            &self.batch_size,
            "from 1 to 4096",
        )?;
        require(
            (1..=1000).contains(&self.epochs),
            "epochs",
            &self.epochs,
            "from 1 to 1000",
        )?;
        require(
            (8..=4096).contains(&self.max_length),
            "max_length",
            &self.max_length,
            "from 8 to 4096",
        )?;
        Ok(self)
    }
}

fn read_file(path: &Path) -> Result<serde_json::Map<String, Value>> {
    let refuse = |said: String| Failure::Configuration(format!("parameters file {}: {said}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|fault| {
        refuse(format!(
            "it cannot be read ({fault}); correct TUNING_PARAMETERS_FILE"
        ))
    })?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(refuse(
            "it is no JSON object; write {\"learning_rate\": 5e-5}".into(),
        )),
        Err(fault) => Err(refuse(format!(
            "it is not JSON ({fault}); write {{\"learning_rate\": 5e-5}}"
        ))),
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
