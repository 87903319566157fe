//! From a trial to the program that runs it: arguments and environment by the trial contract.

use crate::api::{BertSpec, Device, TrialSpec};
use crate::contract::{Parameters, variables};
use crate::tuning::{Job, Trial};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to the environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Content of the file that holds the parameters.
    pub parameters: String,
}

/// What a launch depends on beside the trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place<'a> {
    /// The trial's own folder.
    pub trial_dir: &'a Path,
    /// Where relative paths and programs of the manifest are looked for: the manifest's folder.
    pub base: &'a Path,
    /// The built-in fine-tuner.
    pub trainer: &'a Path,
    /// Threads that a trial may use.
    pub threads: usize,
    /// What a model has to beat to be kept; `None`: any is.
    pub bar: Option<f64>,
    /// GPUs that it computes on, as CUDA names them; empty: it may look for itself.
    pub gpus: &'a str,
    /// Port on which the trial's metrics are expected; `None`: nobody asks.
    pub metrics_port: Option<u16>,
}

/// The program that runs this trial.
pub(super) fn launch(
    job: &Job,
    resource_name: Option<&str>,
    spec: &TrialSpec,
    trial: &Trial,
    place: &Place,
) -> Launch {
    let parameters = Parameters::of(job, trial, resource_name).with_bar(place.bar);
    let fill = |text: &String| parameters.fill(text);
    let mut argv: Vec<String> = match (&spec.bert, &spec.command, &spec.container) {
        (Some(bert), ..) => bert_command(bert, &parameters, place),
        (_, Some(command), _) => command.iter().map(fill).collect(),
        (.., Some(container)) => container
            .command
            .iter()
            .chain(&container.args)
            .map(fill)
            .collect(),
        _ => Vec::new(),
    };
    let program = if argv.is_empty() {
        PathBuf::new()
    } else {
        resolve_program(&argv.remove(0), place.base)
    };
    let mut env: BTreeMap<String, String> = thread_limits(place.threads);
    // Into a pipe, Python would keep its lines back by the thousand: a metric is to be heard when it is printed.
    env.insert("PYTHONUNBUFFERED".into(), "1".into());
    env.extend(spec.env.iter().map(|e| (e.name.clone(), fill(&e.value))));
    env.extend(contract(job, trial, place));
    env.extend(parameters.env());
    Launch {
        program,
        args: argv,
        env,
        folder: place.base.to_owned(),
        parameters: parameters.json(),
    }
}

/// What section "trial contract" of the documentation promises to every program, but for the parameters.
fn contract(job: &Job, trial: &Trial, place: &Place) -> BTreeMap<String, String> {
    let file = |name: &str| place.trial_dir.join(name).display().to_string();
    let mut env = BTreeMap::from([
        (variables::TRIAL.to_owned(), job.trial_name(trial.index)),
        (variables::PARAMETERS_FILE.to_owned(), file("parameters.json")),
        (variables::CHECKPOINT_DIR.to_owned(), file("checkpoint")),
        (
            variables::OUTPUT_DIR.to_owned(),
            place.trial_dir.display().to_string(),
        ),
        (variables::THREADS.to_owned(), place.threads.to_string()),
    ]);
    let visible = (!place.gpus.is_empty()).then(|| place.gpus.to_owned());
    env.extend(visible.map(|gpus| ("CUDA_VISIBLE_DEVICES".to_owned(), gpus)));
    env.extend(
        place
            .metrics_port
            .map(|port| (variables::METRICS_PORT.to_owned(), port.to_string())),
    );
    env
}

/// The libraries that would otherwise take every core for each trial.
fn thread_limits(threads: usize) -> BTreeMap<String, String> {
    let names = [
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ];
    names
        .into_iter()
        .map(|name| (name.to_owned(), threads.to_string()))
        .collect()
}

fn bert_command(bert: &BertSpec, parameters: &Parameters, place: &Place) -> Vec<String> {
    let mut argv = vec![place.trainer.display().to_string()];
    // A GPU that was given out is used, or the trial says why not.
    let device = match bert.device {
        Device::Auto if !place.gpus.is_empty() => Device::Cuda,
        said => said,
    };
    let bert = BertSpec {
        device,
        ..bert.clone()
    };
    argv.extend(parameters.bert_arguments(&bert, |path| place.base.join(path).display().to_string()));
    argv.extend(["--threads".into(), place.threads.to_string()]);
    argv
}

/// A path such as `./train.sh` belongs to the manifest; a bare name is looked for in `PATH`.
fn resolve_program(program: &str, base: &Path) -> PathBuf {
    if program.contains('/') {
        base.join(program)
    } else {
        PathBuf::from(program)
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
