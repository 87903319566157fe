//! The state of a run: the fold of its journal.

use super::event::{Event, Happening, PriorRecord};
use crate::api::{self, Checked, Fault};
use crate::tuning::{CurvePoint, Ended, Job, Phase, Reported, Run, Snapshot, Trial, lifecycle, reopens};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A run as its journal tells it.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The manifest in force.
    pub checked: Checked,
    /// What decisions read.
    pub snapshot: Snapshot,
    /// Names and trial counts of the runs that this one learned from.
    pub parents: Vec<(String, usize)>,
    /// Sentences for the report, from the last session.
    pub notes: Vec<String>,
    /// Processes of trials that were running when the journal ended.
    pub processes: Vec<(u32, u32)>,
    /// Where in its log file the last attempt at a trial begins.
    pub(super) log_from: BTreeMap<u32, u64>,
    session_started: Option<Timestamp>,
    last_event: Timestamp,
}

impl Ledger {
    /// Begins a ledger with a manifest without fault.
    pub fn new(checked: Checked, at: Timestamp) -> Self {
        let job = checked.job.clone();
        Self {
            checked,
            snapshot: Snapshot::new(job),
            parents: Vec::new(),
            notes: Vec::new(),
            processes: Vec::new(),
            log_from: BTreeMap::new(),
            session_started: None,
            last_event: at,
        }
    }

    /// Folds a whole journal; `None` if it is empty.
    pub fn of(events: &[Event]) -> Result<Option<Self>, Vec<Fault>> {
        let mut ledger: Option<Self> = None;
        for event in events {
            match (&mut ledger, &event.what) {
                (None, Happening::Manifest { manifest, seed }) => {
                    let mut checked = api::recall(manifest)?;
                    checked.job.seed = *seed;
                    ledger = Some(Self::new(checked, event.at));
                }
                (None, _) => return Err(vec![Fault::new("journal", "does not begin with a manifest")]),
                (Some(ledger), _) => ledger.fold(event)?,
            }
        }
        Ok(ledger)
    }

    /// The snapshot at a time: the clock of the job stands between sessions.
    pub fn at(&self, now: Timestamp) -> Snapshot {
        let running = self
            .session_started
            .map_or(SignedDuration::ZERO, |start| now.duration_since(start));
        Snapshot {
            active: self.snapshot.active + running,
            ..self.snapshot.clone()
        }
    }

    /// Time of the last event.
    pub fn last_event(&self) -> Timestamp {
        self.last_event
    }

    /// Whether a runner has taken the run up and has not said that it stopped.
    pub fn is_at_work(&self) -> bool {
        self.session_started.is_some()
    }

    /// What is wrong, by today's checks, with the manifest in force: a run that an earlier version began can be read all the same.
    pub fn faults(&self) -> Vec<Fault> {
        api::check(&self.checked.manifest).err().unwrap_or_default()
    }

    /// A trial of this index.
    pub fn trial(&self, index: u32) -> Option<&Trial> {
        self.snapshot.trials.iter().find(|t| t.index == index)
    }

    /// A trial, for what is too fleeting for the journal: its progress.
    pub(super) fn trial_mut(&mut self, index: u32) -> Option<&mut Trial> {
        self.snapshot.trials.iter_mut().find(|t| t.index == index)
    }

    /// Takes one event into account. Only a manifest of which no job can be made any more is an error.
    pub fn fold(&mut self, event: &Event) -> Result<(), Vec<Fault>> {
        match &event.what {
            Happening::Manifest { manifest, seed } => self.replace_manifest(manifest, *seed, event.at)?,
            Happening::Session { reopen, notes, .. } => {
                self.begin_session(event.at, *reopen);
                self.notes.clone_from(notes);
            }
            Happening::WarmStart { from, observations } => self.warm_start(from, observations),
            Happening::JobEnded { reason, message } => {
                self.snapshot.ended = Some(Ended {
                    reason: (*reason).into(),
                    message: message.clone(),
                });
            }
            Happening::Paused { .. } => self.end_session(event.at),
            Happening::Proposed {
                first_index, trials, ..
            } => self.propose(*first_index, trials, event.at),
            about_one_trial => self.fold_trial(about_one_trial, event.at),
        }
        self.last_event = event.at;
        Ok(())
    }

