//! What a pass makes of the attempts that it has looked at: the core's transitions as Trial statuses. Pure.

use super::observe::Observed;
use super::record::Record;
use crate::api::{TrialStatus, ValueSource};
use crate::tuning::{AttemptState, Job, Phase, lifecycle, sentence};
use jiff::Timestamp;

/// Most nodes that a trial's next pod stays away from, as the CRD's schema has it.
const MAX_AVOIDED: usize = 10;

/// A trial after its attempt was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its status now.
    pub status: TrialStatus,
    /// A sentence, if no trial of the job would fare better.
    pub halt: Option<String>,
    /// A sentence, if it waits for something that a person has to mend.
    pub trouble: Option<String>,
    /// The pod that will say no more.
    pub silent_pod: Option<String>,
}

/// What an attempt makes of its trial; `mark` is where the job's metrics are read. `None`: the trial can't be read.
pub fn change(
    job: &Job,
    mark: ValueSource,
    record: &Record,
    observed: &Observed,
    now: Timestamp,
) -> Option<Change> {
    let before = record.trial(&job.space)?;
    let (attempt, reported) = (&observed.attempt, &observed.reported);
    let next = lifecycle::observe(job, &before, &attempt.state, reported, now);
    let trial = &next.trial;
    let mut status = record.status_of(trial);
    let pod = attempt.pod.as_ref();
    let runs = matches!(
        attempt.state,
        AttemptState::Running(_) | AttemptState::Leaving { .. } | AttemptState::Exited(_)
    );
    if let (Some(pod), true) = (pod, runs) {
        status.pod = Some(pod.name.clone());
    }
    match trial.phase {
        Phase::Queued => status.pod = None,
        Phase::Succeeded => {
            let report = reported.report.as_ref();
            let told = report.is_some_and(|r| r.metrics.contains_key(&job.objective.metric));
            status.source = Some(if told {
                ValueSource::TerminationMessage
            } else {
                mark
            });
        }
        _ => {}
    }
    let device = reported
        .report
        .as_ref()
        .and_then(|report| report.device.as_deref());
    status.device = device.map(sentence).or(status.device);
    if trial.n_lost > before.n_lost {
        let known = &mut status.avoid_nodes;
        let node = pod.and_then(|p| p.node.clone());
        known.extend(node.filter(|n| !known.contains(n)));
        let excess = known.len().saturating_sub(MAX_AVOIDED);
        known.drain(..excess);
    }
    Some(Change {
        status,
        halt: next.halt,
        trouble: next.trouble,
        silent_pod: pod
            .map(|p| p.uid.clone())
            .filter(|_| !runs || trial.phase != Phase::Running),
    })
}

/// Whether a status has to be written at once; mere progress is written now and then.
///
/// The first that a trial says of itself is news: a person looks at it to see whether it works.
pub fn is_news(before: &TrialStatus, after: &TrialStatus) -> bool {
    let without_progress = |status: &TrialStatus| TrialStatus {
        step: None,
        total_steps: None,
        metrics: Default::default(),
        ..status.clone()
    };
    without_progress(before) != without_progress(after)
        || before.step.is_none() && after.step.is_some()
        || before.metrics.is_empty() && !after.metrics.is_empty()
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
