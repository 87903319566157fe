//! From a run's folder or ledger to what the views read.

use crate::api::Fault;
use crate::local::{Event, Ledger, RunDir, read_journal, write_whole};
use crate::tuning::{recommend, status};
use crate::view::{self, RunView};
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// A run as it is shown at a time, with the recommended point.
pub fn view_of(ledger: &Ledger, now: Timestamp) -> RunView {
    let snapshot = ledger.at(now);
    RunView {
        name: snapshot.job.name.clone(),
        status: status(&snapshot, now),
        recommendation: recommend(&snapshot),
        notes: notes(ledger),
        snapshot,
        now,
    }
}

fn notes(ledger: &Ledger) -> Vec<String> {
    let learned = ledger.parents.iter().map(|(name, n)| format!("warm start: {n} trials of {name}"));
    ledger.notes.iter().cloned().chain(learned).collect()
}

/// The run that a person means: a folder, or a name below `runs/`.
pub fn find(run: &Path) -> RunDir {
    let named = Path::new("runs").join(run);
    let is_name = run.components().count() == 1 && !run.join("journal.jsonl").exists();
    RunDir::new(if is_name { named } else { run.to_owned() })
}

/// Reads a run's journal and folds it. The error is a sentence.
pub fn load(run: &RunDir) -> Result<(Vec<Event>, Ledger), String> {
    let here = run.root().display();
    if !run.journal().exists() {
        return Err(format!("{here}: no run here: give the folder that `tuning run` made, such as runs/mrpc"));
    }
    let events = read_journal(&run.journal()).map_err(|e| e.to_string())?;
    let ledger = Ledger::of(&events).map_err(|faults| sentences(&faults))?;
    let ledger = ledger.ok_or_else(|| format!("{here}: this run has not begun"))?;
    Ok((events, ledger))
}

/// Faults, a line each.
pub fn sentences(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Writes what a run leaves for others: summary.json, plot.svg and plot.png.
pub fn leave_results(dir: &RunDir, view: &RunView) -> Result<(), String> {
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
pub fn clock(ledger: &Ledger) -> Timestamp {
    if ledger.is_at_work() { Timestamp::now() } else { ledger.last_event() }
}