    fn replace_manifest(
        &mut self,
        manifest: &serde_json::Value,
        seed: u64,
        at: Timestamp,
    ) -> Result<(), Vec<Fault>> {
        let mut checked = api::recall(manifest)?;
        checked.job.seed = seed;
        checked.job.prior = self.snapshot.job.prior.clone();
        self.snapshot.job = checked.job.clone();
        self.checked = checked;
        let snapshot = &mut self.snapshot;
        if snapshot.ended.as_ref().is_some_and(|e| reopens(snapshot, e, at)) {
            snapshot.ended = None;
        }
        Ok(())
    }

    fn begin_session(&mut self, at: Timestamp, reopen: bool) {
        self.end_session(self.last_event);
        self.session_started = Some(at);
        if reopen {
            self.snapshot.ended = None;
            self.snapshot.resumed = Some(at);
        }
    }

    fn end_session(&mut self, at: Timestamp) {
        if let Some(start) = self.session_started.take() {
            self.snapshot.active += at.duration_since(start);
        }
        for trial in self
            .snapshot
            .trials
            .iter_mut()
            .filter(|t| t.phase == Phase::Running)
        {
            let message = std::mem::take(&mut trial.message);
            lifecycle::requeue(trial, message, at);
        }
    }

    fn warm_start(&mut self, from: &str, observations: &[PriorRecord]) {
        let space = &self.snapshot.job.space;
        let before = self.snapshot.job.prior.len() as u32;
        let trials = observations.iter().map(|o| (&o.parameters, o.value));
        let observations = api::prior_observations(space, before, trials);
        self.parents.push((from.to_owned(), observations.len()));
        self.snapshot.job.prior.extend(observations);
    }

    fn propose(&mut self, first: u32, trials: &[api::ProposalRecord], at: Timestamp) {
        for (index, record) in (first..).zip(trials) {
            // A point outside the space can only come from a journal that was edited: it is left out.
            if let Ok(point) = api::point(&self.snapshot.job.space, &record.parameters) {
                self.snapshot.trials.push(Trial::new(
                    index,
                    point,
                    record.resource,
                    (&record.why).into(),
                    at,
                ));
            }
        }
    }

    fn fold_trial(&mut self, what: &Happening, at: Timestamp) {
        let index = match what {
            Happening::Started { trial, .. }
            | Happening::Metrics { trial, .. }
            | Happening::Ended { trial, .. }
            | Happening::Requeued { trial, .. }
            | Happening::ShadowStop { trial, .. } => *trial,
            _ => return,
        };
        self.processes
            .retain(|(trial, _)| *trial != index || matches!(what, Happening::Metrics { .. }));
        if let Happening::Started { pid, log_from, .. } = what {
            self.processes.push((index, *pid));
            self.log_from.insert(index, *log_from);
        }
        let Snapshot { job, trials, .. } = &mut self.snapshot;
        if let Some(trial) = trials.iter_mut().find(|t| t.index == index) {
            apply(trial, what, job, at);
        }
    }
}

fn apply(trial: &mut Trial, what: &Happening, job: &Job, at: Timestamp) {
    let objective = job.objective.metric.as_str();
    match what {
        Happening::Started { attempt, .. } => {
            lifecycle::start(trial, job.gpus_per_trial);
            trial.attempts = *attempt;
            let run = Run {
                is_new: true,
                created: at,
                started: Some(at),
            };
            lifecycle::begin(trial, &run, at);
        }
        Happening::Metrics { step, values, .. } => {
            let value = values.get(objective).copied();
            let reported = Reported {
                points: value
                    .map(|value| CurvePoint { step: *step, value })
                    .into_iter()
                    .collect(),
                metrics: values.clone(),
                ..Reported::default()
            };
            lifecycle::report(objective, trial, &reported);
        }
        Happening::Ended {
            phase,
            failure,
            value,
            metrics,
            curve,
            message,
            ..
        } => {
            trial.metrics.extend(metrics.iter().map(|(k, v)| (k.clone(), *v)));
            if !curve.is_empty() {
                let point = |&(step, value): &(u64, f64)| CurvePoint { step, value };
                trial.curve = curve.iter().map(point).collect();
            }
            lifecycle::finish(trial, phase.phase(*failure), *value, message.clone(), at);
        }
        Happening::Requeued {
            message,
            n_lost,
            not_before,
            ..
        } => {
            lifecycle::requeue(trial, message.clone(), at);
            (trial.n_lost, trial.not_before) = (*n_lost, *not_before);
            // One that had failed has its end before it again.
            (trial.ended, trial.value) = (None, None);
        }
        Happening::ShadowStop { step, message, .. } => lifecycle::note_shadow_stop(trial, *step, message),
        _ => {}
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
