//! Who is listened to, for how long, and what is said where nothing is heard: on a real API server, with pods that are played
//! and real endpoints.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Space, block_on, f1, manifest, serve, until, within};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tuning_operator::api::{TrialPhase, TrialStatus};

/// An endpoint for all pods of a test, whose addresses are the same.
#[derive(Clone, Default)]
struct Endpoint {
    requests: Arc<AtomicUsize>,
    /// What it says of the objective, in thousandths.
    thousandths: Arc<AtomicU32>,
}

impl Endpoint {
    async fn serve(&self) -> u16 {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let me = self.clone();
        let page = axum::routing::get(async move || {
            me.requests.fetch_add(1, Ordering::Relaxed);
            let f1 = f64::from(me.thousandths.load(Ordering::Relaxed)) / 1000.0;
            format!("tuning_metric{{name=\"f1\"}} {f1}\ntuning_metric_step 10\ntuning_step 10\n")
        });
        let router = axum::Router::new().route("/metrics", page);
        tokio::spawn(async move { axum::serve(socket, router).await });
        port
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Questions are asked.
    async fn until_asked(&self) {
        let before = self.requests();
        until("somebody asks", async || self.requests() > before + 10).await;
    }

    /// Soon nobody asks any more, five times as long as between two questions.
    async fn until_silent(&self, what: &str) {
        within(60, what, async || {
            let before = self.requests();
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.requests() == before
        })
        .await;
    }
}

async fn status(space: &Space, trial: &str) -> TrialStatus {
    let trial = space.trials().get_opt(trial).await.unwrap();
    trial.and_then(|t| t.status).unwrap_or_default()
}

async fn suspend(space: &Space, job: &str, suspend: bool) {
    let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
    space
        .jobs()
        .patch(job, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

fn with_page(name: &str, max_trials: u32, parallel: u32, port: u16) -> Value {
    let mut manifest = manifest(name, max_trials, parallel);
    manifest["spec"]["metrics"] = json!({"prometheus": {"port": port}});
    manifest
}

#[test]
fn trials_that_were_stopped_early_suspended_evicted_or_deleted_are_asked_no_more() {
    block_on(async {
        let space = Space::new("come-and-go").await;
        let _operator = space.operator();
        let endpoint = Endpoint::default();
        let port = endpoint.serve().await;
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let _player = space.play(move |trial, _, _| match trial {
            "early-0001" | "early-0002" | "early-0003" | "early-0004" => Play::RunsUntil(flag.clone()),
            _ => Play::Runs,
        });

        endpoint.thousandths.store(900, Ordering::Relaxed);
        let mut early = with_page("early", 20, 4, port);
        early["spec"]["earlyStopping"] = json!({"medianStop": {"minCompletedTrials": 3, "startStep": 1}});
        space.apply(&early).await.unwrap();
        for trial in ["early-0001", "early-0002", "early-0003", "early-0004"] {
            until("it is heard", async || {
                status(&space, trial).await.curve.len() == 1
            })
            .await;
        }
        // Those that follow lag behind.
        endpoint.thousandths.store(100, Ordering::Relaxed);
        done.store(true, Ordering::Relaxed);
        space.complete("early").await;
        let trials = space.sorted_trials().await;
        let is_stopped = |t: &&tuning_operator::api::Trial| {
            t.status.as_ref().map(|s| s.phase) == Some(TrialPhase::EarlyStopped)
        };
        let n_stopped = trials.iter().filter(is_stopped).count();
        assert!(n_stopped >= 14, "{n_stopped}");
        endpoint.until_silent("trials that were stopped early").await;

        space.apply(&with_page("holds", 12, 12, port)).await.unwrap();
        endpoint.until_asked().await;
        let names = space.pod_names().await;
        for name in names.iter().take(6) {
            space.pods().delete(name, &DeleteParams::default()).await.unwrap();
        }
        until("other pods run", async || {
            let now = space.pod_names().await;
            now.len() == 12 && now.iter().filter(|n| !names.contains(n)).count() == 6
        })
        .await;
        endpoint.until_asked().await;
        suspend(&space, "holds", true).await;
        endpoint.until_silent("trials that are suspended").await;
        suspend(&space, "holds", false).await;
        endpoint.until_asked().await;
        space
            .jobs()
            .delete("holds", &DeleteParams::default())
            .await
            .unwrap();
        endpoint.until_silent("trials of a job that was deleted").await;
    });
}

#[test]
fn a_pod_that_only_looks_like_a_trials_is_never_believed() {
    block_on(async {
        let space = Space::new("impostor").await;
        let _operator = space.operator();
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let _player = space.play(move |_, _, before| match before {
            0 => Play::RunsUntil(flag.clone()),
            _ => Play::reports(0.99),
        });
        let port = serve(&["tuning_metric{name=\"f1\"} 0.6\ntuning_metric_step 10\n"]).await;
        space.apply(&with_page("job", 1, 1, port)).await.unwrap();
        until("it is heard", async || {
            status(&space, "job-0001").await.metrics.contains_key("f1")
        })
        .await;
        let own = space.pods().get(&space.pod_names().await[0]).await.unwrap();
        let job = space.kube_jobs().get("job-0001").await.unwrap();
        // It bears all that anybody can write but the Job's own claim.
        let mut labels = own.labels().clone();
        labels.retain(|name, _| name.starts_with("tuning-operator.io/"));
        let impostor = json!({
            "metadata": {"name": "zzz", "labels": labels, "annotations": own.annotations(), "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "Job", "name": job.name_any(), "uid": job.uid(), "controller": false}]},
            "spec": {"containers": [{"name": "trial", "image": "x"}], "restartPolicy": "Never"},
        });
        // Of two pods of one Job the newer counts.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let impostor = serde_json::from_value(impostor).unwrap();
        space
            .pods()
            .create(&PostParams::default(), &impostor)
            .await
            .unwrap();
        until("the impostor has reported", async || {
            let pod = space.pods().get_opt("zzz").await.unwrap();
            let phase = pod.and_then(|p| p.status?.phase);
            phase.as_deref() == Some("Succeeded")
        })
        .await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = status(&space, "job-0001").await;
        assert_eq!(before.pod, Some(own.name_any()), "{before:?}");
        assert_eq!(before.phase, TrialPhase::Running);
        done.store(true, Ordering::Relaxed);
        space.complete("job").await;
        assert_eq!(status(&space, "job-0001").await.value, Some(0.6));
    });
}

#[test]
fn a_running_trial_says_why_it_is_not_heard_until_it_is() {
    block_on(async {
        let space = Space::new("unheard").await;
        let _operator = space.operator();
        let _player = space.play(|trial, rate, _| match trial {
            "job-0001" => Play::Runs,
            _ => Play::reports(f1(rate)),
        });
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        drop(socket);
        space
            .apply(&with_page("job", 1, 1, address.port()))
            .await
            .unwrap();
        until("it says so", async || {
            let message = status(&space, "job-0001").await.message;
            message.contains("the connection is refused") && message.contains(&address.port().to_string())
        })
        .await;
        assert_eq!(status(&space, "job-0001").await.phase, TrialPhase::Running);
        let socket = tokio::net::TcpListener::bind(address).await.unwrap();
        let page = axum::routing::get(async || "tuning_metric{name=\"f1\"} 0.6\ntuning_metric_step 1\n");
        let router = axum::Router::new().route("/metrics", page);
        tokio::spawn(async move { axum::serve(socket, router).await });
        until("it is heard", async || {
            let status = status(&space, "job-0001").await;
            status.metrics.contains_key("f1") && status.message.is_empty()
        })
        .await;
    });
}

#[test]
fn a_file_of_certificates_that_is_not_there_is_refused_at_the_start() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_tuning-operator"))
        .args(["run", "--prometheus-url", "https://prometheus.example"])
        .args(["--prometheus-ca-file", "/does/not/exist"])
        .output()
        .unwrap();
    assert_eq!(program.status.code(), Some(2));
    let said = String::from_utf8_lossy(&program.stderr).into_owned();
    let expected = "tuning-operator: --prometheus-ca-file: /does/not/exist can't be read: ";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn a_value_of_an_earlier_pod_is_never_final() {
    block_on(async {
        let space = Space::new("earlier").await;
        let _operator = space.operator();
        let port = serve(&["tuning_metric{name=\"f1\"} 0.6\ntuning_metric_step 10\n"]).await;
        let _player = space.play(|_, _, before| match before {
            0 => Play::EndsWhenAsked(143, String::new()).on("n1"),
            // Over before anybody could listen, and without a word.
            _ => Play::Ends(0, String::new(), "Completed"),
        });
        let mut manifest = manifest("job", 1, 1);
        manifest["spec"]["metrics"] = json!({"prometheus": {"port": port}});
        space.apply(&manifest).await.unwrap();
        until("it has said something", async || {
            status(&space, "job-0001").await.metrics.contains_key("f1")
        })
        .await;
        let pod = space.pod_names().await.remove(0);
        space.pods().delete(&pod, &DeleteParams::default()).await.unwrap();
        until("it has ended", async || {
            status(&space, "job-0001").await.completion_time.is_some()
        })
        .await;
        let status = status(&space, "job-0001").await;
        // The page may have been read in the instant in which the second pod ran: then it is that pod's value.
        let heard = status.metrics.contains_key("f1");
        assert_eq!(status.phase == TrialPhase::Succeeded, heard, "{status:?}");
        assert_eq!(status.attempts, 2);
    });
}
