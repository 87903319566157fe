//! From a run's folder or ledger to what the views read.

use crate::api::Fault;
use crate::local::{Event, Ledger, RunDir, best_model, read_journal, write_whole};
use crate::optimizer::predict;
use crate::tuning::{advise, status, with_request};
use crate::view::{self, Plot, RunView};
use jiff::Timestamp;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Points along a curve.
const CURVE_POINTS: usize = 200;

/// A run as it is shown at a time, with the recommended point.
pub(super) fn view_of(ledger: &Ledger, dir: &RunDir, now: Timestamp) -> RunView {
    let snapshot = ledger.at(now);
    let advice = advise(&snapshot);
    RunView {
        name: snapshot.job.name.clone(),
        status: status(&snapshot, now),
        recommendation: advice.recommendation,
        ends: advice.ends.unwrap_or_default(),
        model: best_model(ledger, dir).map(|folder| folder.display().to_string()),
        notes: notes(ledger),
        snapshot,
        now,
    }
}

fn notes(ledger: &Ledger) -> Vec<String> {
    let learned = ledger
        .parents
        .iter()
        .map(|(name, n)| format!("warm start: {n} trials of {name}"));
    ledger.notes.iter().cloned().chain(learned).collect()
}

/// The run that a person means: a folder, or a name below `runs/`.
pub(super) fn find(run: &Path) -> RunDir {
    let named = Path::new("runs").join(run);
    let is_name = run.components().count() == 1 && !run.join("journal.jsonl").exists();
    RunDir::new(if is_name { named } else { run.to_owned() })
}

/// Reads a run's journal and folds it. The error is a sentence.
pub(super) fn load(run: &RunDir) -> Result<(Vec<Event>, Ledger), String> {
    let here = run.root().display();
    if !run.journal().exists() {
        return Err(format!(
            "{here}: no run here: give the folder that `tuning run` made, such as runs/mrpc"
        ));
    }
    let events = read_journal(&run.journal()).map_err(|e| e.to_string())?;
    let ledger = Ledger::of(&events).map_err(|faults| sentences(&faults))?;
    let ledger = ledger.ok_or_else(|| format!("{here}: this run has not begun"))?;
    Ok((events, ledger))
}

/// Faults, a line each.
pub(super) fn sentences(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Writes what a run leaves for others: summary.json, plot.svg and plot.png.
pub(super) fn leave_results(dir: &RunDir, view: &RunView) -> Result<(), String> {
    let put = |path: PathBuf, bytes: &[u8]| {
        write_whole(&path, bytes).map_err(|e: io::Error| format!("{}: {e}", path.display()))
    };
    let summary = serde_json::to_vec_pretty(&view::summary(view)).map_err(|e| e.to_string())?;
    put(dir.summary(), &summary)?;
    if let Some(plot) = plot_of(view, None)? {
        put(dir.plot("svg"), view::svg(&plot)?.as_bytes())?;
        put(dir.plot("png"), &view::png(&plot)?)?;
    }
    Ok(())
}

/// The time at which a run is shown: now while it is at work, else its last moment.
pub(super) fn clock(ledger: &Ledger) -> Timestamp {
    if ledger.is_at_work() {
        Timestamp::now()
    } else {
        ledger.last_event()
    }
}

/// The plot of a parameter, by default the first with an order; `None` while no trial has a value. The error is a sentence.
pub(super) fn plot_of(view: &RunView, parameter: Option<&str>) -> Result<Option<Plot>, String> {
    let index = view::plotted_parameter(view, parameter)?;
    if view.snapshot.trials.iter().all(|t| t.value.is_none()) {
        return Ok(None);
    }
    let points = view::slice(view, index, CURVE_POINTS);
    let predictions =
        with_request(&view.snapshot, 1, |request| predict(request, &points)).unwrap_or_default();
    let points = if predictions.is_empty() {
        &[]
    } else {
        points.as_slice()
    };
    Ok(Plot::new(view, index, points, &predictions))
}

/// Columns and rows of the terminal, where standard output is one that has any.
pub(super) fn terminal_size() -> Option<(u16, u16)> {
    let size = crossterm::terminal::size()
        .ok()
        .filter(|_| io::stdout().is_terminal());
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

/// Whether standard output is a terminal that understands more than text.
pub(super) fn can_be_drawn_on() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Columns of the terminal, where standard output is one.
pub(super) fn width() -> Option<usize> {
    terminal_size().map(|(columns, _)| usize::from(columns))
}

/// The plot for the terminal; empty while there is nothing to plot.
pub(super) fn terminal_plot(view: &RunView, parameter: Option<&str>) -> Result<String, String> {
    let Some(plot) = plot_of(view, parameter)? else {
        return Ok(String::new());
    };
    let (columns, rows) = terminal_size().unwrap_or((100, 40));
    let colors = can_be_drawn_on() && std::env::var_os("NO_COLOR").is_none();
    Ok(view::terminal(
        &plot,
        columns.min(120),
        (rows / 2).clamp(16, 26),
        colors,
    ))
}
