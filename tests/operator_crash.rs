//! Promise 1: the operator killed after any single write, the end is that of an undisturbed run.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Player, Space, answer, block_on, f1, manifest, until};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tuning_operator::api::TrialPhase;

/// What a job came to, without what depends on the time.
async fn outcome(space: &Space, job: &str, player: &Player) -> Value {
    let status = space.jobs().get(job).await.unwrap().status.unwrap();
    let trials = space.sorted_trials().await;
    let trials = trials.iter().filter(|t| t.spec.job == job).map(|t| {
        let status = t.status.clone().unwrap_or_default();
        json!([
            t.index(),
            t.spec.parameters,
            t.spec.why,
            status.phase,
            status.failure,
            status.attempts,
            status.value
        ])
    });
    json!({
        "trials": trials.collect::<Vec<_>>(), "counts": status.trials, "best": status.best.map(|b| b.value),
        "recommended": status.recommended, "phase": status.phase, "pods": player.pods(), "message": status.message,
    })
}

/// Four trials, one after the other: one made by hand, a failure, two successes, an eviction.
fn mixed(trial: &str, rate: f64, before: usize) -> Play {
    match (trial, before) {
        ("job-0002", _) => Play::Ends(1, "no".into(), "Error"),
        ("job-0003", 0) => Play::Evicted,
        _ => Play::reports(f1(rate)),
    }
}

#[test]
fn killed_after_any_write_the_end_is_that_of_an_undisturbed_run() {
    block_on(every_k("kill", 15, async |space| {
        let player = space.play(mixed);
        let mut manifest = manifest("job", 4, 1);
        manifest["spec"]["suspend"] = json!(true);
        space.apply(&manifest).await.unwrap();
        let by_hand = json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial",
            "metadata": {"name": "my-guess"}, "spec": {"job": "job", "parameters": {"learning_rate": 3e-5}}});
        space.apply(&by_hand).await.unwrap();
        let has_number = async || space.trials().get("my-guess").await.unwrap().index().is_some();
        until("the trial made by hand has a number", has_number).await;
        suspend(space, false).await;
        space.complete("job").await;
        until("only the failed trial's Job is left", async || {
            space.kube_job_names().await == ["job-0002"]
        })
        .await;
        outcome(space, "job", &player).await
    }));
}

/// The same with three trials at once, of which one fails, one is evicted and one is rejected by a kubelet. What was known when a
/// trial was proposed depends on which of them was faster, its point does not.
#[test]
fn killed_after_any_write_of_three_trials_at_once() {
    block_on(every_k("three", 25, async |space| {
        let player = space.play(|trial, rate, before| match (trial, before) {
            ("job-0002", _) => Play::Ends(1, "no".into(), "Error"),
            ("job-0003", 0) => Play::Evicted,
            ("job-0005", 0) => Play::Rejected("OutOfcpu"),
            _ => Play::reports(f1(rate)),
        });
        let mut manifest = manifest("job", 6, 3);
        manifest["spec"]["strategy"] = json!({"sobol": {"seed": 7}});
        space.apply(&manifest).await.unwrap();
        space.complete("job").await;
        until("only the failed trial's Job is left", async || {
            space.kube_job_names().await == ["job-0002"]
        })
        .await;
        let mut outcome = outcome(space, "job", &player).await;
        for trial in outcome["trials"].as_array_mut().unwrap() {
            trial[2].take();
        }
        outcome
    }));
}

/// A trial says that no other would fare better: it is not run again, whenever the operator dies.
#[test]
fn killed_after_any_write_a_stop_for_bad_configuration_is_not_forgotten() {
    block_on(every_k("stop", 5, async |space| {
        let player = space.play(|_, _, _| Play::Ends(42, "no data".into(), "Error"));
        space.apply(&manifest("job", 3, 1)).await.unwrap();
        until("the job has failed and its trial waits", async || {
            let status = space.jobs().get("job").await.unwrap().status.unwrap_or_default();
            space.holds("job", "Failed").await.is_some() && status.trials.queued == 1
        })
        .await;
        until("no Job is left", async || space.kube_job_names().await.is_empty()).await;
        let outcome = outcome(space, "job", &player).await;
        assert_eq!(outcome["pods"], 1, "{outcome:#}");
        outcome
    }));
}

