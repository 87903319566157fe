//! `tuning run` and `tuning validate`.

use super::args::{BAD_INPUT, ManifestArgs, RunArgs, RunOutput};
use super::lines::{JsonLines, Lines};
use super::live::Live;
use super::manifest::{self, Given};
use super::present;
use super::signals::Interrupts;
use crate::api::{Checked, Fault};
use crate::local::{self, Gpus, Machine, Outcome, RunDir, RunObserver, Session};
use crate::tuning::Ended;
use crate::view;
use jiff::Timestamp;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Checks a manifest and says what it found.
pub(super) fn validate(args: &ManifestArgs) -> Result<ExitCode, String> {
    let Given { checked, name, .. } = manifest::read(args)?;
    let job = &checked.job;
    let parameters: Vec<&str> = job.space.parameters().iter().map(|p| p.name()).collect();
    println!(
        "{name}: a sound TuningJob: {} trials over {}, {} at a time, {} of {}",
        job.budget.max_trials,
        parameters.join(", "),
        job.budget.parallel,
        format!("{:?}", job.objective.goal).to_lowercase(),
        job.objective.metric,
    );
    for note in notes(&checked) {
        println!("note: {note}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What has no effect here, and what is seldom meant, a sentence each.
fn notes(checked: &Checked) -> Vec<String> {
    let seldom_meant = checked.notes.iter().map(ToString::to_string);
    local::notices(&checked.spec)
        .into_iter()
        .chain(seldom_meant)
        .collect()
}

/// Runs a job to its end, or until it is interrupted.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, String> {
    let dir_of = |job: &str| {
        let said = args.run.clone().map(RunDir::new);
        said.unwrap_or_else(|| RunDir::default_of(job))
    };
    let Given { checked, base, .. } = manifest::read(&args.manifest).map_err(|refused| {
        let job = refused.job.as_deref();
        let begun = job.and_then(|job| begun_with(&dir_of(job), &refused.faults));
        refused.said + &begun.unwrap_or_default()
    })?;
    let dir = dir_of(&checked.job.name);
    let trainer = match &checked.spec.trial.bert {
        Some(_) => find_trainer(args.trainer.as_deref())?,
        None => PathBuf::new(),
    };
    let (gpus, told) = gpus(args.gpus.as_deref(), &checked)?;
    let mut notes = notes(&checked);
    notes.extend(told);
    for note in &notes {
        eprintln!("note: {note}");
    }
    notes.extend(args.data_source.as_ref().map(|source| format!("data: {source}")));
    let mut session = local::open(checked, dir, base, trainer, notes).map_err(|e| e.to_string())?;
    session.gpus = gpus;
    // One thread: a child dies with the thread that started it, so that must be the one that lives longest.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(run_session(session, args.output))
}

/// The GPUs that trials share, and a sentence on those that nobody has named.
fn gpus(named: Option<&str>, checked: &Checked) -> Result<(Gpus, Option<String>), String> {
    let per_trial = checked.job.gpus_per_trial;
    if let Some(list) = named {
        return Ok((Gpus::parse(list, per_trial)?, None));
    }
    let visible = std::env::var_os("CUDA_VISIBLE_DEVICES").map(|list| list.to_string_lossy().into_owned());
    let machine = Machine {
        root: Path::new("/"),
        visible: visible.as_deref(),
    };
    machine.share(&checked.spec.trial, per_trial)
}

/// A sentence, on a line of its own, for a run that an earlier version began with what is refused now.
fn begun_with(dir: &RunDir, faults: &[Fault]) -> Option<String> {
    let (_, ledger) = present::load(dir).ok()?;
    let was_allowed = ledger.faults().iter().any(|fault| faults.contains(fault));
    let run = dir.root().display();
    was_allowed.then(|| {
        format!(
            "\n{run}: this run was begun when that was allowed: it can't go on, and `tuning show {run}` still tells all of it; \
             mend the manifest and begin another run in a folder of its own, --run FOLDER"
        )
    })
}

async fn run_session(session: Session, output: Option<RunOutput>) -> Result<ExitCode, String> {
    let default = if present::can_be_drawn_on() {
        RunOutput::Live
    } else {
        RunOutput::Lines
    };
    let output = output.unwrap_or(default);
    let mut observer = observer(output);
    let mut interrupts = Interrupts::listen().map_err(|e| e.to_string())?;
    let journal = session.dir.journal();
    let ran = local::run(session, observer.as_mut(), &mut interrupts.requests).await;
    drop(observer);
    let (outcome, session) = ran.map_err(|e| {
        format!(
            "{}: {e}: nothing is lost, the same command goes on",
            journal.display()
        )
    })?;
    let view = present::view_of(&session.ledger, &session.dir, Timestamp::now());
    present::leave_results(&session.dir, &view)?;
    let mut told: Box<dyn Write> = if output == RunOutput::Json {
        Box::new(io::stderr())
    } else {
        Box::new(io::stdout())
    };
    let text = match output {
        RunOutput::Json => String::new(),
        _ => view::report(&view, present::width()) + &present::terminal_plot(&view, None)?,
    };
    let last = last_words(&outcome, &session);
    // A reader that has gone away changes nothing about the run.
    let _ = writeln!(told, "{text}{last}");
    Ok(match outcome {
        Outcome::Ended(Ended { reason, .. }) if reason.is_success() => ExitCode::SUCCESS,
        Outcome::Ended(Ended {
            reason: crate::tuning::EndReason::BadConfiguration,
            ..
        }) => ExitCode::from(BAD_INPUT),
        Outcome::Ended(_) => ExitCode::FAILURE,
        Outcome::Suspended => ExitCode::SUCCESS,
        Outcome::Interrupted => ExitCode::from(interrupts.exit_code()),
    })
}

/// What shows the run while it happens. A terminal with nobody behind it, such as that of `docker run -t` in a pipeline, does
/// not say where its cursor is: then there is no table, and the run goes on without it.
fn observer(output: RunOutput) -> Box<dyn RunObserver> {
    match output {
        RunOutput::Live => match Live::new() {
            Ok(live) => Box::new(live),
            Err(why) => {
                println!("The terminal can't be drawn on ({why}): a line for each event instead.");
                Box::new(Lines::new(io::stdout()))
            }
        },
        RunOutput::Lines => Box::new(Lines::new(io::stdout())),
        RunOutput::Json => Box::new(JsonLines::new(io::stdout())),
    }
}

fn last_words(outcome: &Outcome, session: &Session) -> String {
    let run = session.dir.root().display();
    match outcome {
        Outcome::Ended(ended) if ended.reason.is_success() => {
            format!("Done: {}. All of it again: tuning show {run}", ended.message)
        }
        Outcome::Ended(ended) => {
            let has_value = session.ledger.snapshot.trials.iter().any(|t| t.value.is_some());
            let cure = match (ended.reason.waits_to_be_mended(), has_value) {
                (true, true) => "; once the cause is mended, the same command goes on",
                (true, false) => {
                    "; once the cause is mended, be it in the manifest, the same command goes on"
                }
                (false, false) => {
                    "; once spec.trial is mended in the manifest, the same command runs what failed again"
                }
                (false, true) => "",
            };
            format!(
                "Failed: {}\nThe trials' logs are in {run}/trials{cure}",
                ended.message
            )
        }
        Outcome::Suspended => "Nothing runs: spec.suspend is true in the manifest.".into(),
        Outcome::Interrupted => "Interrupted; the same command goes on where it was.".into(),
    }
}

/// The fine-tuner: where it was said to be, beside this program, or in `PATH`.
fn find_trainer(said: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = said {
        let absolute = std::path::absolute(path).map_err(|e| e.to_string())?;
        return if absolute.is_file() {
            Ok(absolute)
        } else {
            Err(format!("--trainer: {}: no such file", path.display()))
        };
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.to_owned()));
    let in_path = std::env::var_os("PATH")
        .map(|p| std::env::split_paths(&p).collect::<Vec<_>>())
        .unwrap_or_default();
    let candidates = beside
        .into_iter()
        .chain(in_path)
        .map(|folder| folder.join("bert-trainer"));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        "spec.trial.bert needs bert-trainer, which is neither beside this program nor in PATH: \
         build it with `make build`, or name it with --trainer"
            .to_owned()
    })
}
