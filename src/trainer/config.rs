//! What one trial is to do, checked: nothing later asks again whether a value makes sense.

use super::arguments::Arguments;
use super::device;
use super::parameters::Parameters;
use super::{Failure, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tch::{Device, Kind};

/// Where Kubernetes reads a container's last words by default.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Arithmetic of the matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// bfloat16 products and activations over weights in 32 bits.
    Bf16,
    /// 32 bits throughout.
    Fp32,
}

impl Precision {
    /// Element type of activations and working weights.
    pub fn kind(self) -> Kind {
        match self {
            Self::Bf16 => Kind::BFloat16,
            Self::Fp32 => Kind::Float,
        }
    }

    /// What this becomes on `device`: a processor without bfloat16 instructions emulates each product, a hundred times
    /// slower than in 32 bits, so there bf16 becomes fp32, which is also the more exact.
    pub fn on(self, device: Device) -> Self {
        if self == Self::Bf16 && device == Device::Cpu && !device::multiplies_bf16() {
            Self::Fp32
        } else {
            self
        }
    }

    /// The sentence that goes with it.
    fn note_on(self, device: Device) -> Option<&'static str> {
        (self.on(device) != self).then_some(
            "bf16 was asked for, but this processor has no instructions for it and would take a hundred times as long: \
             computing in fp32, which is also more exact",
        )
    }

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Fp32 => "fp32",
        }
    }
}

/// One trial's orders.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the trial, for the log.
    pub trial: String,
    /// Folder of the checkpoint.
    pub model: PathBuf,
    /// Folder of the data.
    pub data: PathBuf,
    /// What a tuner may choose.
    pub parameters: Parameters,
    /// Arithmetic of the matrix products, as the device can do it.
    pub precision: Precision,
    /// A sentence for the log, where that is not what was asked for.
    pub precision_note: Option<&'static str>,
    /// Where to compute.
    pub device: Device,
    /// Threads to compute with, at least 1.
    pub threads: u32,
    /// Steps between evaluations; `None`: after each epoch only.
    pub eval_every: Option<u64>,
    /// Steps between lines of progress; `None`: none.
    pub log_every: Option<u64>,
    /// When the state is saved.
    pub saves: Saves,
    /// Folder for the state.
    pub checkpoint_dir: Option<PathBuf>,
    /// Folder for the report.
    pub output_dir: Option<PathBuf>,
    /// Port of the metrics.
    pub metrics_port: Option<u16>,
    /// File for the report as Kubernetes reads it.
    pub termination_message: Option<PathBuf>,
}

/// When the state of a run is saved; in any case when it is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saves {
    /// Then only.
    WhenStopped,
    /// Each so long.
    Every(Duration),
    /// Each [`Saves::LEAST`], or less often where saving would take more than a hundredth of the time.
    Seldom,
}

impl Saves {
    /// Least time between two saves that nobody has asked for.
    pub const LEAST: Duration = Duration::from_secs(30);

    /// Whether it is time, so long after the last save, which took so long.
    pub fn are_due(self, since: Duration, took: Duration) -> bool {
        match self {
            Self::WhenStopped => false,
            Self::Every(interval) => since >= interval,
            Self::Seldom => since >= Self::LEAST.max(100 * took),
        }
    }
}

impl Config {
    /// The orders that the command line gives, with the tuner's parameters in `env` over its flags.
    ///
    /// # Errors
    /// A parameter, device or folder that cannot be used.
    pub fn new(arguments: Arguments, env: &[(String, String)]) -> Result<Self> {
        let flags = Parameters {
            learning_rate: arguments.learning_rate,
            batch_size: arguments.batch_size,
            epochs: arguments.epochs,
            weight_decay: arguments.weight_decay,
            warmup_ratio: arguments.warmup_ratio,
            dropout: arguments.dropout,
            max_length: arguments.max_length,
            seed: arguments.seed,
        };
        let device = device::choose(&arguments.device)?;
        let asked = if arguments.precision == "fp32" {
            Precision::Fp32
        } else {
            Precision::Bf16
        };
        let saves = match arguments.checkpoint_minutes {
            None => Saves::Seldom,
            Some(0.0) => Saves::WhenStopped,
            Some(minutes) if (0.0..=1e6).contains(&minutes) => {
                Saves::Every(Duration::from_secs_f64(minutes * 60.0))
            }
            Some(minutes) => {
                let sentence = format!("--checkpoint-minutes is {minutes}; choose a value from 0 to 1000000");
                return Err(Failure::Configuration(sentence));
            }
        };
        if !(1..=1024).contains(&arguments.threads) {
            let sentence = format!(
                "--threads is {}; choose a value from 1 to 1024",
                arguments.threads
            );
            return Err(Failure::Configuration(sentence));
        }
        Ok(Self {
            trial: arguments.trial,
            model: folder(arguments.model, "--model", Failure::Model)?,
            data: folder(arguments.data, "--data", Failure::Data)?,
            parameters: flags.overridden(arguments.parameters_file.as_deref(), env)?,
            precision: asked.on(device),
            // Who leaves the choice open is not surprised by it.
            precision_note: asked.note_on(device).filter(|_| arguments.precision == "bf16"),
            device,
            threads: arguments.threads,
            eval_every: (arguments.eval_every > 0).then_some(arguments.eval_every),
            log_every: (arguments.log_every > 0).then_some(arguments.log_every),
            saves,
            checkpoint_dir: arguments.checkpoint_dir,
            output_dir: arguments.output_dir,
            metrics_port: (arguments.metrics_port > 0).then_some(arguments.metrics_port),
            termination_message: arguments.termination_message.or_else(default_message),
        })
    }
}

fn folder(path: PathBuf, flag: &str, failure: fn(String) -> Failure) -> Result<PathBuf> {
    if path.is_dir() {
        return Ok(path);
    }
    let why = if path.exists() {
        "is not a folder"
    } else {
        "does not exist"
    };
    Err(failure(format!(
        "{}: the folder that {flag} names {why}; correct the path",
        path.display()
    )))
}

/// Kubernetes makes this file; elsewhere nobody would read it.
fn default_message() -> Option<PathBuf> {
    let path = Path::new(TERMINATION_LOG);
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .ok()
        .map(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_takes_a_hundredth_of_the_time_at_most() {
        let seconds = Duration::from_secs;
        assert!(!Saves::Seldom.are_due(seconds(29), seconds(0)));
        assert!(Saves::Seldom.are_due(seconds(30), Duration::from_millis(300)));
        assert!(!Saves::Seldom.are_due(seconds(199), seconds(2)));
        assert!(Saves::Seldom.are_due(seconds(200), seconds(2)));
        assert!(!Saves::WhenStopped.are_due(seconds(100_000), seconds(0)));
    }
}
