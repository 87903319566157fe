//! The life of a trial: queued, running, ended; once, for every shell.
//!
//! A shell sees how an attempt stands ([`AttemptState`]) and what it has reported ([`Reported`]); [`observe`] says what
//! that makes of the trial, in one sentence. [`stop`] does so for a trial that the tuner itself asked to stop.
//!
//! Between attempts a trial keeps its curve, its clock and its point. What an attempt said of its metrics and its progress
//! goes when the next one begins: a value of an earlier attempt is never a final value.

use super::attempt::{AttemptState, Exited, FinalReport, Interruption, Reported, Run};
use super::failure::{Ending, Exit, Verdict, judge};
use super::trial::ShadowStop;
use super::trial_value::{value_of, value_so_far};
use super::value_age::age_of_value;
use super::{Failure, Job, Objective, Phase, Progress, StopReason, Trial, ValueRule, curve, sentence};
use crate::metrics::merge;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A trial after its attempt was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The trial now.
    pub trial: Trial,
    /// A sentence, if no trial of the job would fare better.
    pub halt: Option<String>,
    /// A sentence, if it waits for something that only a person can mend.
    pub trouble: Option<String>,
}

/// Looks at the attempt of a trial that was started; any other trial stays as it is.
pub fn observe(
    job: &Job,
    trial: &Trial,
    state: &AttemptState,
    reported: &Reported,
    now: Timestamp,
) -> Transition {
    let mut next = Transition {
        trial: trial.clone(),
        halt: None,
        trouble: None,
    };
    if trial.phase != Phase::Running {
        return next;
    }
    let trial = &mut next.trial;
    match state {
        AttemptState::Absent => {}
        AttemptState::Waiting { why, needs_help } => {
            close(trial, now);
            trial.message = sentence(why);
            next.trouble = needs_help.then(|| trial.message.clone());
        }
        AttemptState::Disrupted { why } => pause(trial, why, now),
        AttemptState::Running(run) => {
            begin(trial, run, now);
            report(&job.objective.metric, trial, reported);
            let trouble = reported.trouble.as_deref().map(sentence);
            trial.message = trouble.unwrap_or_else(|| shadow_message(trial));
        }
        // The clock runs on: for all that is known, so does the attempt.
        AttemptState::Leaving { why } => {
            report(&job.objective.metric, trial, reported);
            trial.message = sentence(why);
        }
        AttemptState::Exited(exited) => next.halt = exit(job, trial, exited, reported, now),
        AttemptState::Lost { why, by_node } => lose(job, trial, why, *by_node, now),
        AttemptState::Unclear { why } => {
            finish(trial, Phase::Failed(Failure::Crashed), None, sentence(why), now)
        }
    }
    next.trouble = next
        .trouble
        .or_else(|| super::stuck(job, &next.trial).map(str::to_owned));
    next
}

/// A trial that the tuner asked to stop, or whose job needs it no more.
///
/// The reason for the stop decides, whatever the program made of it: one that catches the signal, writes its checkpoint and
/// exits with 0 is not finished, and its last value is not final. A program that had ended before it was asked is judged by
/// its own end: a shell does not stop what it has seen to be over.
pub fn stop(objective: &Objective, trial: &Trial, reason: &StopReason, now: Timestamp) -> Trial {
    let mut stopped = trial.clone();
    let trial = &mut stopped;
    match reason {
        StopReason::Suspended => {
            let message = "stopped, to go on from its checkpoint";
            requeue(trial, message.into(), now);
        }
        StopReason::LagsBehind { message } => {
            let value = value_so_far(objective, trial);
            finish(trial, Phase::EarlyStopped, value, sentence(message), now);
        }
        StopReason::TimedOut => {
            let message = "it ran longer than spec.budget.maxTrialDuration";
            finish(trial, Phase::Failed(Failure::TimedOut), None, message.into(), now);
        }
        StopReason::JobEnded => {
            let message = match trial.attempts {
                0 => "the job ended before it was started",
                _ => "the job ended",
            };
            finish(trial, Phase::Cancelled, None, message.into(), now);
        }
    }
    stopped
}

