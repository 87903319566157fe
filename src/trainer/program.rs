//! The program around a run: arguments in, exit code out, and never more than one sentence about what went wrong.

use super::config::{self, Arguments, Config};
use super::endpoint::Metrics;
use super::log::{self, say};
use super::report::{self, Report};
use super::stop::Stop;
use super::{Failure, Result, allocator, evaluate, export, fit, predict, resume, threads};
use clap::Parser;
use clap::error::ErrorKind;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

/// Of what the command line's parser says.
const MAX_CHARS: usize = 500;

/// What the last panic said, for the sentence at the end.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs one trial as the command line and the environment say, or one of the commands `evaluate` and `predict`.
pub fn main() -> ExitCode {
    let command = std::env::args_os().nth(1);
    match command.as_ref().and_then(|word| word.to_str()) {
        Some("evaluate") => answer(evaluate::run),
        Some("predict") => answer(predict::run),
        _ => train(),
    }
}

fn train() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(fault) => {
            let message = asked_message().or_else(config::default_message);
            return said_or_failed(&fault, message.as_deref());
        }
    };
    let message = arguments
        .termination_message
        .clone()
        .or_else(config::default_message);
    message.iter().cloned().for_each(allocator::tell);
    guarded(message.as_deref(), || trial(arguments, message.clone()))
}

/// A command with a word of its own, which has standard output for its answers.
fn answer<A: Parser>(run: fn(A, &AtomicBool) -> Result<()>) -> ExitCode {
    log::leave_stdout();
    match A::try_parse_from(std::env::args_os().skip(1)) {
        Err(fault) => said_or_failed(&fault, None),
        Ok(arguments) => guarded(None, || {
            prepare_libraries();
            run(
                arguments,
                &Stop::watch(last_words(None, "told to stop; answers that were given stay"))?.asked,
            )
        }),
    }
}

/// Help is what was asked for; all else is a mistake in the command line.
fn said_or_failed(fault: &clap::Error, message: Option<&Path>) -> ExitCode {
    if matches!(fault.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A reader that went away, as in `--help | head`, is no failure.
        let _ = fault.print();
        return ExitCode::SUCCESS;
    }
    fail(&Failure::Configuration(in_one_line(fault)), message)
}

/// Never more than one sentence about what went wrong, a panic among it.
fn guarded(message: Option<&Path>, run: impl FnOnce() -> Result<()>) -> ExitCode {
    quiet_panics();
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let outcome = outcome.unwrap_or_else(|_| {
        let said = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Failure::from_panic(&said))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, message),
    }
}

/// Says the sentence when it is told to stop while nothing can be lost.
fn last_words(message: Option<PathBuf>, sentence: &'static str) -> impl FnOnce() -> u8 + Send + 'static {
    move || {
        let failure = Failure::Stopped(sentence.into());
        fail(&failure, message.as_deref());
        failure.code()
    }
}

fn trial(arguments: Arguments, message: Option<PathBuf>) -> Result<()> {
    prepare_libraries();
    let stop = Stop::watch(last_words(
        message,
        "told to stop before the first step; start it again",
    ))?;
    let env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    let config = Config::new(arguments, &env)?;
    threads::start(config.threads)?;
    for folder in config.output_dir.iter().chain(&config.checkpoint_dir) {
        report::prepare_folder(folder)?;
    }
    if let Some(folder) = &config.model_dir {
        export::prepare(folder)?;
    }
    let metrics = Metrics::new()?;
    metrics.show_device(&config.place.label());
    if let Some(port) = config.metrics_port {
        metrics.serve(port)?;
    }
    let report = fit::fit(&config, &metrics, &stop)?;
    publish(&config, &report)
}

/// Writes the report wherever it is wanted; after that the state is of no use.
fn publish(config: &Config, report: &Report) -> Result<()> {
    say(format_args!("report: {}", report.to_json()));
    if let Some(folder) = &config.output_dir {
        report::write_documents(folder, &report.documents)?;
        report::write_whole(&folder.join("report.json"), &(report.to_json() + "\n"))?;
    }
    if let Some(path) = &config.termination_message {
        report::write_message(path, &report.to_message())?;
    }
    if let Some(folder) = &config.checkpoint_dir {
        resume::forget(folder);
    }
    Ok(())
}

/// Where the last words go as the flag or the variable says, on a command line that is otherwise not understood.
fn asked_message() -> Option<PathBuf> {
    const FLAG: &str = "--termination-message";
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        if word == FLAG {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word
            .to_str()
            .and_then(|word| word.strip_prefix(FLAG)?.strip_prefix('='))
        {
            return Some(path.into());
        }
    }
    std::env::var_os("TUNING_TERMINATION_MESSAGE").map(PathBuf::from)
}

/// Says what went wrong, to the person and to Kubernetes.
fn fail(failure: &Failure, message: Option<&Path>) -> ExitCode {
    // Whoever closed this pipe does not want to know.
    let _ = writeln!(std::io::stderr(), "bert-trainer: {failure}");
    if let Some(path) = message {
        // The sentence was said above; there is no third place for it.
        let _ = report::write_message(path, &failure.to_string());
    }
    ExitCode::from(failure.code())
}

/// The first paragraph of what clap says, without its line ends.
fn in_one_line(fault: &clap::Error) -> String {
    let text = fault.to_string();
    let first: Vec<&str> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let said = first.join(" ");
    let said = said.trim_start_matches("error: ");
    // It repeats what it did not understand.
    let end = said
        .char_indices()
        .nth(MAX_CHARS)
        .map_or(said.len(), |(end, _)| end);
    format!("{}; see bert-trainer --help", &said[..end])
}

/// A panic is kept for the one sentence at the end rather than printed with its trace.
fn quiet_panics() {
    set_hook(Box::new(|panic| {
        let said = panic.payload_as_str().unwrap_or("no reason given");
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = said.to_owned();
    }));
}

/// Two settings that save time on a CPU; they must come before libtorch does anything.
fn prepare_libraries() {
    // SAFETY: no other thread runs yet.
    unsafe {
        // Batches come in a hundred lengths, each with its own kernels.
        std::env::set_var("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192");
    }
    keep_memory();
}

/// glibc would give the large tensors of each step back to the system and fault every page of them in again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_memory() {
    const TRIM_THRESHOLD: i32 = -1;
    const MMAP_MAX: i32 = -4;
    unsafe extern "C" {
        fn mallopt(parameter: i32, value: i32) -> i32;
    }
    // SAFETY: both calls only set a number inside the allocator.
    unsafe {
        mallopt(MMAP_MAX, 0);
        mallopt(TRIM_THRESHOLD, i32::MAX);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}
