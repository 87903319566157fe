//! The models that trials of a run have left: the best stay, the others make room.

use super::RunDir;
use super::ledger::Ledger;
use crate::tuning::{Phase, bar_for_models, best_models};
use std::path::PathBuf;

/// What a trial's model may be called in its folder: also one that a trial was killed over.
const NAMES: [&str; 4] = ["model", ".model.new", ".model.old", ".model.gone"];

/// What a new trial's model has to beat to be one that stays.
pub(super) fn bar(ledger: &Ledger) -> Option<f64> {
    bar_for_models(&ledger.snapshot, n_models(ledger)?)
}

/// Removes the models of trials that have ended and whose values are not among the best any more. A trial that may run again keeps
/// its own.
pub(super) fn remove_superseded(ledger: &Ledger, dir: &RunDir) {
    let Some(n) = n_models(ledger) else {
        return;
    };
    let snapshot = &ledger.snapshot;
    let best = best_models(snapshot, n);
    for trial in &snapshot.trials {
        let goes_on = matches!(trial.phase, Phase::Queued | Phase::Running);
        if goes_on || best.contains(&trial.index) {
            continue;
        }
        let folder = dir.trial(&snapshot.job.trial_name(trial.index));
        for name in NAMES {
            // Most are gone long since, and what can't be removed only takes room.
            let _ = std::fs::remove_dir_all(folder.join(name));
        }
    }
}

/// Where the best model so far is, if it is there.
pub fn best_model(ledger: &Ledger, dir: &RunDir) -> Option<PathBuf> {
    n_models(ledger)?;
    let index = *best_models(&ledger.snapshot, 1).first()?;
    let folder = dir.trial(&ledger.snapshot.job.trial_name(index)).join(NAMES[0]);
    folder.join("config.json").is_file().then_some(folder)
}

/// How many models stay, where trials keep any.
fn n_models(ledger: &Ledger) -> Option<usize> {
    ledger.checked.spec.trial.bert.as_ref()?.n_models()
}
