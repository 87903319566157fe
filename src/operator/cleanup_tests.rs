//! Unit tests of `cleanup`.

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
    let with_models =
        |records: &[Record], retain, models: &[u32]| kept(records, retain, models).map(|k| k.join(" "));
    let kept = |records: &[Record], retain| with_models(records, retain, &[]);
    assert_eq!(kept(&all, Some(Retain::All)), None);
    assert_eq!(kept(&all, None), Some("job-0002-uid-2 job-0005-uid-5".into()));
    assert_eq!(kept(&all, Some(Retain::None)), Some("job-0005-uid-5".into()));
    let best = with_models(&all, None, &[1, 4]);
    assert_eq!(
        best,
        Some("job-0001-uid-1 job-0002-uid-2 job-0005-uid-5".into()),
        "a stopped trial has no model"
    );
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
    serde_json::from_value(json!({"metadata": {"name": "p", "ownerReferences": [owner]}, "status": status}))
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
