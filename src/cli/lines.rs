//! A run as lines: one for each event, for people or for programs.

use crate::local::{Event, Happening, Ledger, RunObserver};
use crate::tuning::{COLLAPSED_SENTENCE, Job, status};
use crate::view::numbers::{duration, escape, short};
use std::io::{self, Write};

/// One sentence for each event.
pub(super) struct Lines<W: Write> {
    to: W,
}

impl<W: Write> Lines<W> {
    /// Writes to `to`.
    pub fn new(to: W) -> Self {
        Self { to }
    }
}

impl<W: Write> RunObserver for Lines<W> {
    fn event(&mut self, event: &Event, ledger: &Ledger) {
        for line in sentences(event, ledger) {
            // A reader that has gone away must not end the run.
            let _ = writeln!(self.to, "{}  {}", event.at.strftime("%H:%M:%S"), escape(&line));
        }
        let _ = self.to.flush();
    }

    fn tick(&mut self, _: &Ledger) {}
}

/// The events as the journal has them.
pub(super) struct JsonLines<W: Write> {
    to: W,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `to`.
    pub fn new(to: W) -> Self {
        Self { to }
    }
}

impl<W: Write> RunObserver for JsonLines<W> {
    fn event(&mut self, event: &Event, _: &Ledger) {
        let line = serde_json::to_string(event).map_err(io::Error::other);
        let _ = line
            .and_then(|line| writeln!(self.to, "{line}"))
            .and_then(|()| self.to.flush());
    }

    fn tick(&mut self, _: &Ledger) {}
}

/// What a person is told of an event.
pub(super) fn sentences(event: &Event, ledger: &Ledger) -> Vec<String> {
    let job = &ledger.snapshot.job;
    let name = |index: &u32| job.trial_name(*index);
    match &event.what {
        Happening::Manifest { .. } => vec!["the manifest has changed".into()],
        Happening::Session { version, .. } => vec![format!("tuning {version} runs {}", job.name)],
        Happening::WarmStart { from, observations } => {
            vec![format!("learned from {} trials of {from}", observations.len())]
        }
        Happening::Proposed {
            first_index, trials, ..
        } => (*first_index..)
            .zip(trials)
            .map(|(index, trial)| {
                let values = trial
                    .parameters
                    .iter()
                    .map(|(k, v)| format!("{k}={}", json_number(v)));
                let role = format!("{:?}", trial.why.role).to_lowercase();
                format!(
                    "{}  proposed at {} ({role})",
                    name(&index),
                    values.collect::<Vec<_>>().join(" ")
                )
            })
            .collect(),
        Happening::Started {
            trial, attempt: 1, ..
        } => vec![format!("{}  started", name(trial))],
        Happening::Started { trial, attempt, .. } => {
            vec![format!("{}  started again, attempt {attempt}", name(trial))]
        }
        Happening::Metrics { trial, step, values } => {
            let metric = &job.objective.metric;
            let value = values.get(metric).copied().unwrap_or(f64::NAN);
            vec![format!("{}  step {step}  {metric} {}", name(trial), short(value))]
        }
        Happening::Ended {
            trial,
            phase,
            value,
            message,
            ..
        } => {
            vec![end_of_trial(
                job,
                *trial,
                &format!("{phase:?}"),
                *value,
                message,
                ledger,
            )]
        }
        Happening::Requeued { trial, message, .. } => vec![format!("{}  waits: {message}", name(trial))],
        Happening::ShadowStop { trial, message, .. } => vec![format!("{}  {message}", name(trial))],
        Happening::JobEnded { reason, message } => {
            vec![format!("{}  ended: {reason:?}: {message}", job.name)]
        }
        Happening::Paused { message } => vec![format!("{}  stops: {message}", job.name)],
    }
}

fn end_of_trial(
    job: &Job,
    index: u32,
    phase: &str,
    value: Option<f64>,
    message: &str,
    ledger: &Ledger,
) -> String {
    let metric = &job.objective.metric;
    let value = value
        .map(|v| format!("  {metric} {}", short(v)))
        .unwrap_or_default();
    let trial = ledger.snapshot.trials.iter().find(|t| t.index == index);
    let took = trial
        .map(|t| format!(" after {}", duration(t.ran)))
        .unwrap_or_default();
    let best = status(&ledger.snapshot, ledger.last_event()).best;
    let best = best
        .filter(|b| b.index == index && !b.is_collapsed)
        .map(|_| "  best so far")
        .unwrap_or_default();
    let collapsed = trial.filter(|t| t.is_collapsed()).map(|_| COLLAPSED_SENTENCE);
    let said = Some(message).filter(|m| !m.is_empty());
    let said: Vec<&str> = said.into_iter().chain(collapsed).collect();
    let message = match said.as_slice() {
        [] => String::new(),
        said => format!(": {}", said.join("; ")),
    };
    format!("{}  {phase}{took}{value}{best}{message}", job.trial_name(index))
}

fn json_number(value: &serde_json::Value) -> String {
    value
        .as_f64()
        .filter(|_| !value.is_i64())
        .map_or_else(|| value.to_string().replace('"', ""), short)
}
