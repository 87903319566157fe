//! Commands that look at a run: `show`, `plot`, `export`, `explain`, `replay`. None of them changes it.

use super::add;
use super::args::{ExplainArgs, ExportArgs, ExportFormat, PlotArgs, ReplayArgs, ShowArgs, TextOrJson};
use super::present::{self, find, load};
use crate::api::ProposalRecord;
use crate::local::{self, RunDir, write_whole};
use crate::optimizer::METHOD;
use crate::view;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

type Done = Result<ExitCode, String>;

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn print(bytes: &[u8]) -> Done {
    match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {e}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn write_to(path: &Path, bytes: &[u8]) -> Done {
    write_whole(path, bytes).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// How a run stands.
pub(super) fn show(args: &ShowArgs) -> Done {
    let dir = find(&args.run);
    let (_, ledger) = load(&dir)?;
    let mut view = present::view_of(&ledger, &dir, present::clock(&ledger));
    view.notes.extend(add::waiting(&dir, &ledger.snapshot));
    if args.output == TextOrJson::Json {
        let summary = serde_json::to_string_pretty(&view::summary(&view)).map_err(|e| e.to_string())?;
        return print(format!("{summary}\n").as_bytes());
    }
    print((view::report(&view, present::width()) + &present::terminal_plot(&view, None)?).as_bytes())
}

/// A parameter against the objective.
pub(super) fn plot(args: &PlotArgs) -> Done {
    let dir = find(&args.run);
    let (_, ledger) = load(&dir)?;
    let view = present::view_of(&ledger, &dir, present::clock(&ledger));
    let parameter = args.parameter.as_deref();
    let Some(to) = &args.to else {
        let text = present::terminal_plot(&view, parameter)?;
        return print(
            if text.is_empty() {
                "Nothing to plot yet: no trial has a value.\n".into()
            } else {
                text
            }
            .as_bytes(),
        );
    };
    let plot = present::plot_of(&view, parameter)?.ok_or("nothing to plot yet: no trial has a value")?;
    match to.extension().and_then(|e| e.to_str()) {
        Some("svg") => write_to(to, view::svg(&plot).map_err(|e| e.to_string())?.as_bytes()),
        Some("png") => write_to(to, &view::png(&plot).map_err(|e| e.to_string())?),
        _ => Err(format!("--to {}: end the name in .svg or .png", to.display())),
    }
}

/// Every trial as a row.
pub(super) fn export(args: &ExportArgs) -> Done {
    let dir = find(&args.run);
    let (_, ledger) = load(&dir)?;
    let view = present::view_of(&ledger, &dir, present::clock(&ledger));
    let format = match args.format {
        ExportFormat::Csv => view::Format::Csv,
        ExportFormat::Json => view::Format::Json,
        ExportFormat::Parquet => view::Format::Parquet,
    };
    let bytes = view::export(&view, format).map_err(|e| e.to_string())?;
    match &args.to {
        Some(path) => write_to(path, &bytes),
        None if args.format == ExportFormat::Parquet && io::stdout().is_terminal() => {
            Err("parquet is not text: give --to FILE, or send standard output elsewhere".into())
        }
        None => print(&bytes),
    }
}

/// Why a trial is where it is.
pub(super) fn explain(args: &ExplainArgs) -> Done {
    let (job_name, number) = args.trial.rsplit_once('-').unwrap_or(("", &args.trial));
    let not_a_trial = || {
        format!(
            "{}: not a trial: write it like mrpc-0007, or 7 with --run",
            args.trial
        )
    };
    let index: u32 = number.parse().map_err(|_| not_a_trial())?;
    let run = match &args.run {
        Some(run) => find(run),
        None if job_name.is_empty() => return Err(not_a_trial()),
        None => RunDir::default_of(job_name),
    };
    let (_, ledger) = load(&run)?;
    let view = present::view_of(&ledger, &run, present::clock(&ledger));
    match view::explain(&view, index) {
        Some(text) => print(text.as_bytes()),
        None => {
            let n = view.snapshot.trials.len();
            Err(format!(
                "{}: the run at {} has trials 1 to {n}",
                args.trial,
                run.root().display()
            ))
        }
    }
}

/// Proposes every trial again.
pub(super) fn replay(args: &ReplayArgs) -> Done {
    let (events, ledger) = load(&find(&args.run))?;
    let replayed = local::replay(&events).map_err(|f| present::sentences(&f))?;
    let job = &ledger.snapshot.job;
    let mut text = String::new();
    for proposal in &replayed {
        let name = job.trial_name(proposal.index);
        text += &match args.output {
            TextOrJson::Text => format!("{name}  {}\n", compared(proposal)),
            TextOrJson::Json => {
                let line = serde_json::json!({
                    "trial": name, "same": proposal.is_same(), "otherMethod": proposal.other_method(),
                    "recorded": proposal.recorded, "proposed": proposal.proposed,
                });
                format!("{line}\n")
            }
        };
    }
    let n_same = replayed.iter().filter(|r| r.is_same()).count();
    let n_other = replayed.iter().filter(|r| r.other_method().is_some()).count();
    if args.output == TextOrJson::Text {
        text += &format!(
            "{n_same} of {} proposals are the same to the last bit",
            replayed.len()
        );
        if n_other > 0 {
            text += &format!("; {n_other} can't be made again: use the version of tuning that made them");
        }
        text.push('\n');
    }
    print(text.as_bytes())?;
    Ok(if n_same + n_other == replayed.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How a proposal compares with the one that is made now.
fn compared(proposal: &local::Replayed) -> String {
    if let Some(method) = proposal.other_method() {
        return format!(
            "can't be made again: the optimizer's method {method} made it, and this program has method {METHOD}"
        );
    }
    if proposal.is_same() {
        return "same to the last bit".into();
    }
    let parameters = |p: &ProposalRecord| serde_json::json!(p.parameters).to_string();
    let again = proposal.proposed.as_ref().map(parameters);
    format!(
        "differs: was {}, is {}",
        parameters(&proposal.recorded),
        again.as_deref().unwrap_or("nothing")
    )
}
