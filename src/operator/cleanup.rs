//! Which checkpoints are no longer needed, and how does the Job stand that removes them? Pure.

use super::attempt_state::{self, time};
use super::checkpoint_folder;
use super::record::Record;
use crate::api::{Retain, TrialPhase, TrialSpec, VolumeSpec};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use std::time::Duration;

/// Annotation of a cleanup's Job: what it is for.
pub const PURPOSE_ANNOTATION: &str = "tuning-operator.io/cleanup";
/// Most folders that a cleanup is told to keep: the Job has to fit into etcd.
pub const MAX_KEPT: usize = 2000;
/// Part of its time for which a cleanup may look for a node.
const LOOKS_FOR_A_NODE: u32 = 5;

/// What a cleanup is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// The job has ended; this is the generation of its spec.
    End(i64),
    /// The job is being deleted.
    Deletion,
}

impl Purpose {
    /// The word in the annotation.
    pub fn word(&self) -> String {
        match self {
            Self::End(generation) => format!("end-{generation}"),
            Self::Deletion => "deletion".into(),
        }
    }
}

/// Name of a job's cleanup.
pub fn name(job: &str) -> String {
    format!("{job}-cleanup")
}

/// The volume that checkpoints outlive their pods on, if there is one.
pub fn volume(trial: &TrialSpec) -> Option<&VolumeSpec> {
    let name = trial.checkpoint_volume.as_ref()?;
    let volume = trial.volumes.iter().find(|v| v.name == *name)?;
    volume.persistent_volume_claim.is_some().then_some(volume)
}

/// Folders that stay when a job has ended; `None` where nothing is to be removed. `models` are the trials whose models do.
pub fn kept(records: &[Record], retain: Option<Retain>, models: &[u32]) -> Option<Vec<String>> {
    let stays = |record: &&Record| match (record.status.phase, retain.unwrap_or(Retain::Failed)) {
        (TrialPhase::Succeeded, _) if models.contains(&record.index) => true,
        // Whoever mends the job's configuration lets it go on.
        (TrialPhase::Queued | TrialPhase::Pending | TrialPhase::Running, _) | (_, Retain::All) => true,
        (phase, Retain::Failed) => phase == TrialPhase::Failed,
        (_, Retain::None) => false,
    };
    let began: Vec<&Record> = records.iter().filter(|r| r.status.attempts > 0).collect();
    let kept: Vec<String> = began
        .iter()
        .filter(|r| stays(r))
        .map(|r| checkpoint_folder::of_trial(&r.object, checkpoint_folder::number(&r.status)))
        .collect();
    (kept.len() < began.len()).then_some(kept)
}

/// How a cleanup stands.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptView {
    /// There is none.
    Absent,
    /// One is being taken away.
    Going,
    /// One that is there has another purpose.
    Other,
    /// A Job of that name is not this job's cleanup.
    Foreign,
    /// It is at work; it has so much time left.
    Works(SignedDuration),
    /// It has done what it is for.
    Done,
    /// It has not, and why.
    Failed(String),
}

/// Looks at the Job that has the cleanup's name, and at the pods of its namespace.
pub fn observe(
    job: Option<&Job>,
    pods: &[Pod],
    uid: &str,
    purpose: &Purpose,
    patience: Duration,
    now: Timestamp,
) -> AttemptView {
    let Some(job) = job else {
        return AttemptView::Absent;
    };
    if job.metadata.deletion_timestamp.is_some() {
        return AttemptView::Going;
    }
    if !is_of(job, uid) {
        return AttemptView::Foreign;
    }
    if job.annotations().get(PURPOSE_ANNOTATION) != Some(&purpose.word()) {
        return AttemptView::Other;
    }
    let own = pods.iter().filter(|p| attempt_state::belongs(p, job));
    let newest = own.max_by_key(|p| p.creation_timestamp().map(|t| t.0));
    if attempt_state::has_ended(job) {
        return match failure(job) {
            None => AttemptView::Done,
            Some(why) => AttemptView::Failed(newest.and_then(last_words).unwrap_or(why)),
        };
    }
    let since = job.creation_timestamp().map_or(now, |t| time(&t));
    let left = until(since, patience, now);
    match newest.and_then(no_node) {
        Some((since, why)) if !until(since, patience / LOOKS_FOR_A_NODE, now).is_positive() => {
            AttemptView::Failed(why)
        }
        Some((_, why)) if !left.is_positive() => AttemptView::Failed(why),
        None if !left.is_positive() => AttemptView::Failed(match newest {
            Some(_) => format!("it has not finished in {} s", patience.as_secs()),
            None => "it was given no pod; kubectl describe job says why".into(),
        }),
        _ => AttemptView::Works(left),
    }
}

/// Whether a Job is a cleanup of the TuningJob with this uid.
pub fn is_of(job: &Job, uid: &str) -> bool {
    job.owner_references().iter().any(|o| o.uid == uid)
}

/// What is left of a time.
pub fn until(since: Timestamp, patience: Duration, now: Timestamp) -> SignedDuration {
    let patience = SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX);
    now.duration_since(since)
        .checked_neg()
        .map_or(SignedDuration::ZERO, |d| d.saturating_add(patience))
}

/// Why a Job failed, if it did.
fn failure(job: &Job) -> Option<String> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let failed = conditions
        .iter()
        .find(|c| c.type_ == "Failed" && c.status == "True")?;
    Some(failed.message.clone().unwrap_or_default())
}

/// Since when the scheduler has no node for a pod, and why.
fn no_node(pod: &Pod) -> Option<(Timestamp, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    let since = time(condition.last_transition_time.as_ref()?);
    Some((since, condition.message.clone().unwrap_or_default()))
}

/// What a pod's container said at its end.
fn last_words(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ended = statuses.first()?.state.as_ref()?.terminated.as_ref()?;
    ended.message.clone().filter(|m| !m.trim().is_empty())
}

#[cfg(test)]
#[path = "cleanup_tests.rs"]
mod tests;
