//! Unit tests of `watch`.

use super::*;
use crate::operator::scope::Scope;
use crate::operator::telemetry::Telemetry;
use k8s_openapi::api::core::v1::Pod;
use std::sync::Mutex;

fn pod(name: &str, job: &str) -> Pod {
    let metadata = serde_json::json!({"name": name, "namespace": "team", "labels": {JOB_LABEL: job}});
    serde_json::from_value(serde_json::json!({"metadata": metadata})).unwrap()
}

fn expired() -> watcher::Error {
    let gone = kube::core::Status::failure("too old resource version", "Expired").with_code(410);
    watcher::Error::WatchError(gone.boxed())
}

#[tokio::test]
async fn what_went_while_a_watch_was_broken_departs_and_wakes_its_job() {
    let telemetry = Telemetry::new().unwrap();
    let wake = Wake::new(telemetry.clone());
    let mut woken = wake.stream();
    let health = Arc::new(Health::new(telemetry));
    let jobs = Writer::new(job_resource()).as_reader();
    let listed = Arc::new(Listed::new(&Scope::default(), jobs, wake.clone()));
    let follower = Follower {
        wake,
        health,
        listed: listed.clone(),
    };
    let (index, gone) = (Index::default(), Arc::new(Mutex::new(Vec::new())));
    let departed = gone.clone();
    let (send, events) = futures::channel::mpsc::unbounded();
    let (kind, place) = ("Pod", None);
    follower.follow(
        Watched { kind, place },
        events,
        index.clone(),
        owner_by_label,
        move |owner, pod: Pod| {
            departed.lock().unwrap().push((owner.1.clone(), pod.name_any()));
        },
    );
    let list = |pods: &[Pod]| {
        let all = pods.iter().cloned().map(Event::InitApply);
        for event in std::iter::once(Event::Init).chain(all).chain([Event::InitDone]) {
            send.unbounded_send(Ok(event)).unwrap();
        }
    };
    list(&[pod("a-0001-x", "a"), pod("b-0001-x", "b")]);
    for _ in 0..2 {
        woken.next().await.unwrap();
    }
    send.unbounded_send(Err(expired())).unwrap();
    list(&[]);
    let mut jobs = [woken.next().await.unwrap().1, woken.next().await.unwrap().1];
    jobs.sort();
    assert_eq!(jobs, ["a", "b"]);
    let mut gone = std::mem::take(&mut *gone.lock().unwrap());
    gone.sort();
    assert_eq!(
        gone,
        [
            ("a".into(), "a-0001-x".into()),
            ("b".into(), "b-0001-x".to_string())
        ]
    );
    assert!(index.of(&("team".into(), "a".into())).is_empty());
}
