//! Plays the part of the kubelet: what becomes of the pods of a test.

use super::Space;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Label of a trial's pods.
const TRIAL: &str = "tuning-operator.io/trial";

/// What becomes of a pod.
#[derive(Clone, Debug)]
pub enum Play {
    /// It runs and ends with this code, termination message and reason.
    Ends(i32, String, &'static str),
    /// It runs until it is taken away.
    Runs,
    /// It runs until this is true, and then ends well without a word.
    RunsUntil(Arc<AtomicBool>),
    /// It runs until it is taken away, and began then by its node's clock, which may be wrong or silent.
    RunsSince(Option<String>),
    /// The node takes it away.
    Evicted,
    /// The node takes it away, and it ends with this code and termination message.
    Drained(i32, String),
    /// It runs until it is asked to end, and then ends with this code and termination message.
    EndsWhenAsked(i32, String),
    /// The kubelet rejects it, for this reason.
    Rejected(&'static str),
    /// It is bound to this node first, whose kubelet is played too.
    On(&'static str, Box<Play>),
    /// Its container can't be started, for this reason.
    Stuck(&'static str),
    /// Nothing comes of it until this is true; then it reports this value.
    Waits(Arc<AtomicBool>, f64),
}

impl Play {
    pub fn on(self, node: &'static str) -> Self {
        Self::On(node, Box::new(self))
    }

    pub fn reports(f1: f64) -> Self {
        Self::Ends(0, json!({"f1": f1}).to_string(), "Completed")
    }
}

impl Space {
    /// Plays the namespace's pods until the answer is dropped: `play` is asked once for each pod, with the trial's name,
    /// its learning rate, and how many pods the trial had before.
    pub fn play(&self, play: impl Fn(&str, f64, usize) -> Play + Send + 'static) -> Player {
        self.play_cleanups(play, Play::Ends(0, String::new(), "Completed"))
    }

    /// Plays a queue that admits each Job at once, until the answer is dropped.
    pub fn admit_all(&self) -> tokio::task::JoinSet<()> {
        let jobs = self.kube_jobs();
        let mut queue = tokio::task::JoinSet::new();
        queue.spawn(async move {
            let admit = Patch::Merge(json!({"spec": {"suspend": false}}));
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                for job in jobs.list(&ListParams::default()).await.into_iter().flatten() {
                    if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) {
                        let _ = jobs.patch(&job.name_any(), &PatchParams::default(), &admit).await;
                    }
                }
            }
        });
        queue
    }

    /// The same, with this for the pods that remove checkpoints; those are not counted.
    pub fn play_cleanups(
        &self,
        play: impl Fn(&str, f64, usize) -> Play + Send + 'static,
        cleanup: Play,
    ) -> Player {
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
                let of_trials = list.items.iter().filter(|p| p.labels().contains_key(TRIAL));
                let active = of_trials.filter(|p| !is_over(p)).count();
                seen.fetch_max(active, Ordering::Relaxed);
                for pod in list.items {
                    let Some(trial) = pod.labels().get(TRIAL).cloned() else {
                        let _ = step(&pods, &pod, &cleanup).await;
                        continue;
                    };
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
    let name = pod.name_any();
    let is_bound = pod.spec.as_ref().is_some_and(|s| s.node_name.is_some());
    if is_over(pod) {
        if is_bound && pod.metadata.deletion_timestamp.is_some() && has_ended_long_ago(pod) {
            let at_once = DeleteParams::default().grace_period(0);
            pods.delete(&name, &at_once).await?;
        }
        return Ok(());
    }
    let part = match part {
        Play::On(node, _) if !is_bound => return bind(pods, &name, node).await,
        Play::On(_, part) => part,
        part => part,
    };
    let Some(status) = next_status(pod, part) else {
        return Ok(());
    };
    let patch = Patch::Merge(json!({"status": status}));
    pods.patch_status(&name, &PatchParams::default(), &patch)
        .await
        .map(drop)
}

/// A kubelet takes a while to clean up after a pod; then its removal bears another second than its end.
fn has_ended_long_ago(pod: &Pod) -> bool {
    let containers = pod.status.as_ref().and_then(|s| s.container_statuses.as_deref());
    let ended = containers.and_then(|c| {
        c.first()?
            .state
            .as_ref()?
            .terminated
            .as_ref()?
            .finished_at
            .clone()
    });
    ended.is_none_or(|at| jiff::Timestamp::now().as_second() > at.0.as_second() + 1)
}

async fn bind(pods: &Api<Pod>, pod: &str, node: &str) -> kube::Result<()> {
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
    pods.create_subresource::<Value, Value>("binding", pod, &PostParams::default(), &binding)
        .await
        .map(drop)
}

/// The status that it has next; `None` while it stays as it is.
fn next_status(pod: &Pod, part: &Play) -> Option<Value> {
    let status = pod.status.clone().unwrap_or_default();
    let has_started = status.start_time.is_some();
    let name = pod.spec.as_ref().map(|s| s.containers[0].name.clone());
    let container = |state: Value| json!([{"name": name, "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state}]);
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let began = status.start_time.map(|t| t.0.to_string());
    let is_asked = pod.metadata.deletion_timestamp.is_some();
    let ended = |code: i32, message: &str, reason: &str| {
        json!({
            "phase": if code == 0 { "Succeeded" } else { "Failed" },
            "containerStatuses": container(json!({"terminated": {
                "exitCode": code, "message": message, "reason": reason, "startedAt": began, "finishedAt": now,
            }})),
        })
    };
    let running = |since: Option<&str>| {
        json!({
            "phase": "Running", "startTime": now, "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}],
            "containerStatuses": container(json!({"running": {"startedAt": since}})),
        })
    };
    let drained = |code: i32, message: &str| {
        let mut status = ended(code, message, "Error");
        status["conditions"] = json!([{"type": "DisruptionTarget", "status": "True",
            "reason": "EvictionByEvictionAPI", "message": "drained"}]);
        status
    };
    match (part, has_started) {
        (Play::On(_, part), _) => next_status(pod, part),
        (Play::Rejected(reason), _) => {
            Some(json!({"phase": "Failed", "reason": reason, "message": "Pod was rejected"}))
        }
        (Play::Waits(ready, _), false) if !ready.load(Ordering::Relaxed) => None,
        (Play::Stuck(reason), false) => Some(json!({"containerStatuses":
            container(json!({"waiting": {"reason": reason, "message": "no such thing"}}))})),
        (Play::Stuck(_) | Play::Runs | Play::RunsSince(_), true) => None,
        (Play::RunsUntil(done), true) => done.load(Ordering::Relaxed).then(|| ended(0, "", "Completed")),
        (Play::RunsSince(since), false) => Some(running(since.as_deref())),
        (_, false) => Some(running(Some(&now))),
        (Play::Evicted, true) => Some(drained(143, "")),
        (Play::Drained(code, message), true) => Some(drained(*code, message)),
        (Play::EndsWhenAsked(code, message), true) => is_asked.then(|| ended(*code, message, "Error")),
        (Play::Waits(_, value), true) => Some(ended(0, &json!({"f1": value}).to_string(), "Completed")),
        (Play::Ends(code, message, reason), true) => Some(ended(*code, message, reason)),
    }
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

/// Serves one page after the other, the last one for ever; the answer is the port.
pub async fn serve(pages: &'static [&'static str]) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut next = pages.iter().copied();
        let mut page = "";
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            page = next.next().unwrap_or(page);
            answer(&mut stream, "200 OK", page).await;
        }
    });
    port
}

/// Answers a request for a page. It is read first: closed with the request unread, a connection takes the answer with it.
pub async fn answer(stream: &mut tokio::net::TcpStream, code: &str, body: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut request = [0; 4096];
    let mut n_read = 0;
    while !request[..n_read].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[n_read..]).await {
            Ok(0) | Err(_) => return,
            Ok(n) => n_read += n,
        }
    }
    let length = body.len();
    let answer = format!("HTTP/1.1 {code}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
}
