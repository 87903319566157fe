//! What a tuner may choose about a trial, and from where it comes: flags, a file, the environment, in rising order of weight.

use super::class_weights::ClassWeights;
use super::excerpt::excerpt;
use super::schedule::{Scheduler, warmup_steps};
use super::task::Task;
use super::{Failure, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::path::Path;

/// Names that may be tuned.
pub(super) const NAMES: [&str; 15] = [
    "learning_rate",
    "batch_size",
    "epochs",
    "weight_decay",
    "warmup_ratio",
    "warmup_steps",
    "dropout",
    "max_length",
    "gradient_accumulation_steps",
    "max_grad_norm",
    "scheduler",
    "label_smoothing",
    "class_weights",
    "eval_every",
    "seed",
];

/// Prefix of the environment variables that carry a parameter.
const PREFIX: &str = "TUNING_PARAM_";

/// Everything about a trial that a tuner may choose. The help lists it in another order than a run's state and log do. States are
/// older than the values after `seed`.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameters {
    /// Highest learning rate of the schedule
    #[arg(long, value_name = "RATE", default_value_t = 5e-5, display_order = 6)]
    pub(super) learning_rate: f64,
    /// Examples in a training step, or in each part of one with --gradient-accumulation-steps
    #[arg(long, value_name = "N", default_value_t = 32, display_order = 4)]
    pub(super) batch_size: u32,
    /// Passes over the training data; 0: only evaluate
    #[arg(long, value_name = "N", default_value_t = 3, display_order = 3)]
    pub(super) epochs: u32,
    /// AdamW's weight decay; never on biases and LayerNorm weights
    #[arg(long, value_name = "W", default_value_t = 0.01, display_order = 7)]
    pub(super) weight_decay: f64,
    /// Share of the steps in which the learning rate rises, rounded up to whole steps
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, display_order = 8)]
    pub(super) warmup_ratio: f64,
    /// Dropout everywhere in place of what config.json says
    #[arg(long, value_name = "P", display_order = 9)]
    pub(super) dropout: Option<f64>,
    /// Tokens after which an example is cut off, or a text of squad into windows [default: 128; squad: 384]
    #[arg(long, value_name = "N", display_order = 5)]
    pub(super) max_length: Option<u32>,
    /// Seed of the head, the order of the data and dropout
    #[arg(long, value_name = "N", default_value_t = 1, display_order = 10)]
    pub(super) seed: u64,
    /// Steps in which the learning rate rises, in place of --warmup-ratio; 0: as that says
    #[arg(long, value_name = "N", default_value_t = 0, display_order = 8)]
    #[serde(default)]
    pub(super) warmup_steps: u32,
    /// Parts of --batch-size examples that are computed one after the other in a step
    #[arg(long, value_name = "N", default_value_t = 1, display_order = 4)]
    #[serde(default = "one")]
    pub(super) gradient_accumulation_steps: u32,
    /// Longest gradient, to which longer ones are scaled down; 0: any
    #[arg(long, value_name = "NORM", default_value_t = 1.0, display_order = 7)]
    #[serde(default = "full")]
    pub(super) max_grad_norm: f64,
    /// What the learning rate does after its rise
    #[arg(long, value_enum, default_value_t, display_order = 8)]
    #[serde(default)]
    pub(super) scheduler: Scheduler,
    /// Share of each label that is spread over all classes while training; of tasks with classes
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, display_order = 9)]
    #[serde(default)]
    pub(super) label_smoothing: f64,
    /// How much each class counts while training: balanced, or a number for each class with commas between
    #[arg(long, value_name = "WEIGHTS", display_order = 9)]
    #[serde(default)]
    pub(super) class_weights: Option<ClassWeights>,
    /// Evaluate each N steps too; 0: after each epoch only
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[serde(skip)]
    pub(super) eval_every: u32,
}

fn one() -> u32 {
    1
}

fn full() -> f64 {
    1.0
}

impl Parameters {
    /// Takes the values of the parameters file, if there is one, then those of the environment, and the task's own for what nobody
    /// has said.
    ///
    /// # Errors
    /// A file that cannot be read or is no object, a name that is not in [`NAMES`], a value that cannot be used.
    pub(super) fn overridden(
        mut self,
        file: Option<&Path>,
        env: &[(String, String)],
        task: &dyn Task,
    ) -> Result<Self> {
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
        self.max_length.get_or_insert_with(|| task.max_length());
        self.check(task)?;
        Ok(self)
    }

