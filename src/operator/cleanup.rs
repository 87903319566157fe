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

/// Folders that stay when a job has ended; `None` where nothing is to be removed.
pub fn kept(records: &[Record], retain: Option<Retain>) -> Option<Vec<String>> {
    let stays = |record: &&Record| match (record.status.phase, retain.unwrap_or(Retain::Failed)) {
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
mod tests {
    use super::*;
    use kube::api::DynamicObject;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-02T03:05:00Z";
    const PATIENCE: Duration = Duration::from_secs(300);

    fn record(index: u32, phase: &str, attempts: u32) -> Record {
        let name = format!("job-{index:04}");
        let object: DynamicObject = serde_json::from_value(json!({
            "metadata": {"name": name, "uid": format!("uid-{index}")},
            "spec": {"job": "job", "index": index, "parameters": {}},
            "status": {"phase": phase, "attempts": attempts},
        }))
        .unwrap();
        Record::parse(&object).unwrap()
    }

    #[test]
    fn what_stays_is_what_retain_says_and_what_may_go_on() {
        let all = [
            record(1, "Succeeded", 1),
            record(2, "Failed", 2),
            record(3, "Cancelled", 1),
            record(4, "EarlyStopped", 1),
            record(5, "Queued", 1),
            record(6, "Queued", 0),
        ];
        let kept = |records: &[Record], retain| kept(records, retain).map(|k| k.join(" "));
        assert_eq!(kept(&all, Some(Retain::All)), None);
        assert_eq!(kept(&all, None), Some("job-0002-uid-2 job-0005-uid-5".into()));
        assert_eq!(kept(&all, Some(Retain::None)), Some("job-0005-uid-5".into()));
        // No folder was made, or each is still needed.
        assert_eq!(kept(&all[5..], Some(Retain::None)), None);
        assert_eq!(kept(&all[4..], Some(Retain::None)), None);
        assert_eq!(kept(&all[1..2], None), None);
    }

    fn job(annotation: &str, owner: &str, status: Value) -> Job {
        serde_json::from_value(json!({
            "metadata": {"name": "job-cleanup", "uid": "c", "creationTimestamp": "2026-01-02T03:00:00Z",
                "annotations": {PURPOSE_ANNOTATION: annotation},
                "ownerReferences": [{"apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "name": "job", "uid": owner}]},
            "status": status,
        }))
        .unwrap()
    }

    fn pod(status: Value) -> Pod {
        let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "job-cleanup", "uid": "c", "controller": true});
        serde_json::from_value(
            json!({"metadata": {"name": "p", "ownerReferences": [owner]}, "status": status}),
        )
        .unwrap()
    }

    fn seen(job: &Job, pods: &[Pod], now: &str) -> AttemptView {
        observe(
            Some(job),
            pods,
            "u",
            &Purpose::Deletion,
            PATIENCE,
            now.parse().unwrap(),
        )
    }

    #[test]
    fn only_a_cleanup_of_this_job_for_this_purpose_counts() {
        assert_eq!(
            seen(&job("deletion", "other", json!({})), &[], NOW),
            AttemptView::Foreign
        );
        assert_eq!(seen(&job("end-1", "u", json!({})), &[], NOW), AttemptView::Other);
        let mut going = job("deletion", "u", json!({}));
        going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
        assert_eq!(seen(&going, &[], NOW), AttemptView::Going);
    }

    #[test]
    fn how_it_ended_is_said_in_its_own_words() {
        let ended =
            |type_: &str| json!({"conditions": [{"type": type_, "status": "True", "message": "too often"}]});
        assert_eq!(
            seen(&job("deletion", "u", ended("Complete")), &[], NOW),
            AttemptView::Done
        );
        let failed = job("deletion", "u", ended("Failed"));
        assert_eq!(seen(&failed, &[], NOW), AttemptView::Failed("too often".into()));
        let state = json!({"terminated": {"exitCode": 1, "message": "state: Permission denied"}});
        let status = json!({"containerStatuses": [
            {"name": "cleanup", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}]});
        assert_eq!(
            seen(&failed, &[pod(status)], NOW),
            AttemptView::Failed("state: Permission denied".into())
        );
    }

    #[test]
    fn it_is_not_waited_for_for_ever() {
        let cleanup = job("deletion", "u", json!({}));
        let (early, late) = ("2026-01-02T03:00:10Z", "2026-01-02T03:05:01Z");
        assert_eq!(
            seen(&cleanup, &[], early),
            AttemptView::Works(SignedDuration::from_secs(290))
        );
        let running = pod(json!({"phase": "Running"}));
        assert!(
            matches!(seen(&cleanup, std::slice::from_ref(&running), late), AttemptView::Failed(why) if why.contains("300 s"))
        );
        assert!(matches!(seen(&cleanup, &[], late), AttemptView::Failed(why) if why.contains("no pod")));
        // A node may come; not for as long as work may take.
        let homeless = pod(
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "claim not found", "lastTransitionTime": "2026-01-02T03:00:00Z"}]}),
        );
        let homeless = std::slice::from_ref(&homeless);
        assert!(matches!(
            seen(&cleanup, homeless, "2026-01-02T03:00:59Z"),
            AttemptView::Works(_)
        ));
        assert_eq!(
            seen(&cleanup, homeless, "2026-01-02T03:01:00Z"),
            AttemptView::Failed("claim not found".into())
        );
    }
}
