//! Arguments of `tuning`.

use super::ask_tell;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Exit code for input that is wrong.
pub(super) const BAD_INPUT: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  tuning run examples/mrpc.yaml           run a job on this machine; again after an interruption: it goes on
  tuning run job.yaml --output json       one JSON object for each event, for programs
  tuning show runs/mrpc                   how it stands: trials, best, recommended, plot
  tuning explain mrpc-0007                why this learning rate was tried
  tuning export runs/mrpc -f csv          every trial as a row

Exit codes: 0 done, 1 the job failed, 2 wrong input, 130 or 143 interrupted (the same command goes on)";

/// Tunes hyperparameters on this machine: the same manifest as on Kubernetes, without a cluster.
#[derive(Debug, Parser)]
#[command(name = "tuning", version, after_help = EXAMPLES, max_term_width = 110)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a job, or go on with it
    Run(RunArgs),
    /// Say everything that is wrong with a manifest
    Validate(ManifestArgs),
    /// How a run stands: trials, best and recommended point, plot
    Show(ShowArgs),
    /// A parameter against the objective, with the model's mean and 90 % band
    Plot(PlotArgs),
    /// Every trial as a row: csv, json or parquet
    Export(ExportArgs),
    /// Why a trial is where it is
    Explain(ExplainArgs),
    /// Propose every trial of a run again and compare to the last bit
    Replay(ReplayArgs),
    /// Try a point of your own in a run: tuning add RUN learning_rate=3e-5 ...
    Add(AddArgs),
    /// Be an optimizer over standard input and output: one JSON object a line
    #[command(after_help = ask_tell::PROTOCOL)]
    AskTell,
    /// Completions for a shell: `tuning completions bash > /etc/bash_completion.d/tuning`
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// A manifest and what this machine changes in it.
#[derive(Debug, Args)]
pub(super) struct ManifestArgs {
    /// The TuningJob, as YAML or JSON; - reads it from standard input
    pub manifest: PathBuf,
    /// Folder of the checkpoint, instead of spec.trial.bert.model
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Folder of the data, instead of spec.trial.bert.data
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Run the command of trial.container on this machine, without its image
    #[arg(long)]
    pub on_host: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The run lives in one folder: manifest.yaml, journal.jsonl, trials/NAME-0001/ (log, report, checkpoint), summary.json,
plot.svg and plot.png. The first Ctrl-C lets trials write their checkpoints and stops, the second stops at once;
the same command goes on where it was, also after a crash.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Folder of the run [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// What is shown while it runs [default: live on a terminal, else lines]
    #[arg(long, short, value_enum)]
    pub output: Option<RunOutput>,
    /// The fine-tuner [default: bert-trainer beside this program, else in PATH]
    #[arg(long, value_name = "FILE", env = "TUNING_TRAINER")]
    pub trainer: Option<PathBuf>,
    /// GPUs to share out, by number or UUID with commas between: as many to each trial as spec.trial.resources asks for, and
    /// trials wait for them; one to each where it asks for none, and more trials than GPUs share them [default: where trials ask for
    /// an NVIDIA GPU, those of CUDA_VISIBLE_DEVICES, else all of this machine]
    #[arg(long, value_name = "LIST")]
    pub gpus: Option<String>,
    /// A sentence on where the data comes from, for the report
    #[arg(long, value_name = "TEXT", env = "TUNING_DATA_SOURCE", hide = true)]
    pub data_source: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunOutput {
    /// A live table
    Live,
    /// A line for each event
    Lines,
    /// A JSON object for each event
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Folder of the run, or its name below runs/
    pub run: PathBuf,
    /// Text for people, or the summary as JSON
    #[arg(long, short, value_enum, default_value = "text")]
    pub output: TextOrJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TextOrJson {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct PlotArgs {
    /// Folder of the run, or its name below runs/
    pub run: PathBuf,
    /// Which parameter [default: the first]
    #[arg(long, value_name = "NAME")]
    pub parameter: Option<String>,
    /// Write the plot to this file, by its ending .svg or .png, instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Folder of the run, or its name below runs/
    pub run: PathBuf,
    /// The format
    #[arg(long, short, value_enum, default_value = "csv")]
    pub format: ExportFormat,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    Csv,
    Json,
    Parquet,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The trial: mrpc-0007, or 7 with --run
    pub trial: String,
    /// Folder of the run, or its name below runs/ [default: by the trial's name]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tuning add runs/mrpc learning_rate=3e-5 batch_size=32

Every parameter of the job is named, with a value that its manifest allows. The point is tried
before what the optimizer proposes next, counts against spec.budget.maxTrials like any other trial,
and is learned from. A `tuning run` that is at work takes it up at once, otherwise the next one
does; where the budget is given out, it waits until that is larger. `tuning explain` says of its
trial that it was a person's own choice. On a cluster the same is a Trial made by hand.")]
pub(super) struct AddArgs {
    /// Folder of the run, or its name below runs/
    pub run: PathBuf,
    /// A value for each parameter of the job
    #[arg(required = true, value_name = "NAME=VALUE")]
    pub values: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Folder of the run, or its name below runs/
    pub run: PathBuf,
    /// Text for people, or a JSON object for each proposal
    #[arg(long, short, value_enum, default_value = "text")]
    pub output: TextOrJson,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
    }
}