/// A queued trial gets its next attempt, which holds so many GPUs: as many as its job asks for by now.
pub fn start(trial: &mut Trial, gpus: u32) {
    trial.phase = Phase::Running;
    trial.attempts += 1;
    trial.gpus = gpus;
    trial.not_before = None;
    trial.message = shadow_message(trial);
    forget_attempt(trial);
}

/// An attempt runs: its clock begins, unless it runs already.
pub fn begin(trial: &mut Trial, run: &Run, now: Timestamp) {
    let start = run.start(now);
    if run.is_new {
        close(trial, start);
        forget_attempt(trial);
    }
    trial.attempt_started.get_or_insert(start);
    trial.started.get_or_insert(start);
}

/// Takes in what an attempt has said so far. Said again, it changes nothing.
pub fn report(objective: &str, trial: &mut Trial, reported: &Reported) {
    let Reported {
        metrics, progress, ..
    } = reported;
    curve::extend(&mut trial.curve, reported.points.iter().copied());
    take_metrics(objective, trial, metrics);
    trial.progress = Progress {
        step: progress.step.or(trial.progress.step),
        total_steps: progress.total_steps.or(trial.progress.total_steps),
        epoch: progress.epoch.or(trial.progress.epoch),
    };
    // It works: what nodes did to earlier attempts is history.
    if !reported.points.is_empty() || progress.step.is_some_and(|step| step > 0) {
        trial.n_lost = 0;
    }
}

/// A trial waits again, to be started at the same point.
pub fn requeue(trial: &mut Trial, message: String, at: Timestamp) {
    close(trial, at);
    trial.phase = Phase::Queued;
    (trial.n_lost, trial.not_before) = (0, None);
    trial.message = message;
}

/// A trial comes to its end.
pub fn finish(trial: &mut Trial, phase: Phase, value: Option<f64>, message: String, at: Timestamp) {
    close(trial, at);
    trial.phase = phase;
    trial.value = value;
    trial.message = message;
    trial.ended = Some(at);
}

/// The median rule, where it only reports, would have stopped a trial at this step.
pub fn note_shadow_stop(trial: &mut Trial, step: u64, message: &str) {
    let message = sentence(message);
    trial.message.clone_from(&message);
    trial.shadow_stop = Some(ShadowStop { step, message });
}

/// What an attempt's end makes of its trial; the answer is a sentence if no other trial would fare better.
fn exit(
    job: &Job,
    trial: &mut Trial,
    exited: &Exited,
    reported: &Reported,
    now: Timestamp,
) -> Option<String> {
    let (start, end) = exited.span(now);
    let run = Run {
        started: Some(start),
        ..exited.run
    };
    let may_be_paused = !run.is_new && trial.attempt_started.is_none();
    begin(trial, &run, now);
    report(&job.objective.metric, trial, reported);
    let objective = &job.objective.metric;
    if let Some(why) = &reported.outstanding {
        trial.attempt_ended = Some(end);
        trial.message = sentence(why);
        return None;
    }
    let final_report = reported.report.as_ref().filter(|_| exited.exit == Exit::Code(0));
    let told = final_report.is_some_and(|r| r.metrics.contains_key(objective));
    if let Some(interruption) = exited
        .interrupted
        .as_ref()
        .filter(|i| !(i.may_have_finished && told))
    {
        if may_be_paused && interruption.restarts && trial.message == sentence(&interruption.why) {
            // It was paused for this before, and the time that it ran counts once.
            trial.attempt_started = None;
        } else {
            interrupt(trial, interruption, end);
        }
        return None;
    }
    let keeps_best = job.objective.value == ValueRule::Best;
    if reported.is_outdated && !keeps_best {
        trial.metrics.remove(objective);
    }
    if let Some(report) = final_report {
        take_in(objective, trial, report);
    }
    let collapsed = final_report.map_or(&[][..], |r| &r.collapsed);
    let value = value_of(&job.objective, trial, collapsed);
    let verdict = judge(&ending(value, objective, exited, reported));
    match verdict {
        Verdict::Succeeded(value) => {
            let age = age_of_value(trial, reported, final_report.filter(|_| told), end);
            let age = age.filter(|_| !keeps_best);
            let message = age.unwrap_or_else(|| shadow_message(trial));
            finish(trial, Phase::Succeeded, Some(value), message, end);
        }
        Verdict::Failed(failure, message) => {
            finish(trial, Phase::Failed(failure), None, sentence(&message), end);
        }
        Verdict::NodeTrouble(why) => {
            close(trial, end);
            lose(job, trial, &why, true, now);
        }
        Verdict::Halt(message) => {
            let message = sentence(&message);
            requeue(trial, message.clone(), end);
            return Some(message);
        }
    }
    None
}

