//! A Trial object and the core's trial, one as the other. Pure.

use super::attempt_state::time;
use super::status::value_text;
use crate::api::{self, CurveRecord, TrialFailure, TrialObjectSpec, TrialPhase, TrialStatus};
use crate::optimizer::Why;
use crate::space::SearchSpace;
use crate::tuning::{COLLAPSED_SENTENCE, CurvePoint, Failure, Phase, Progress, ShadowStop, Trial, curve};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::DynamicObject;

/// Most points of a learning curve that a status keeps, as the CRD's schema has it.
const MAX_POINTS: usize = 200;

/// A Trial object that could be read.
#[derive(Clone, Debug)]
pub struct Record {
    /// The object as it was read: what is written carries its resourceVersion.
    pub object: DynamicObject,
    /// Its number in the job.
    pub index: u32,
    /// Its `spec`.
    pub spec: TrialObjectSpec,
    /// Its `status`.
    pub status: TrialStatus,
    /// Whether this is what the API server answered in this pass, not what a watch told.
    pub is_fresh: bool,
}

impl Record {
    /// Reads an object; the error is a sentence.
    pub fn parse(object: &DynamicObject) -> Result<Self, String> {
        let part = |key: &str| object.data.get(key).cloned().unwrap_or_default();
        let spec: TrialObjectSpec = serde_json::from_value(part("spec")).map_err(|e| format!("spec: {e}"))?;
        let status: TrialStatus = match part("status") {
            serde_json::Value::Null => TrialStatus::default(),
            value => serde_json::from_value(value).map_err(|e| format!("status: {e}"))?,
        };
        let index = spec.index.or(status.index);
        Ok(Self {
            object: object.clone(),
            index: index.ok_or("it has no number in the job")?,
            spec,
            status,
            is_fresh: false,
        })
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.object.name_any()
    }

    /// Whether an attempt at it is under way.
    pub fn is_started(&self) -> bool {
        matches!(self.status.phase, TrialPhase::Pending | TrialPhase::Running)
    }

    /// The core's trial; `None` if its point is not one of the space.
    pub fn trial(&self, space: &SearchSpace) -> Option<Trial> {
        let status = &self.status;
        let point = api::point(space, &self.spec.parameters).ok()?;
        let created = self
            .object
            .creation_timestamp()
            .map_or(Timestamp::UNIX_EPOCH, |t| time(&t));
        let mut trial = Trial::new(
            self.index,
            point,
            self.spec.resource,
            self.spec.why.as_ref().map_or_else(Why::manual, Why::from),
            created,
        );
        trial.name = self.spec.index.is_none().then(|| self.name());
        trial.phase = phase(status);
        trial.progress = Progress {
            step: status.step,
            total_steps: status.total_steps,
            epoch: None,
        };
        let point = |p: &CurveRecord| CurvePoint {
            step: p.step,
            value: p.value,
        };
        trial.curve = status.curve.iter().map(point).collect();
        trial.metrics = status.metrics.clone();
        trial.value = status.value;
        trial.started = status.start_time;
        trial.attempt_started = status.attempt_start_time;
        trial.attempt_ended = status.attempt_end_time;
        trial.ended = status.completion_time;
        let seconds = |s| SignedDuration::try_from_secs_f64(s).unwrap_or_default();
        trial.ran = seconds(status.ran_seconds);
        (trial.gpus, trial.gpu_time) = (status.gpus, seconds(status.gpu_seconds));
        trial.attempts = status.attempts;
        trial.n_lost = status.lost_attempts;
        trial.not_before = status.retry_time;
        trial.shadow_stop = status.shadow_stop_step.map(|step| ShadowStop {
            step,
            message: status.shadow_stop_message.clone(),
        });
        trial.message = without_collapse(&status.message).to_owned();
        Some(trial)
    }

