//! What Jobs and pods say of an attempt.

use super::*;
use serde_json::{Value, json};

const EARLY: &str = "2026-01-02T03:00:00Z";
const LATE: &str = "2026-01-02T04:00:00Z";

fn job(status: Value) -> Job {
    serde_json::from_value(json!({"metadata": {"name": "a-0001", "uid": "u"}, "status": status})).unwrap()
}

fn going_on() -> Job {
    job(json!({}))
}

fn over(type_: &str) -> Job {
    job(json!({"conditions": [{"type": type_, "status": "True", "message": "so it is"}]}))
}

fn suspended(mut job: Job) -> Job {
    job.spec = Some(k8s_openapi::api::batch::v1::JobSpec {
        suspend: Some(true),
        ..Default::default()
    });
    job
}

fn pod(name: &str, created: &str, status: Value) -> Pod {
    let metadata = json!({
        "name": name, "uid": name, "creationTimestamp": created,
        "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "a-0001", "uid": "u", "controller": true}],
    });
    serde_json::from_value(
        json!({"metadata": metadata, "spec": {"nodeName": "n1", "containers": []}, "status": status}),
    )
    .unwrap()
}

/// To be gone by this time, with a grace of a minute.
fn deleted(mut pod: Pod, gone_by: &str) -> Pod {
    pod.metadata.deletion_timestamp = serde_json::from_value(json!(gone_by)).unwrap();
    pod.metadata.deletion_grace_period_seconds = Some(60);
    pod
}

fn disrupted(mut status: Value) -> Value {
    status["conditions"] = json!([{"type": "DisruptionTarget", "status": "True", "message": "drained"}]);
    status
}

fn container(state: Value) -> Value {
    json!([{"name": "trial", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}])
}

fn ended(code: i32, reason: &str) -> Value {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    json!({"phase": phase, "containerStatuses": container(json!({"terminated": {
        "exitCode": code, "reason": reason, "startedAt": EARLY, "finishedAt": LATE,
    }}))})
}

fn running() -> Value {
    json!({"phase": "Running", "podIP": "10.0.0.7",
        "containerStatuses": container(json!({"running": {"startedAt": LATE}}))})
}

fn look_at(job: &Job, pods: &[Pod], now: &str) -> AttemptView {
    let lens = Lens {
        last_pod: None,
        lost_after: SignedDuration::from_mins(5),
        now: now.parse().unwrap(),
    };
    observe(Some(job), pods, &lens)
}

fn look(job: &Job, pods: &[Pod]) -> AttemptState {
    look_at(job, pods, "2026-01-02T05:00:00Z").state
}

fn interruption(job: &Job, pod: Pod) -> Option<Interruption> {
    match look(job, &[pod]) {
        AttemptState::Exited(exited) => exited.interrupted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn exit_codes_signals_and_memory_are_told_apart() {
    let cases = [
        (0, "Completed", Exit::Code(0)),
        (42, "Error", Exit::Code(42)),
        (137, "OOMKilled", Exit::OutOfMemory),
        (139, "Error", Exit::Signal(11)),
        (128, "StartError", Exit::NotStarted),
    ];
    for (code, reason, exit) in cases {
        let state = look(&going_on(), &[pod("p", EARLY, ended(code, reason))]);
        let AttemptState::Exited(end) = state else {
            panic!("{code} {reason}");
        };
        assert_eq!((end.exit, end.interrupted), (exit, None));
    }
}

#[test]
fn the_newest_pod_counts_and_a_strangers_does_not() {
    let old = pod("old", EARLY, disrupted(ended(143, "Error")));
    let mut stranger = pod("stranger", "2026-01-02T05:00:00Z", ended(1, "Error"));
    stranger.metadata.owner_references = None;
    let pods = [pod("new", LATE, running()), stranger, old];
    let seen = look_at(&going_on(), &pods, "2026-01-02T05:00:00Z");
    assert!(matches!(seen.state, AttemptState::Running(_)), "{seen:?}");
    assert_eq!(seen.pod.unwrap().name, "new");
}

#[test]
fn a_pod_is_new_unless_it_was_seen_last() {
    for (last, is_new) in [(None, true), (Some("other"), true), (Some("p"), false)] {
        let lens = Lens {
            last_pod: last,
            lost_after: SignedDuration::from_mins(5),
            now: LATE.parse().unwrap(),
        };
        let AttemptState::Running(run) =
            observe(Some(&going_on()), &[pod("p", EARLY, running())], &lens).state
        else {
            panic!("it runs");
        };
        assert_eq!((run.is_new, run.created), (is_new, EARLY.parse().unwrap()));
    }
}

#[test]
fn waiting_says_what_a_person_has_to_mend() {
    let wait = |reason: &str| {
        json!({"phase": "Pending", "containerStatuses":
            container(json!({"waiting": {"reason": reason, "message": "not found"}}))})
    };
    let unschedulable = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
    ]});
    let cases = [
        (wait("ContainerCreating"), "", false),
        (wait("ErrImagePull"), "ErrImagePull: not found", true),
        (unschedulable, "Unschedulable: 0/1 nodes are available", true),
    ];
    for (status, why, needs_help) in cases {
        let why = why.to_owned();
        assert_eq!(
            look(&going_on(), &[pod("p", EARLY, status)]),
            AttemptState::Waiting { why, needs_help }
        );
    }
}