/// The first three trials report a curve, the fourth one lags behind it until it is stopped.
#[test]
fn killed_after_any_write_of_a_job_that_is_stopped_suspended_and_deleted() {
    block_on(every_k("halt", 20, async |space| {
        let lags = Arc::new(AtomicBool::new(false));
        let (port, flag) = (lagging_endpoint(lags.clone()).await, lags.clone());
        let player = space.play(move |trial, rate, before| match (trial, before) {
            // Taken away by the suspension.
            ("job-0002", 0) => Play::Runs,
            ("job-0004", _) => {
                flag.store(true, Ordering::SeqCst);
                Play::Runs
            }
            _ => Play::Ends(
                0,
                json!({"f1": f1(rate), "curve": [{"step": 5, "f1": f1(rate)}]}).to_string(),
                "Completed",
            ),
        });
        let mut manifest = manifest("job", 4, 1);
        manifest["spec"]["metrics"] = json!({"prometheus": {"port": port}});
        manifest["spec"]["earlyStopping"] = json!({"medianStop": {"minCompletedTrials": 3, "startStep": 1}});
        space.apply(&manifest).await.unwrap();
        let second_runs = async || {
            let trial = space.trials().get_opt("job-0002").await.unwrap();
            trial
                .and_then(|t| t.status)
                .is_some_and(|s| s.phase == TrialPhase::Running)
        };
        until("the second trial runs", second_runs).await;
        suspend(space, true).await;
        until("no pod is left of it", async || {
            space.holds("job", "Suspended").await.is_some() && !has_active_pod(space).await
        })
        .await;
        suspend(space, false).await;
        space.complete("job").await;
        until("no Job is left", async || space.kube_job_names().await.is_empty()).await;
        let outcome = outcome(space, "job", &player).await;
        assert_eq!(outcome["counts"]["earlyStopped"], 1, "{outcome:#}");
        let background = DeleteParams::background();
        space.jobs().delete("job", &background).await.unwrap();
        until("nothing is left", async || {
            space.sorted_trials().await.is_empty() && space.pod_names().await.is_empty()
        })
        .await;
        outcome
    }));
}

/// Its checkpoints are removed at its end, and the rest of them when it is deleted.
#[test]
fn killed_after_any_write_of_a_job_that_leaves_checkpoints_on_a_volume() {
    block_on(every_k("clean", 12, async |space| {
        let player = space.play(mixed);
        let mut manifest = manifest("job", 2, 1);
        let claim = json!([{"name": "work", "persistentVolumeClaim": {"claimName": "work"}}]);
        manifest["spec"]["trial"]["volumes"] = claim;
        manifest["spec"]["trial"]["checkpointVolume"] = json!("work");
        space.apply(&manifest).await.unwrap();
        space.complete("job").await;
        until("its checkpoints are removed", async || {
            let status = space.jobs().get("job").await.unwrap().status.unwrap();
            status.checkpoints_cleaned_generation.is_some()
        })
        .await;
        let outcome = outcome(space, "job", &player).await;
        let background = DeleteParams::background();
        space.jobs().delete("job", &background).await.unwrap();
        until("nothing is left", async || {
            space.jobs().get_opt("job").await.unwrap().is_none()
                && space.sorted_trials().await.is_empty()
                && space.pod_names().await.is_empty()
        })
        .await;
        let events: Api<Event> = Api::namespaced(space.client.clone(), &space.name);
        let events = events.list(&Default::default()).await.unwrap();
        let is_left = |e: &&Event| e.reason.as_deref() == Some("CheckpointsLeft");
        assert_eq!(events.items.iter().find(is_left), None);
        outcome
    }));
}

async fn suspend(space: &Space, suspend: bool) {
    let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
    let params = PatchParams::default();
    space.jobs().patch("job", &params, &patch).await.unwrap();
}

async fn has_active_pod(space: &Space) -> bool {
    let pods = space.pods().list(&Default::default()).await.unwrap();
    pods.items.iter().any(|p| {
        let phase = p.status.as_ref().and_then(|s| s.phase.as_deref());
        !matches!(phase, Some("Succeeded" | "Failed"))
    })
}

/// Serves a low value once `lags` is true, and nothing before; the answer is the port.
async fn lagging_endpoint(lags: Arc<AtomicBool>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let page = "tuning_metric{name=\"f1\"} 0.001\ntuning_metric_step 5\ntuning_step 5\n";
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (code, body) = if lags.load(Ordering::SeqCst) {
                ("200 OK", page)
            } else {
                ("503 Not Yet", "")
            };
            answer(&mut stream, code, body).await;
        }
    });
    port
}

/// Drives a job once undisturbed, and then once for each write of that run with an operator that dies after it, before it
/// has seen the answer; another takes its place. Each time the outcome has to be the same.
async fn every_k(name: &str, least: usize, drive: impl AsyncFn(&Space) -> Value) {
    let space = Space::new(&format!("{name}-0")).await;
    let operator = space.operator();
    let expected = drive(&space).await;
    let n_writes = operator.writes();
    println!("{n_writes} writes: {:#?}", operator.log());
    assert!(n_writes > least);
    drop(operator);
    let ks: Vec<usize> = (1..=n_writes).collect();
    for some in ks.chunks(6) {
        let runs = some.iter().map(|k| killed_after(name, *k, &drive));
        for (k, outcome) in some.iter().zip(futures::future::join_all(runs).await) {
            assert_eq!(outcome, expected, "killed after write {k}");
        }
    }
}

async fn killed_after(name: &str, k: usize, drive: impl AsyncFn(&Space) -> Value) -> Value {
    let space = Space::new(&format!("{name}-{k}")).await;
    let replaced = async {
        let mut first = space.operator_dying_after(k);
        // It may have no write number k: events are written by the way.
        let _ = tokio::time::timeout(Duration::from_secs(30), &mut first.task).await;
        drop(first);
        let _second = space.operator();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = drive(&space) => outcome,
        () = replaced => unreachable!("the second operator works for ever"),
    }
}
