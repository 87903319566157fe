//! A Trial object as the core sees it. Pure.

use super::sight::time;
use crate::api::{self, CurveRecord, TrialFailure, TrialObjectSpec, TrialPhase, TrialStatus};
use crate::optimizer::Why;
use crate::space::SearchSpace;
use crate::tuning::{CurvePoint, Failure, Phase, Progress, Trial};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::DynamicObject;

/// Most points of a learning curve that a status keeps.
const MOST_POINTS: usize = 200;

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
        trial.ended = status.completion_time;
        trial.ran = SignedDuration::try_from_secs_f64(status.ran_seconds).unwrap_or_default();
        trial.attempts = status.attempts;
        trial.shadow_stop = status.shadow_stop_step;
        trial.message.clone_from(&status.message);
        Some(trial)
    }
}

fn phase(status: &TrialStatus) -> Phase {
    match status.phase {
        TrialPhase::Queued => Phase::Queued,
        TrialPhase::Pending | TrialPhase::Running => Phase::Running,
        TrialPhase::Succeeded => Phase::Succeeded,
        TrialPhase::EarlyStopped => Phase::EarlyStopped,
        TrialPhase::Failed => Phase::Failed(status.failure.map_or(Failure::Crashed, failure)),
        TrialPhase::Cancelled => Phase::Cancelled,
    }
}

fn failure(word: TrialFailure) -> Failure {
    match word {
        TrialFailure::OutOfMemory => Failure::OutOfMemory,
        TrialFailure::Diverged => Failure::Diverged,
        TrialFailure::MetricMissing => Failure::MetricMissing,
        TrialFailure::Crashed => Failure::Crashed,
        TrialFailure::TimedOut => Failure::TimedOut,
    }
}

/// The wire word for a failure.
pub fn failure_word(failure: Failure) -> TrialFailure {
    match failure {
        Failure::OutOfMemory => TrialFailure::OutOfMemory,
        Failure::Diverged => TrialFailure::Diverged,
        Failure::MetricMissing => TrialFailure::MetricMissing,
        Failure::Crashed => TrialFailure::Crashed,
        Failure::TimedOut => TrialFailure::TimedOut,
    }
}

impl TrialStatus {
    /// Adds what an attempt has told: it replaces what an earlier attempt said of the same steps.
    pub fn add_points(&mut self, points: impl IntoIterator<Item = (u64, f64)>) {
        let mut points = points
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .peekable();
        if let Some((first, _)) = points.peek().copied() {
            self.curve.retain(|p| p.step < first);
        }
        self.curve
            .extend(points.map(|(step, value)| CurveRecord { step, value }));
        while self.curve.len() > MOST_POINTS {
            let last = self.curve.len() - 1;
            let mut place = 0;
            self.curve.retain(|_| {
                place += 1;
                (place - 1) % 2 == 0 || place - 1 == last
            });
        }
    }

    /// Ends the clock of the attempt that ran, if one did.
    pub fn close_attempt(&mut self, at: Timestamp, gpus: u32) {
        if let Some(start) = self.attempt_start_time.take() {
            let seconds = at.duration_since(start).as_secs_f64().max(0.0);
            self.ran_seconds += seconds;
            self.gpu_seconds += seconds * f64::from(gpus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_stays_small_and_keeps_its_end() {
        let mut status = TrialStatus::default();
        status.add_points((1..=1000).map(|step| (step, 0.5)));
        assert!(status.curve.len() <= MOST_POINTS, "{}", status.curve.len());
        assert_eq!(status.curve[0].step, 1);
        assert_eq!(status.curve[status.curve.len() - 1].step, 1000);
    }

    #[test]
    fn a_resumed_attempt_replaces_the_steps_that_it_repeats() {
        let mut status = TrialStatus::default();
        status.add_points([(115, 0.8), (230, 0.85)]);
        status.add_points([(230, 0.86), (345, f64::NAN)]);
        let steps: Vec<(u64, f64)> = status.curve.iter().map(|p| (p.step, p.value)).collect();
        assert_eq!(steps, [(115, 0.8), (230, 0.86)]);
    }
}
