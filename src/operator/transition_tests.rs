//! What a pass writes of what it has seen.

use super::*;
use crate::operator::attempt_state::{AttemptView, SeenPod};
use crate::tuning::{Exit, Exited, FinalReport, Reported, Run};
use serde_json::{Value, json};

fn job() -> Job {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 3},
            "trial": {"container": {"image": "x"}, "resources": {"limits": {"nvidia.com/gpu": 2}}},
        },
    });
    crate::api::check(&manifest).unwrap().job
}

fn record(status: Value) -> Record {
    let object = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "a-0001"},
        "spec": {"job": "a", "index": 1, "parameters": {"lr": 0.5}}, "status": status,
    });
    Record::parse(&serde_json::from_value(object).unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn observed(state: AttemptState, reported: Reported) -> Observed {
    let pod = SeenPod {
        name: "p".into(),
        uid: "uid-of-p".into(),
        node: Some("n1".into()),
        ..SeenPod::default()
    };
    Observed {
        index: 1,
        attempt: AttemptView {
            state,
            pod: Some(pod),
            look_again: None,
        },
        reported,
    }
}

fn exited(exit: Exit) -> AttemptState {
    let (created, started) = (at(100), Some(at(100)));
    AttemptState::Exited(Exited {
        run: Run {
            is_new: true,
            created,
            started,
        },
        finished: Some(at(160)),
        exit,
        interrupted: None,
    })
}

fn after(record: &Record, observed: &Observed) -> Change {
    change(&job(), ValueSource::Prometheus, record, observed, at(200)).unwrap()
}

#[test]
fn an_end_is_written_with_its_pod_its_source_and_its_gpu_seconds() {
    let pending = record(json!({"phase": "Pending", "attempts": 1, "gpus": 2}));
    let heard = Reported {
        metrics: [("f1".to_owned(), 0.5)].into(),
        ..Reported::default()
    };
    let mute = after(&pending, &observed(exited(Exit::Code(0)), heard.clone()));
    assert_eq!(mute.status.source, Some(ValueSource::Prometheus));
    assert_eq!((mute.status.ran_seconds, mute.status.gpu_seconds), (60.0, 120.0));
    assert_eq!(
        (mute.status.pod.as_deref(), mute.silent_pod.as_deref()),
        (Some("p"), Some("uid-of-p"))
    );
    let report = Some(FinalReport {
        metrics: [("f1".to_owned(), 0.9)].into(),
        device: Some("cuda:0 NVIDIA H100".into()),
        ..FinalReport::default()
    });
    let told = after(
        &pending,
        &observed(exited(Exit::Code(0)), Reported { report, ..heard }),
    );
    assert_eq!(
        (told.status.value, told.status.source),
        (Some(0.9), Some(ValueSource::TerminationMessage))
    );
    assert_eq!(told.status.device.as_deref(), Some("cuda:0 NVIDIA H100"));
}

#[test]
fn a_node_that_would_not_run_it_is_avoided_once() {
    let status = json!({"phase": "Pending", "attempts": 2, "lostAttempts": 1, "avoidNodes": ["n1"]});
    for (before, expected) in [
        (json!({"phase": "Pending", "attempts": 1}), vec!["n1"]),
        (status, vec!["n1"]),
    ] {
        let change = after(
            &record(before),
            &observed(exited(Exit::NotStarted), Reported::default()),
        );
        assert_eq!(change.status.avoid_nodes, expected);
        assert_eq!(
            (change.status.phase, change.status.pod),
            (crate::api::TrialPhase::Queued, None)
        );
    }
}

#[test]
fn the_first_step_and_the_first_evaluation_are_news_and_later_steps_are_not() {
    let at_step = |step: Option<u64>, f1: Option<f64>| TrialStatus {
        step,
        metrics: f1.map(|v| ("f1".to_owned(), v)).into_iter().collect(),
        ..TrialStatus::default()
    };
    let cases = [
        ((None, None), (Some(1), None), true),
        ((Some(1), None), (Some(1), Some(0.5)), true),
        ((Some(1), None), (Some(2), None), false),
        ((Some(2), Some(0.5)), (Some(3), Some(0.6)), false),
    ];
    for (before, after, expected) in cases {
        let is_it = is_news(&at_step(before.0, before.1), &at_step(after.0, after.1));
        assert_eq!(is_it, expected, "{before:?} {after:?}");
    }
}