#[test]
fn a_job_that_ended_without_a_pod_to_be_seen_is_unclear() {
    let why = "its Job is Failed: so it is".to_owned();
    assert_eq!(look(&over("Failed"), &[]), AttemptState::Unclear { why });
}

#[test]
fn ended_while_it_was_drained_a_report_counts_and_else_its_job_decides_whether_it_runs_again() {
    for (job, restarts) in [
        (going_on(), true),
        (over("Complete"), false),
        (over("Failed"), false),
    ] {
        let found = interruption(&job, pod("p", EARLY, disrupted(ended(0, "Completed")))).unwrap();
        assert_eq!((found.restarts, found.may_have_finished), (restarts, true));
        assert_eq!(found.why, "its pod was disrupted: drained");
    }
}

#[test]
fn deleted_by_a_person_whatever_it_made_of_the_signal_it_is_not_to_blame() {
    for (code, reason) in [(143, "Error"), (137, "Error"), (1, "Error"), (0, "Completed")] {
        let taken = deleted(pod("p", EARLY, ended(code, reason)), "2026-01-02T04:00:30Z");
        for (job, restarts, may_have_finished) in [
            (going_on(), true, false),
            (over("Failed"), false, false),
            (over("Complete"), false, true),
        ] {
            let found = interruption(&job, taken.clone()).unwrap();
            assert_eq!(
                (found.restarts, found.may_have_finished),
                (restarts, may_have_finished),
                "{code}"
            );
        }
    }
    // It had ended before anybody asked.
    let tidied = deleted(pod("p", EARLY, ended(1, "Error")), "2026-01-02T04:30:00Z");
    assert_eq!(interruption(&going_on(), tidied), None);
}

#[test]
fn suspended_by_a_queue_it_waits_and_no_word_of_it_counts() {
    let job = suspended(going_on());
    for code in [0, 1, 143] {
        let taken = deleted(pod("p", EARLY, ended(code, "Error")), "2026-01-02T04:00:30Z");
        let found = interruption(&job, taken).unwrap();
        assert_eq!((found.restarts, found.may_have_finished), (true, false), "{code}");
        // The kubelet removes what has ended, a while later: that is the time that its pod then bears.
        let mut removed = deleted(pod("p", EARLY, ended(code, "Error")), "2026-01-02T04:01:00Z");
        removed.metadata.deletion_grace_period_seconds = Some(0);
        assert_eq!(interruption(&job, removed), Some(found), "{code}");
    }
    let AttemptState::Waiting { why, needs_help } = look(&job, &[]) else {
        panic!("it waits");
    };
    assert!(!needs_help && why.contains("suspended"), "{why}");
    // It had ended before.
    assert_eq!(interruption(&job, pod("p", EARLY, ended(0, "Completed"))), None);
}

