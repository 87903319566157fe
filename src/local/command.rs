//! From a trial to the program that runs it: arguments and environment by the trial contract.

use crate::api::{self, BertSpec, Precision, Task, TrialSpec};
use crate::space::SearchSpace;
use crate::tuning::{Job, Trial};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The trial's own folder.
    pub trial_dir: &'a Path,
    /// Where relative paths and programs of the manifest are looked for: the manifest's folder.
    pub base: &'a Path,
    /// The built-in fine-tuner.
    pub trainer: &'a Path,
    /// Threads that a trial may use.
    pub threads: usize,
    /// Port on which the trial's metrics are expected; `None`: nobody asks.
    pub metrics_port: Option<u16>,
}

/// The program that runs this trial.
pub fn launch(
    job: &Job,
    resource_name: Option<&str>,
    spec: &TrialSpec,
    trial: &Trial,
    place: &Place,
) -> Launch {
    let mut values = api::assignment(&job.space, &trial.point);
    if let (Some(name), Some(resource)) = (resource_name, trial.resource) {
        values.insert(name.to_owned(), resource.into());
    }
    let texts = texts(&job.space, trial, resource_name);
    let fill = |text: &str| substitute(text, &texts);
    let mut argv: Vec<String> = match (&spec.bert, &spec.command, &spec.container) {
        (Some(bert), ..) => bert_arguments(bert, place),
        (_, Some(command), _) => command.iter().map(|t| fill(t)).collect(),
        (.., Some(container)) => container
            .command
            .iter()
            .chain(&container.args)
            .map(|t| fill(t))
            .collect(),
        _ => Vec::new(),
    };
    let program = if argv.is_empty() {
        PathBuf::new()
    } else {
        resolve_program(&argv.remove(0), place.base)
    };
    let mut env: BTreeMap<String, String> = thread_limits(place.threads);
    env.extend(spec.env.iter().map(|e| (e.name.clone(), fill(&e.value))));
    env.extend(contract(job, trial, &texts, place));
    let parameters = serde_json::to_string_pretty(&values).unwrap_or_default();
    Launch {
        program,
        args: argv,
        env,
        folder: place.base.to_owned(),
        parameters,
    }
}

/// What section "trial contract" of the documentation promises to every program.
fn contract(
    job: &Job,
    trial: &Trial,
    texts: &BTreeMap<String, String>,
    place: &Place,
) -> BTreeMap<String, String> {
    let file = |name: &str| place.trial_dir.join(name).display().to_string();
    let mut env = BTreeMap::from([
        ("TUNING_TRIAL".to_owned(), job.trial_name(trial.index)),
        ("TUNING_PARAMETERS_FILE".to_owned(), file("parameters.json")),
        ("TUNING_CHECKPOINT_DIR".to_owned(), file("checkpoint")),
        (
            "TUNING_OUTPUT_DIR".to_owned(),
            place.trial_dir.display().to_string(),
        ),
        ("TUNING_THREADS".to_owned(), place.threads.to_string()),
    ]);
    env.extend(
        place
            .metrics_port
            .map(|port| ("TUNING_METRICS_PORT".to_owned(), port.to_string())),
    );
    env.extend(
        texts
            .iter()
            .map(|(name, text)| (format!("TUNING_PARAM_{}", name.to_uppercase()), text.clone())),
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

fn texts(space: &SearchSpace, trial: &Trial, resource_name: Option<&str>) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = space
        .assignment(&trial.point)
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect();
    if let (Some(name), Some(resource)) = (resource_name, trial.resource) {
        texts.insert(name.to_owned(), resource.to_string());
    }
    texts
}

/// Replaces each `$(params.NAME)`; other text, `$(…)` of a shell among it, stays as it is.
fn substitute(text: &str, texts: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(params.") {
        out.push_str(before);
        match after
            .split_once(')')
            .and_then(|(name, tail)| Some((texts.get(name)?, tail)))
        {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push_str("$(params.");
                rest = after;
            }
        }
    }
    out + rest
}

/// A path such as `./train.sh` belongs to the manifest; a bare name is looked for in `PATH`.
fn resolve_program(program: &str, base: &Path) -> PathBuf {
    if program.contains('/') {
        base.join(program)
    } else {
        PathBuf::from(program)
    }
}

fn bert_arguments(bert: &BertSpec, place: &Place) -> Vec<String> {
    let task = match bert.task {
        Task::Mrpc => "mrpc",
    };
    let precision = match bert.precision {
        Precision::Bf16 => "bf16",
        Precision::Fp32 => "fp32",
    };
    let path = |text: &str| place.base.join(text).display().to_string();
    let mut argv = vec![place.trainer.display().to_string()];
    let mut flag = |name: &str, value: String| argv.extend([format!("--{name}"), value]);
    flag("task", task.into());
    flag("model", path(&bert.model));
    flag("data", path(&bert.data));
    flag("epochs", bert.epochs.to_string());
    flag("batch-size", bert.batch_size.to_string());
    flag("max-length", bert.max_length.to_string());
    flag("precision", precision.into());
    flag("seed", bert.seed.to_string());
    flag("eval-every", bert.eval_every.to_string());
    flag("threads", place.threads.to_string());
    if let Some(learning_rate) = bert.learning_rate {
        flag("learning-rate", learning_rate.to_string());
    }
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_to_parameters_are_replaced() {
        let texts = BTreeMap::from([("lr".to_owned(), "6.47e-5".to_owned())]);
        assert_eq!(
            substitute("--lr=$(params.lr) $(date) $(params.x", &texts),
            "--lr=6.47e-5 $(date) $(params.x"
        );
        assert_eq!(substitute("$(params.lr)$(params.lr)", &texts), "6.47e-56.47e-5");
    }
}
