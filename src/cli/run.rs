//! `tuning run` and `tuning validate`.

use super::args::{BAD_INPUT, ManifestArgs, RunArgs, RunOutput};
use super::lines::{JsonLines, Lines};
use super::live::Live;
use super::present;
use super::signals::Interrupts;
use crate::api::{self, Checked, Fault};
use crate::local::{self, Outcome, RunDir, RunObserver, Session};
use crate::tuning::Ended;
use crate::view;
use jiff::Timestamp;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Checks a manifest and says what it found.
pub(super) fn validate(args: &ManifestArgs) -> Result<ExitCode, String> {
    let checked = read(args)?;
    let job = &checked.job;
    let parameters: Vec<&str> = job.space.parameters().iter().map(|p| p.name()).collect();
    println!(
        "{}: a sound TuningJob: {} trials over {}, {} at a time, {} of {}",
        args.manifest.display(),
        job.budget.max_trials,
        parameters.join(", "),
        job.budget.parallel,
        format!("{:?}", job.objective.goal).to_lowercase(),
        job.objective.metric,
    );
    for notice in local::notices(&checked.spec) {
        println!("note: {notice}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a manifest, puts in what this machine changes, and checks it.
fn read(args: &ManifestArgs) -> Result<Checked, String> {
    let path = args.manifest.display();
    let text = std::fs::read_to_string(&args.manifest).map_err(|e| format!("{path}: {e}"))?;
    let explain = |faults: Vec<Fault>| {
        faults
            .iter()
            .map(|f| format!("{path}: {f}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let mut manifest = api::parse(&text).map_err(|f| explain(vec![f]))?;
    for (key, folder) in [("model", &args.model), ("data", &args.data)] {
        let Some(folder) = folder else { continue };
        let Some(bert) = manifest
            .pointer_mut("/spec/trial/bert")
            .and_then(|b| b.as_object_mut())
        else {
            return Err(format!(
                "--{key}: only spec.trial.bert has a {key}, and this manifest has none"
            ));
        };
        let folder = std::path::absolute(folder).map_err(|e| format!("--{key}: {e}"))?;
        bert.insert(key.to_owned(), folder.display().to_string().into());
    }
    let checked = api::check(&manifest).map_err(explain)?;
    let refused = local::refused_here(&checked.spec, args.on_host);
    if refused.is_empty() {
        Ok(checked)
    } else {
        Err(explain(refused))
    }
}

/// Runs a job to its end, or until it is interrupted.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, String> {
    let checked = read(&args.manifest)?;
    let dir = args
        .run
        .clone()
        .map_or_else(|| RunDir::default_of(&checked.job.name), RunDir::new);
    let base = std::path::absolute(&args.manifest.manifest).map_err(|e| e.to_string())?;
    let base = base.parent().unwrap_or(Path::new("/")).to_owned();
    let trainer = match &checked.spec.trial.bert {
        Some(_) => find_trainer(args.trainer.as_deref())?,
        None => PathBuf::new(),
    };
    let mut notes = local::notices(&checked.spec);
    notes.extend(args.data_source.as_ref().map(|source| format!("data: {source}")));
    let session = local::open(checked, dir, base, trainer, notes).map_err(|e| e.to_string())?;
    // One thread: a child dies with the thread that started it, so that must be the one that lives longest.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(run_session(session, args.output))
}

async fn run_session(session: Session, output: Option<RunOutput>) -> Result<ExitCode, String> {
    let default = if io::stdout().is_terminal() {
        RunOutput::Live
    } else {
        RunOutput::Lines
    };
    let output = output.unwrap_or(default);
    let mut observer: Box<dyn RunObserver> = match output {
        RunOutput::Live => Box::new(Live::new().map_err(|e| format!("the terminal can't be drawn on: {e}"))?),
        RunOutput::Lines => Box::new(Lines::new(io::stdout())),
        RunOutput::Json => Box::new(JsonLines::new(io::stdout())),
    };
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
    let view = present::view_of(&session.ledger, Timestamp::now());
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

fn last_words(outcome: &Outcome, session: &Session) -> String {
    let run = session.dir.root().display();
    match outcome {
        Outcome::Ended(ended) if ended.reason.is_success() => {
            format!("Done: {}. All of it again: tuning show {run}", ended.message)
        }
        Outcome::Ended(ended) => {
            let cure = match ended.reason.waits_to_be_mended() {
                true => "; once the cause is mended, the same command goes on",
                false => "",
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
