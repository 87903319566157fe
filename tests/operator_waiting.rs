//! What a trial says, what the API server refuses and what a cluster has no room for: one trial's trouble is one trial's,
//! a person is told the cause, and not before it is a person's business.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/kubelet.rs"]
mod kubelet;

use cluster::{Play, Space, block_on, f1, manifest, until, within};
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Event, Namespace, ResourceQuota, ServiceAccount};
use kube::Resource;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tuning_operator::api::{Trial, TrialFailure, TrialPhase, TrialStatus};
use tuning_operator::operator::PrometheusServer;

/// What a job says of itself.
async fn message(space: &Space, job: &str) -> String {
    let status = space.jobs().get(job).await.unwrap().status;
    status.map(|s| s.message).unwrap_or_default()
}

async fn trial_status(space: &Space, name: &str) -> TrialStatus {
    let trial = space.trials().get_opt(name).await.unwrap();
    trial.and_then(|t| t.status).unwrap_or_default()
}

async fn says(space: &Space, job: &str, what: &str) {
    within(90, &format!("{job} says: {what}"), async || {
        message(space, job).await.contains(what)
    })
    .await;
}

/// Every trial of a job with so many comes to an end, and no record of any was refused.
async fn none_is_refused(space: &Space, mut job: Value) -> Vec<Trial> {
    let n_trials = job["spec"]["budget"]["maxTrials"].as_u64().unwrap();
    job["spec"]["strategy"] = json!({"random": {"seed": 7}});
    job["spec"]["budget"]["maxFailedTrials"] = json!(n_trials);
    space.apply(&job).await.unwrap();
    until("every trial has come to an end", async || {
        let trials = space.sorted_trials().await;
        let is_over = |t: &Trial| t.status.as_ref().is_some_and(|s| s.phase.is_final());
        trials.len() as u64 == n_trials && trials.iter().all(is_over)
    })
    .await;
    let trials = space.sorted_trials().await;
    let refused = |t: &&Trial| t.status.as_ref().unwrap().failure == Some(TrialFailure::Refused);
    let refused: Vec<_> = trials.iter().filter(refused).map(|t| &t.status).collect();
    assert!(
        refused.is_empty(),
        "what is said is bounded where it enters: {refused:#?}"
    );
    space.complete("job").await;
    trials
}

/// Place of a trial's, or of its pod's, name in its job, from 0.
fn place(name: &str) -> usize {
    let index: usize = name.split('-').nth(1).unwrap().parse().unwrap();
    index - 1
}

#[test]
fn nothing_that_a_trial_reports_makes_its_record_unwritable() {
    block_on(async {
        let space = Space::new("hostile-reports").await;
        let _operator = space.operator();
        let reports = hostile::reports(7, 40);
        let job = manifest("job", reports.len() as u32, 8);
        let _player =
            space.play(move |trial, _, _| Play::Ends(0, reports[place(trial)].clone(), "Completed"));
        none_is_refused(&space, job).await;
    });
}

#[test]
fn nothing_that_a_trial_prints_makes_its_record_unwritable() {
    block_on(async {
        let space = Space::new("hostile-logs").await;
        let logs = hostile::logs(7, 24);
        let mut job = manifest("job", logs.len() as u32, 8);
        let others = (0..39).map(|n| json!({"name": format!("m{n}"), "regex": format!("m{n}=(\\S*)")}));
        let mut definitions: Vec<Value> = others.collect();
        definitions.push(json!({"name": "f1", "regex": "f1\"?[=:] ?([^\\s,]*)"}));
        job["spec"]["metrics"] = json!({"logs": {"definitions": definitions}});
        kubelet::serve(&space.client, "hostile-logs", move |pod| logs[place(pod)].clone()).await;
        let _operator = space.operator();
        let _player = space.play(|_, _, _| Play::Ends(0, String::new(), "Completed").on("hostile-logs"));
        let trials = none_is_refused(&space, job).await;
        let values = trials.iter().filter_map(|t| t.status.as_ref().unwrap().value);
        assert!(values.count() > 12, "most have a value: {trials:#?}");
        assert_eq!(trials[0].status.as_ref().unwrap().value, Some(0.5));
    });
}

#[test]
fn nothing_that_a_metrics_page_shows_makes_a_record_unwritable() {
    block_on(async {
        let space = Space::new("hostile-pages").await;
        let _operator = space.operator();
        let done = Arc::new(AtomicBool::new(false));
        let runs = done.clone();
        let _player = space.play(move |_, _, _| Play::RunsUntil(runs.clone()));
        let mut job = manifest("job", 1, 1);
        let (port, served) = hostile::serve(hostile::pages(7, 60)).await;
        job["spec"]["metrics"] = json!({"prometheus": {"port": port}});
        space.apply(&job).await.unwrap();
        until("all of its pages were read", async || {
            served.load(Ordering::Relaxed)
        })
        .await;
        done.store(true, Ordering::Relaxed);
        space.complete("job").await;
        let status = trial_status(&space, "job-0001").await;
        assert_eq!((status.phase, status.value), (TrialPhase::Succeeded, Some(0.5)));
        assert!(status.metrics.len() <= 100 && status.metrics.contains_key("f1"));
    });
}