/// The platform has ended it: another attempt follows, by the platform's doing or by ours.
fn interrupt(trial: &mut Trial, interruption: &Interruption, end: Timestamp) {
    match interruption.restarts {
        true => pause(trial, &interruption.why, end),
        false => requeue(trial, sentence(&interruption.why), end),
    }
}

/// A node would not run it: another attempt follows after a pause, a bounded number of times in a row.
fn lose(job: &Job, trial: &mut Trial, why: &str, by_node: bool, now: Timestamp) {
    let n_lost = trial.n_lost + 1;
    requeue(trial, sentence(why), now);
    if !by_node {
        return;
    }
    trial.n_lost = n_lost;
    let tries = job.retry.max_tries;
    let what_follows = match job.retry.pause_after(n_lost) {
        Some(pause) => {
            trial.not_before = Some(now + pause);
            format!("try {} of {tries} follows after {pause:#}", n_lost + 1)
        }
        None => format!("it was tried {tries} times"),
    };
    trial.message = sentence(&format!("{why}; {what_follows}"));
}

fn pause(trial: &mut Trial, why: &str, at: Timestamp) {
    close(trial, at);
    trial.message = sentence(why);
}

fn take_in(objective: &str, trial: &mut Trial, report: &FinalReport) {
    curve::extend(&mut trial.curve, report.curve.iter().copied());
    take_metrics(objective, trial, &report.metrics);
    trial.progress.step = report.step.or(trial.progress.step);
}

/// As many as a record may hold: a program may name others at every report.
fn take_metrics(objective: &str, trial: &mut Trial, news: &BTreeMap<String, f64>) {
    let news = news.iter().map(|(name, value)| (name.clone(), *value));
    merge(&mut trial.metrics, news, objective);
}

fn ending(value: Option<f64>, objective: &str, exited: &Exited, reported: &Reported) -> Ending {
    let last_words = reported.last_words.as_deref().map(sentence);
    Ending {
        exit: exited.exit,
        value,
        last_words: last_words.filter(|words| !words.is_empty()),
        looked_for: format!("{objective}, {}", reported.looked_in),
    }
}

/// What is to be said of a trial with which nothing is the matter.
fn shadow_message(trial: &Trial) -> String {
    let shadow = trial.shadow_stop.as_ref();
    shadow.map(|s| s.message.clone()).unwrap_or_default()
}

/// What the attempt before said of itself.
fn forget_attempt(trial: &mut Trial) {
    trial.metrics.clear();
    trial.progress = Progress::default();
}

/// Ends the clock of the attempt that ran, if one did.
fn close(trial: &mut Trial, at: Timestamp) {
    trial.attempt_ended = None;
    if let Some(start) = trial.attempt_started.take() {
        trial.add_time(at.duration_since(start).max(jiff::SignedDuration::ZERO));
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