    /// The status that says what the core has made of the trial; what only a cluster knows stays as it is.
    pub fn status_of(&self, trial: &Trial) -> TrialStatus {
        let (phase, failure) = phase_words(trial);
        let mut points = trial.curve.clone();
        curve::thin(&mut points, MAX_POINTS);
        let point = |p: &CurvePoint| CurveRecord {
            step: p.step,
            value: p.value,
        };
        let finite = trial.metrics.iter().filter(|(_, v)| v.is_finite());
        let shadow = trial.shadow_stop.as_ref();
        TrialStatus {
            phase,
            failure,
            value: trial.value,
            value_text: trial
                .value
                .map(|v| value_text(v, trial.is_collapsed()))
                .unwrap_or_default(),
            collapsed: trial.is_collapsed(),
            metrics: finite.map(|(name, v)| (name.clone(), *v)).collect(),
            curve: points.iter().map(point).collect(),
            step: trial.progress.step,
            total_steps: trial.progress.total_steps,
            start_time: trial.started,
            attempt_start_time: trial.attempt_started,
            attempt_end_time: trial.attempt_ended,
            completion_time: trial.ended,
            ran_seconds: trial.ran.as_secs_f64(),
            gpus: trial.gpus,
            gpu_seconds: trial.gpu_time.as_secs_f64(),
            attempts: trial.attempts,
            lost_attempts: trial.n_lost,
            retry_time: trial.not_before,
            shadow_stop_step: shadow.map(|s| s.step),
            shadow_stop_message: shadow.map(|s| s.message.clone()).unwrap_or_default(),
            message: with_collapse(trial),
            ..self.status.clone()
        }
    }
}

/// A trial's sentence, and that its model collapsed.
fn with_collapse(trial: &Trial) -> String {
    match (trial.is_collapsed(), trial.message.as_str()) {
        (false, message) => message.to_owned(),
        (true, "") => COLLAPSED_SENTENCE.into(),
        (true, message) => format!("{message}; {COLLAPSED_SENTENCE}"),
    }
}

/// The trial's own sentence again.
fn without_collapse(message: &str) -> &str {
    let own = message.strip_suffix(COLLAPSED_SENTENCE);
    own.map_or(message, |own| own.strip_suffix("; ").unwrap_or(own))
}

fn phase_words(trial: &Trial) -> (TrialPhase, Option<TrialFailure>) {
    let phase = match trial.phase {
        Phase::Queued => TrialPhase::Queued,
        Phase::Running if trial.attempt_started.is_some() => TrialPhase::Running,
        Phase::Running => TrialPhase::Pending,
        Phase::Succeeded => TrialPhase::Succeeded,
        Phase::EarlyStopped => TrialPhase::EarlyStopped,
        Phase::Failed(failure) => return (TrialPhase::Failed, Some(failure.into())),
        Phase::Cancelled => TrialPhase::Cancelled,
    };
    (phase, None)
}

fn phase(status: &TrialStatus) -> Phase {
    match status.phase {
        TrialPhase::Queued => Phase::Queued,
        TrialPhase::Pending | TrialPhase::Running => Phase::Running,
        TrialPhase::Succeeded => Phase::Succeeded,
        TrialPhase::EarlyStopped => Phase::EarlyStopped,
        TrialPhase::Failed => Phase::Failed(status.failure.map_or(Failure::Crashed, Failure::from)),
        TrialPhase::Cancelled => Phase::Cancelled,
    }
}

/// Whether a Trial waits to be looked at: a person made it, and it has neither a number nor an end.
pub fn is_new(trial: &DynamicObject) -> bool {
    has_no_number(trial) && trial.data.pointer("/status/completionTime").is_none()
}

/// Whether a Trial was found not to fit its job.
pub fn is_turned_away(trial: &DynamicObject) -> bool {
    has_no_number(trial) && !is_new(trial)
}

fn has_no_number(trial: &DynamicObject) -> bool {
    let told = |pointer: &str| trial.data.pointer(pointer).is_some();
    !told("/spec/index") && !told("/status/index")
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
