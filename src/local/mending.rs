//! What may be mended in the manifest of a run that has begun, and what comes of it.
//!
//! As long as no trial has ended with a value there is nothing that new values would be compared with: what the trials run and
//! how they are heard may change. Where another program runs, trials that had failed are run again, from the beginning; where only
//! metrics are looked for in another way, they are looked for in the logs that were kept.

use super::event::Happening;
use super::ledger::Ledger;
use super::{RunDir, kept_log};
use crate::api::{self, Checked, Fault};
use crate::tuning::{AttemptState, Exit, Exited, Failure, Phase, Run, Trial, lifecycle};
use jiff::Timestamp;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Sections that may change as long as no trial has a value.
const MENDABLE: [&str; 2] = ["spec.trial", "spec.metrics"];

/// A fault for each change that is refused, with the way out.
pub(super) fn refused(ledger: &Ledger, new: &Checked) -> Vec<Fault> {
    let has_value = ledger.snapshot.trials.iter().any(|t| t.value.is_some());
    let faults = api::refused_changes(&ledger.checked.manifest, &new.manifest);
    let refused = faults
        .into_iter()
        .filter(|fault| has_value || !is_mendable(&fault.path));
    let cure = match ledger.faults().is_empty() {
        true => "put it back, or begin another run in a folder of its own, --run FOLDER",
        // It would be refused as well.
        false => "begin another run in a folder of its own, --run FOLDER: this one can still be read",
    };
    let way_out = |fault: Fault| {
        let why = if is_mendable(&fault.path) {
            ", since trials have values by it"
        } else {
            ""
        };
        Fault::new(fault.path, format!("{}{why}: {cure}", fault.message))
    };
    refused.map(way_out).collect()
}

fn is_mendable(path: &str) -> bool {
    MENDABLE.iter().any(|section| is_in(path, section))
}

fn is_in(path: &str, section: &str) -> bool {
    path.strip_prefix(section)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What becomes of trials by a change of the manifest that is not refused.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// Recorded before the manifest is.
    pub happenings: Vec<Happening>,
    /// For the report.
    pub notes: Vec<String>,
}

/// Looks at the trials that had failed by the manifest before.
pub(super) fn mend(ledger: &Ledger, new: &Checked, dir: &RunDir) -> Result<Mended, (PathBuf, io::Error)> {
    let [was, is] = [&ledger.checked.manifest, &new.manifest].map(|manifest| &manifest["spec"]);
    let trials = ledger.snapshot.trials.iter();
    let changes = api::refused_changes(&ledger.checked.manifest, &new.manifest);
    if changes.iter().any(|fault| is_in(&fault.path, "spec.trial")) {
        let failed = trials.filter(|t| matches!(t.phase, Phase::Failed(_)));
        let failed: Vec<&Trial> = failed.collect();
        return run_again(&failed, new, dir);
    }
    if was["metrics"] == is["metrics"] {
        return Ok(Mended::default());
    }
    let mute: Vec<&Trial> = trials
        .filter(|t| t.phase == Phase::Failed(Failure::MetricMissing))
        .collect();
    let happenings: Vec<Happening> = mute.iter().filter_map(|t| hear(ledger, new, dir, t)).collect();
    let notes = (!mute.is_empty()).then(|| {
        format!(
            "spec.metrics was changed: of {} trials that had said no {}, {} got a value from the log that was kept",
            mute.len(),
            new.job.objective.metric,
            happenings.len()
        )
    });
    Ok(Mended {
        happenings,
        notes: notes.into_iter().collect(),
    })
}

fn run_again(failed: &[&Trial], new: &Checked, dir: &RunDir) -> Result<Mended, (PathBuf, io::Error)> {
    for trial in failed {
        // What another program has left there may mean something else to this one.
        let folder = dir.trial(&new.job.trial_name(trial.index));
        let checkpoint = folder.join("checkpoint");
        let aside = folder.join(format!("checkpoint.attempt-{}", trial.attempts));
        match std::fs::rename(&checkpoint, aside) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => return Err((checkpoint, fault)),
            _ => {}
        }
    }
    let again = |trial: &&Trial| Happening::Requeued {
        trial: trial.index,
        message: "spec.trial was changed: it is run again".into(),
        n_lost: 0,
        not_before: None,
    };
    let n = failed.len();
    let note = format!("spec.trial was changed: {n} trials that had failed were run again");
    Ok(Mended {
        happenings: failed.iter().map(again).collect(),
        notes: (n > 0).then_some(note).into_iter().collect(),
    })
}

/// The end of a trial by what its log says now, if that is another one.
fn hear(ledger: &Ledger, new: &Checked, dir: &RunDir, trial: &Trial) -> Option<Happening> {
    let from = ledger.log_from.get(&trial.index).copied().unwrap_or_default();
    if trial.attempts > 1 && from == 0 {
        // Which of its lines are the last attempt's is not known of a run that an earlier version began.
        return None;
    }
    let log = dir.trial(&new.job.trial_name(trial.index)).join("log.txt");
    let reported = kept_log::read(&log, from, new.log_metrics.as_ref()?, &new.job.objective.metric).ok()?;
    let ended: Timestamp = trial.ended?;
    let exited = Exited {
        run: Run {
            is_new: false,
            created: ended,
            started: Some(ended),
        },
        finished: Some(ended),
        exit: Exit::Code(0),
        interrupted: None,
    };
    let mut before = trial.clone();
    before.phase = Phase::Running;
    let mut after =
        lifecycle::observe(&new.job, &before, &AttemptState::Exited(exited), &reported, ended).trial;
    if after.phase == Phase::Succeeded {
        after.message = "spec.metrics was changed: its value is from the log that was kept".into();
    }
    (after.phase != trial.phase).then(|| Happening::between(trial, &after))
}
