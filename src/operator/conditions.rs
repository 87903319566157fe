//! How a job stands, as the conditions of its status say it. Pure.
//!
//! Conditions follow kstatus: Reconciling while there is work to do, Stalled where only a person can help, Ready at the
//! end. A suspended job is as its spec wants it, and not at its end: it has no Ready, and kstatus takes it for Current.
//! Complete, Failed and Suspended are for people and `kubectl wait`. NarrowRange is advice and says nothing of how the job
//! stands: it is absent until enough trials have ended.

use super::waited_for;
use crate::api::{Condition, ConditionStatus, Fault, TuningJobStatus};
use crate::tuning::{ALL_COLLAPSED, AtEnd, EndReason, Ended, Job, sentence};
use jiff::Timestamp;

/// What to say of a job beside its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// Its spec can't be used.
    Invalid(String),
    /// It waits for another job or object.
    Waiting(String),
    /// A person has to mend something before its trials can go on.
    Stuck(String),
    /// Its trials wait for something that may come about by itself.
    Held(String),
    /// It works; a sentence, if some of its trials can't run.
    Working(Option<String>),
    /// It holds still.
    Suspended,
    /// It has ended.
    Ended(Ended),
}

/// The phases of a job, as its status says them.
pub const PHASES: [&str; 6] = ["Pending", "Running", "Suspended", "Stalled", "Complete", "Failed"];

/// Type of the condition that says that a parameter's range may be too narrow.
const NARROW_RANGE: &str = "NarrowRange";

/// The end that a status tells of, if the job has ended.
pub fn recorded_end(status: &TuningJobStatus) -> Option<Ended> {
    let holds =
        |c: &&Condition| c.status == ConditionStatus::True && (c.type_ == "Complete" || c.type_ == "Failed");
    let condition = status.conditions.iter().find(holds)?;
    let reason = EndReason::ALL
        .into_iter()
        .find(|r| r.word() == condition.reason)?;
    Some(Ended {
        reason,
        message: condition.message.clone(),
    })
}

/// The faults of a spec as one sentence.
pub fn faults_sentence(faults: &[Fault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    sentence(&all.join("; "))
}

/// Phase, message and conditions.
pub fn set(status: &mut TuningJobStatus, state: &JobState, generation: Option<i64>, now: Timestamp) {
    use ConditionStatus::{False, True};
    let (phase, reason, message) = words(state, status);
    let at_end = matches!(state, JobState::Ended(_));
    let good_end = matches!(state, JobState::Ended(e) if e.reason.is_success());
    let bad_end = at_end && !good_end;
    let stalled = bad_end || matches!(state, JobState::Invalid(_) | JobState::Stuck(_));
    let is_suspended = matches!(state, JobState::Suspended);
    let working = matches!(
        state,
        JobState::Working(_) | JobState::Waiting(_) | JobState::Held(_)
    );
    let says = [
        ("Ready", good_end),
        ("Reconciling", working),
        ("Stalled", stalled),
        ("Complete", good_end),
        ("Failed", bad_end),
        ("Suspended", is_suspended),
    ];
    let earlier = std::mem::take(&mut status.conditions);
    let advice = earlier.iter().find(|c| c.type_ == NARROW_RANGE).cloned();
    let condition = |(type_, holds): (&str, bool)| {
        let condition = Condition {
            type_: type_.to_owned(),
            status: if holds { True } else { False },
            reason: reason.to_owned(),
            message: message.clone(),
            last_transition_time: now,
            observed_generation: generation,
        };
        condition.since(&earlier)
    };
    let is_said = |(type_, _): &(&str, bool)| *type_ != "Ready" || !is_suspended;
    let said = says.into_iter().filter(is_said).map(condition);
    status.conditions = said.chain(advice).collect();
    status.observed_generation = generation;
    status.waiting_for = what_is_waited_for(state).map(str::to_owned);
    status.phase = Some(phase.into());
    status.message = message;
    status.completion_time = at_end.then(|| status.completion_time.unwrap_or(now));
}

/// Whether the best trials lie at an end of a parameter's range; nothing is said while `ends` is `None`.
pub fn set_range(
    status: &mut TuningJobStatus,
    job: &Job,
    ends: Option<&[AtEnd]>,
    generation: Option<i64>,
    now: Timestamp,
) {
    let is_advice = |c: &mut Condition| c.type_ == NARROW_RANGE;
    let earlier: Vec<Condition> = status.conditions.extract_if(.., is_advice).collect();
    let Some(ends) = ends else { return };
    let (holds, reason, message) = match ends {
        [] => {
            let message = "the trials do not show that a better point lies beyond the range of a parameter";
            (ConditionStatus::False, "BestInside", message.to_owned())
        }
        ends => {
            let all: Vec<String> = ends.iter().map(|end| end.sentence(job)).collect();
            (ConditionStatus::True, "BestAtEnd", all.join("; "))
        }
    };
    let condition = Condition {
        type_: NARROW_RANGE.into(),
        status: holds,
        reason: reason.into(),
        message,
        last_transition_time: now,
        observed_generation: generation,
    };
    status.conditions.push(condition.since(&earlier));
}

/// What trials wait for, as one word.
fn what_is_waited_for(state: &JobState) -> Option<&str> {
    match state {
        JobState::Waiting(_) => Some("Job"),
        JobState::Stuck(why) | JobState::Held(why) | JobState::Working(Some(why)) => {
            Some(waited_for::word(why))
        }
        JobState::Working(None) | JobState::Invalid(_) | JobState::Suspended | JobState::Ended(_) => None,
    }
}

fn words(state: &JobState, status: &TuningJobStatus) -> (&'static str, &'static str, String) {
    match state {
        JobState::Invalid(why) => ("Stalled", "InvalidSpec", why.clone()),
        JobState::Waiting(why) => ("Pending", "Waiting", why.clone()),
        JobState::Stuck(why) => ("Stalled", "TrialsCannotRun", why.clone()),
        JobState::Suspended => ("Suspended", "Suspended", "spec.suspend is true".into()),
        JobState::Ended(end) => {
            let phase = if end.reason.is_success() {
                "Complete"
            } else {
                "Failed"
            };
            (phase, end.reason.word(), end.message.clone())
        }
        JobState::Held(why) => {
            let trials = &status.trials;
            let has_begun = trials.succeeded + trials.early_stopped + trials.failed > 0;
            let phase = if has_begun { "Running" } else { "Pending" };
            (phase, "TrialsWaiting", why.clone())
        }
        JobState::Working(trouble) => {
            let progress = status.progress.clone().unwrap_or_default();
            let trouble = trouble.as_ref().map(|why| format!("; {why}"));
            let doubt = status.best.as_ref().filter(|best| best.collapsed);
            let doubt = doubt.map(|_| format!("; {ALL_COLLAPSED}"));
            let notes = [doubt, trouble].into_iter().flatten().collect::<String>();
            (
                "Running",
                "TrialsRunning",
                format!("{progress} trials done{notes}"),
            )
        }
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
