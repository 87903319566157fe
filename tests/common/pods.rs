//! Plays the part of the kubelet: what becomes of the pods of a test.

use super::Space;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What becomes of a pod.
#[derive(Clone, Debug)]
pub enum Play {
    /// It runs and ends with this code, termination message and reason.
    Ends(i32, String, &'static str),
    /// It runs until it is taken away.
    Runs,
    /// It runs until this is true, and then ends well without a word.
    RunsUntil(Arc<AtomicBool>),
    /// The node takes it away.
    Evicted,
    /// Its container can't be started, for this reason.
    Stuck(&'static str),
}

impl Play {
    pub fn reports(f1: f64) -> Self {
        Self::Ends(0, json!({"f1": f1}).to_string(), "Completed")
    }
}

impl Space {
    /// Plays the namespace's pods until the answer is dropped: `play` is asked once for each pod, with the trial's name,
    /// its learning rate, and how many pods the trial had before.
    pub fn play(&self, play: impl Fn(&str, f64, usize) -> Play + Send + 'static) -> Player {
        let pods = self.pods();
        let (most, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, count) = (most.clone(), all.clone());
        let task = tokio::spawn(async move {
            let mut known: HashMap<String, Play> = HashMap::new();
            let mut n_pods: HashMap<String, usize> = HashMap::new();
            loop {
                tokio::time::sleep(Duration::from_millis(30)).await;
                let Ok(list) = pods.list(&ListParams::default()).await else {
                    continue;
                };
                let active = list.items.iter().filter(|p| !is_over(p)).count();
                seen.fetch_max(active, Ordering::Relaxed);
                for pod in list.items {
                    let trial = pod.labels()["tuning-operator.io/trial"].clone();
                    let part = known.entry(pod.uid().unwrap()).or_insert_with(|| {
                        count.fetch_add(1, Ordering::Relaxed);
                        let before = n_pods.entry(trial.clone()).or_default();
                        *before += 1;
                        play(&trial, learning_rate(&pod), *before - 1)
                    });
                    let _ = step(&pods, &pod, part).await;
                }
            }
        });
        Player { task, most, all }
    }
}

fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn learning_rate(pod: &Pod) -> f64 {
    let parameters = &pod.annotations()["tuning-operator.io/parameters"];
    serde_json::from_str::<Value>(parameters).unwrap()["learning_rate"]
        .as_f64()
        .unwrap()
}

/// Brings a pod one step further.
async fn step(pods: &Api<Pod>, pod: &Pod, part: &Play) -> kube::Result<()> {
    let status = pod.status.clone().unwrap_or_default();
    let started = status.start_time.is_some();
    let now = "2026-01-02T03:04:05Z";
    let container = |state: Value| json!([{"name": "trial", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state}]);
    let running = json!({"running": {"startedAt": now}});
    let new = match (part, started) {
        _ if is_over(pod) => return Ok(()),
        (Play::Stuck(reason), false) => {
            json!({"containerStatuses": container(json!({"waiting": {"reason": reason, "message": "no such thing"}}))})
        }
        (Play::Stuck(_) | Play::Runs, true) => return Ok(()),
        (Play::RunsUntil(done), true) if !done.load(Ordering::Relaxed) => return Ok(()),
        (Play::RunsUntil(_), true) => json!({
            "phase": "Succeeded",
            "containerStatuses": container(json!({"terminated": {"exitCode": 0, "startedAt": now, "finishedAt": now}})),
        }),
        (_, false) => {
            json!({"phase": "Running", "startTime": now, "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "containerStatuses": container(running)})
        }
        (Play::Evicted, true) => json!({
            "phase": "Failed", "reason": "Evicted",
            "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}],
            "containerStatuses": container(json!({"terminated": {"exitCode": 143, "startedAt": now, "finishedAt": now}})),
        }),
        (Play::Ends(code, message, reason), true) => json!({
            "phase": if *code == 0 { "Succeeded" } else { "Failed" },
            "containerStatuses": container(json!({"terminated": {
                "exitCode": code, "message": message, "reason": reason, "startedAt": now, "finishedAt": "2026-01-02T03:14:05Z",
            }})),
        }),
    };
    let patch = Patch::Merge(json!({"status": new}));
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch)
        .await
        .map(drop)
}

/// Plays pods until it is dropped.
pub struct Player {
    task: tokio::task::JoinHandle<()>,
    most: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

impl Player {
    /// Pods so far.
    pub fn pods(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Most pods at once so far.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.task.abort();
    }
}