    fn set(&mut self, name: &str, value: &str, place: &str) -> Result<()> {
        let wrong = |kind: &str| {
            Failure::Configuration(format!(
                "{place}: {name} is {}, which is not {kind}; correct it",
                excerpt(value)
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
        let count = || whole(f64::from(u32::MAX)).map(|number| number as u32);
        match name {
            "learning_rate" => self.learning_rate = number()?,
            "weight_decay" => self.weight_decay = number()?,
            "warmup_ratio" => self.warmup_ratio = number()?,
            "dropout" => self.dropout = Some(number()?),
            "max_grad_norm" => self.max_grad_norm = number()?,
            "label_smoothing" => self.label_smoothing = number()?,
            "batch_size" => self.batch_size = count()?,
            "epochs" => self.epochs = count()?,
            "max_length" => self.max_length = Some(count()?),
            "warmup_steps" => self.warmup_steps = count()?,
            "gradient_accumulation_steps" => self.gradient_accumulation_steps = count()?,
            "eval_every" => self.eval_every = count()?,
            "seed" => self.seed = whole((1_u64 << 53) as f64)? as u64,
            "scheduler" => {
                let scheduler = Scheduler::from_str(value.trim(), false);
                self.scheduler = scheduler.map_err(|_| wrong("linear, cosine or constant"))?;
            }
            "class_weights" => {
                let weights = value.parse();
                self.class_weights = Some(weights.map_err(|cure: String| wrong(&format!("usable: {cure}")))?);
            }
            _ => {
                return Err(Failure::Configuration(format!(
                    "{place}: bert-trainer has no parameter {}; rename it to one of {}",
                    excerpt(name),
                    NAMES.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Every value is within its range, and one that the task can use.
    ///
    /// # Errors
    /// Names the parameter, its value and its range.
    fn check(&self, task: &dyn Task) -> Result<()> {
        let wrong = self
            .ranges()
            .into_iter()
            .find(|(_, value, range)| !range.holds(*value));
        if let Some((name, value, range)) = wrong {
            return Err(Failure::Configuration(format!(
                "{name} is {value}; choose a value {range}"
            )));
        }
        let refuse = |name: &str, value: &dyn fmt::Display, why: String| {
            Err(Failure::Configuration(format!("{name} is {value}, but {why}")))
        };
        if let Err(why) = task.check_max_length(self.max_length()) {
            return refuse("max_length", &self.max_length(), why);
        }
        if self.label_smoothing > 0.0 && task.n_classes().is_none() {
            let why = format!("{} has no classes; leave it out", task.name());
            return refuse("label_smoothing", &self.label_smoothing, why);
        }
        match &self.class_weights {
            Some(weights) => match weights.check(task.n_classes()) {
                Err(why) => refuse("class_weights", weights, why),
                Ok(()) => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Every number by its name, and its range.
    fn ranges(&self) -> [(&'static str, f64, Range); 12] {
        use Range::{Above, Below, Within};
        [
            ("learning_rate", self.learning_rate, Above(0.0, 1.0)),
            ("weight_decay", self.weight_decay, Within(0.0, 10.0)),
            ("warmup_ratio", self.warmup_ratio, Within(0.0, 1.0)),
            ("warmup_steps", self.warmup_steps.into(), Within(0.0, 1e9)),
            ("dropout", self.dropout.unwrap_or(0.0), Below(0.0, 1.0)),
            ("batch_size", self.batch_size.into(), Within(1.0, 4096.0)),
            (
                "gradient_accumulation_steps",
                self.gradient_accumulation_steps.into(),
                Within(1.0, 4096.0),
            ),
            ("max_grad_norm", self.max_grad_norm, Within(0.0, 1e6)),
            ("label_smoothing", self.label_smoothing, Below(0.0, 1.0)),
            ("epochs", self.epochs.into(), Within(0.0, 1000.0)),
            ("max_length", self.max_length().into(), Within(8.0, 4096.0)),
            ("seed", self.seed as f64, Within(0.0, (1_u64 << 53) as f64)),
        ]
    }

    /// Tokens after which an example is cut off.
    pub(super) fn max_length(&self) -> u32 {
        self.max_length.unwrap_or_default()
    }

    /// Examples in a training step.
    pub(super) fn step_size(&self) -> usize {
        self.batch_size as usize * self.gradient_accumulation_steps as usize
    }

    /// Steps of the warm-up in a run of `n_steps`.
    pub(super) fn n_warmup(&self, n_steps: u64) -> u64 {
        match self.warmup_steps {
            0 => warmup_steps(self.warmup_ratio, n_steps),
            steps => u64::from(steps),
        }
    }
}

/// Which numbers may be chosen, by the least and the most.
#[derive(Clone, Copy)]
enum Range {
    /// Both among them.
    Within(f64, f64),
    /// Without the least.
    Above(f64, f64),
    /// Without the most.
    Below(f64, f64),
}

impl Range {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Within(least, most) => (least..=most).contains(&value),
            Self::Above(least, most) => value > least && value <= most,
            Self::Below(least, most) => (least..most).contains(&value),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(least, most) => write!(f, "from {least} to {most}"),
            Self::Above(least, most) => write!(f, "above {least} and at most {most}"),
            Self::Below(least, most) => write!(f, "from {least} to below {most}"),
        }
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