#[test]
fn a_job_that_the_api_server_refuses_is_stalled_with_its_sentence() {
    block_on(async {
        let mut space = Space::new("refused-job").await;
        // However patient: no waiting mends it.
        space.stalled_after = SignedDuration::from_hours(1);
        let _operator = space.operator();
        let volume = |name: &str| json!({"name": name, "mountPath": "/data", "emptyDir": {}});
        let refused = [
            (
                "cpu",
                json!({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
                "must be less than or equal to cpu limit",
            ),
            (
                "mounts",
                json!({"volumes": [volume("a"), volume("b")]}),
                "mountPath: Invalid value: \"/data\": must be unique",
            ),
            (
                "queue",
                json!({"queueName": "Team A!"}),
                "Invalid value: \"Team A!\": a valid label must be",
            ),
        ];
        for (name, trial, sentence) in refused {
            let mut job = manifest(name, 2, 1);
            let spec = job["spec"]["trial"].as_object_mut().unwrap();
            spec.extend(trial.as_object().unwrap().clone());
            space.apply(&job).await.unwrap();
            until("it is stalled", async || {
                space.holds(name, "Stalled").await.as_deref() == Some("TrialsCannotRun")
            })
            .await;
            let said = message(&space, name).await;
            let first = format!("{name}-0001");
            let whole = [
                &format!("{first}: "),
                sentence,
                "delete the job and apply it again",
            ];
            assert!(whole.iter().all(|part| said.contains(part)), "{said}");
            let status = trial_status(&space, &first).await;
            assert_eq!(status.phase, TrialPhase::Pending);
            assert!(status.message.contains(sentence), "{}", status.message);
        }
    });
}

async fn quota(space: &Space, hard: Value) {
    let quotas: Api<ResourceQuota> = Api::namespaced(space.client.clone(), &space.name);
    let quota = json!({"metadata": {"name": "team"}, "spec": {"hard": hard}});
    let quota: ResourceQuota = serde_json::from_value(quota).unwrap();
    let _ = quotas.create(&PostParams::default(), &quota).await;
    // Its controller does not run here.
    let none: Value = hard
        .as_object()
        .unwrap()
        .keys()
        .map(|k| (k.clone(), json!("0")))
        .collect();
    let status = Patch::Merge(json!({"spec": {"hard": hard}, "status": {"hard": hard, "used": none}}));
    let params = PatchParams::default();
    quotas.patch("team", &params, &status).await.unwrap();
    quotas.patch_status("team", &params, &status).await.unwrap();
}

#[test]
fn a_quota_is_waited_for_and_said_and_then_a_person_is_called() {
    block_on(async {
        let mut space = Space::new("quota").await;
        space.stalled_after = SignedDuration::from_secs(8);
        quota(&space, json!({"count/jobs.batch": "0"})).await;
        let _operator = space.operator();
        let _player = space.play(|_, rate, _| Play::reports(f1(rate)));
        space.apply(&manifest("job", 1, 1)).await.unwrap();
        says(&space, "job", "exceeded quota").await;
        assert_eq!(
            space.holds("job", "Reconciling").await.as_deref(),
            Some("TrialsWaiting")
        );
        assert_eq!(space.holds("job", "Stalled").await, None);
        until("it is stalled", async || {
            space.holds("job", "Stalled").await.is_some()
        })
        .await;
        assert!(message(&space, "job").await.contains("exceeded quota"));
        quota(&space, json!({"count/jobs.batch": "9"})).await;
        space.complete("job").await;
    });
}

#[test]
fn pods_that_the_namespace_does_not_admit_are_said_with_the_reason() {
    block_on(async {
        let space = Space::new("pod-security").await;
        let strict = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
        let namespaces: Api<Namespace> = Api::all(space.client.clone());
        let params = PatchParams::default();
        namespaces
            .patch(&space.name, &params, &Patch::Merge(strict))
            .await
            .unwrap();
        let _operator = space.operator();
        let mut root = manifest("job", 1, 1);
        root["spec"]["trial"]["podSecurityContext"] = json!({"runAsUser": 0});
        space.apply(&root).await.unwrap();
        says(&space, "job", "FailedCreate: ").await;
        let said = message(&space, "job").await;
        assert!(said.contains("violates PodSecurity"), "{said}");
        let status = trial_status(&space, "job-0001").await;
        assert!(
            status.message.contains("violates PodSecurity"),
            "{}",
            status.message
        );
    });
}

#[test]
fn a_service_account_that_is_not_there_is_said_and_waited_for() {
    block_on(async {
        let space = Space::new("no-account").await;
        let _operator = space.operator();
        let _player = space.play(|_, rate, _| Play::reports(f1(rate)));
        let mut job = manifest("job", 1, 1);
        job["spec"]["trial"]["serviceAccountName"] = json!("trainer");
        space.apply(&job).await.unwrap();
        says(&space, "job", "serviceaccount \"trainer\" not found").await;
        assert!(message(&space, "job").await.contains("FailedCreate: "));
        assert!(space.holds("job", "Stalled").await.is_some());
        let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
        let account = serde_json::from_value(json!({"metadata": {"name": "trainer"}})).unwrap();
        accounts.create(&PostParams::default(), &account).await.unwrap();
        space.complete("job").await;
        assert_eq!(space.holds("job", "Stalled").await, None);
    });
}

#[test]
fn a_volume_that_cannot_be_mounted_is_said_in_the_words_of_who_tried() {
    block_on(async {
        let space = Space::new("failed-mount").await;
        let _operator = space.operator();
        let ready = Arc::new(AtomicBool::new(false));
        let mounted = ready.clone();
        let _player = space.play(move |_, rate, _| Play::Waits(mounted.clone(), f1(rate)));
        let complaints = [
            (
                "mount",
                "FailedMount",
                "MountVolume.SetUp failed: secret \"hub\" not found",
            ),
            (
                "attach",
                "FailedAttachVolume",
                "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) other-0",
            ),
        ];
        let events: Api<Event> = Api::namespaced(space.client.clone(), &space.name);
        for (name, reason, sentence) in complaints {
            space.apply(&manifest(name, 1, 1)).await.unwrap();
            let label = format!("tuning-operator.io/job={name}");
            let params = ListParams::default().labels(&label);
            until("it has a pod", async || {
                !space.pods().list(&params).await.unwrap().items.is_empty()
            })
            .await;
            let pod = space.pods().list(&params).await.unwrap().items.remove(0);
            let event: Event = serde_json::from_value(json!({
                "metadata": {"name": name}, "involvedObject": pod.object_ref(&()), "type": "Warning",
                "reason": reason, "message": sentence, "lastTimestamp": "2026-01-02T03:04:05Z",
            }))
            .unwrap();
            events.create(&PostParams::default(), &event).await.unwrap();
            says(&space, name, &format!("{reason}: {sentence}")).await;
        }
        ready.store(true, Ordering::Relaxed);
        space.complete("mount").await;
        space.complete("attach").await;
    });
}

#[test]
fn what_comes_about_by_itself_is_no_failure() {
    block_on(async {
        let mut space = Space::new("patient").await;
        space.stalled_after = SignedDuration::from_hours(1);
        let _operator = space.operator();
        let _stuck = space.play(|_, _, _| Play::Stuck("ErrImagePull"));
        space.apply(&manifest("job", 1, 1)).await.unwrap();
        says(&space, "job", "ErrImagePull").await;
        assert_eq!(
            space.holds("job", "Reconciling").await.as_deref(),
            Some("TrialsWaiting")
        );
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(space.holds("job", "Stalled").await, None);
        let events: Api<Event> = Api::namespaced(space.client.clone(), &space.name);
        let said = events.list(&Default::default()).await.unwrap();
        let warnings = said
            .iter()
            .filter(|e| e.reason.as_deref() == Some("TrialsCannotRun"));
        assert_eq!(warnings.count(), 0);
    });
}

#[test]
fn a_prometheus_server_that_is_away_holds_up_its_own_trials_end_and_nothing_else() {
    block_on(async {
        let mut space = Space::new("no-prometheus").await;
        // The port is taken, and nobody answers until the test does.
        let (prometheus, port) = hostile::Silent::new().await;
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        space.prometheus = Some(PrometheusServer::new(url, None, None).unwrap());
        let _operator = space.operator();
        let _player = space.play(|trial, _, _| match trial {
            "job-0001" => Play::Ends(0, String::new(), "Completed"),
            _ => Play::Runs,
        });
        let mut job = manifest("job", 2, 2);
        job["spec"]["metrics"] = json!({"promQuery": {"metric": "train_f1"}});
        job["spec"]["budget"]["maxTrialDuration"] = json!("20s");
        space.apply(&job).await.unwrap();
        until("the first waits for its value", async || {
            let status = trial_status(&space, "job-0001").await;
            status.message.contains("its value is waited for")
        })
        .await;
        // Time limits go on.
        until("the second has run out of time", async || {
            let status = trial_status(&space, "job-0002").await;
            status.phase == TrialPhase::Failed
        })
        .await;
        prometheus.answer(0.75);
        until("the first has its value", async || {
            trial_status(&space, "job-0001").await.value == Some(0.75)
        })
        .await;
        space.complete("job").await;
    });
}