#[test]
fn what_the_kubelet_rejects_or_loses_is_the_nodes_doing() {
    let rejected = json!({"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no devices"});
    let cases = [
        (rejected, "UnexpectedAdmissionError: no devices"),
        (
            ended(137, "ContainerStatusUnknown"),
            "its node lost sight of it: ",
        ),
    ];
    for (status, why) in cases {
        for job in [going_on(), over("Failed")] {
            let why = why.to_owned();
            let lost = AttemptState::Lost { why, by_node: true };
            assert_eq!(look(&job, &[pod("p", EARLY, status.clone())]), lost);
        }
    }
}

#[test]
fn what_comes_before_a_trial_fails_for_reasons_of_its_own() {
    let helper = |name: &str, state: Value| json!([{"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}]);
    let ended_badly = json!({"terminated": {"exitCode": 2, "reason": "Error", "message": "no such host"}});
    let failed = json!({"phase": "Failed", "initContainerStatuses": helper("fetch", ended_badly),
        "containerStatuses": container(json!({"waiting": {"reason": "PodInitializing"}}))});
    let why = "its container fetch ended with exit code 2: no such host".to_owned();
    let lost = AttemptState::Lost { why, by_node: true };
    assert_eq!(look(&over("Failed"), &[pod("p", EARLY, failed)]), lost);
    // Once its own container has ended, a sidecar that still runs is nobody's business.
    let mut beside = ended(3, "Error");
    beside["phase"] = json!("Running");
    beside["initContainerStatuses"] = helper("watch", json!({"running": {}}));
    let AttemptState::Exited(exited) = look(&going_on(), &[pod("p", EARLY, beside)]) else {
        panic!("a sidecar holds it up");
    };
    assert_eq!(exited.exit, Exit::Code(3));
}

#[test]
fn a_pod_that_is_to_end_has_its_time_then_its_node_has_and_then_it_is_lost() {
    let leaving = deleted(pod("p", EARLY, disrupted(running())), "2026-01-02T05:00:00Z");
    let cases = [
        ("2026-01-02T04:59:00Z", Some(60), "drained"),
        ("2026-01-02T05:01:00Z", Some(240), "n1 has not ended it in time"),
    ];
    for (now, again, says) in cases {
        let seen = look_at(&going_on(), std::slice::from_ref(&leaving), now);
        let AttemptState::Leaving { why } = seen.state else {
            panic!("{now}");
        };
        assert!(why.contains(says), "{why}");
        assert_eq!(seen.look_again.map(|d| d.as_secs()), again);
    }
    let seen = look_at(&going_on(), &[leaving], "2026-01-02T05:05:00Z");
    let AttemptState::Lost { why, by_node: false } = seen.state else {
        panic!("{seen:?}");
    };
    assert!(why.contains("n1 is not heard of"), "{why}");
}

#[test]
fn a_pod_whose_controller_is_not_the_job_does_not_belong_to_it_whatever_it_bears() {
    let job: Job = serde_json::from_value(json!({"metadata": {"name": "a-0001", "uid": "u"}})).unwrap();
    let own = pod("a", "2026-01-02T03:04:05Z", json!({}));
    assert!(belongs(&own, &job));
    let cases = [
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "a-0001", "uid": "u", "controller": false}]),
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "a-0001", "uid": "u"}]),
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "a-0001", "uid": "before", "controller": true},
            {"apiVersion": "batch/v1", "kind": "Job", "name": "a-0001", "uid": "u"}]),
        json!([]),
    ];
    for owners in cases {
        let mut impostor = own.clone();
        impostor.metadata.owner_references = serde_json::from_value(owners.clone()).unwrap();
        assert!(!belongs(&impostor, &job), "{owners}");
    }
    let nobodys = serde_json::from_value(json!({"metadata": {"name": "a-0001"}})).unwrap();
    assert!(!belongs(&own, &nobodys));
}
