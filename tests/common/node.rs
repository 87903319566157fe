//! What the tests on a real node share: their manifests, and waiting for what a pod says and a trial shows.
#![allow(dead_code, reason = "each test program uses a part")]

use crate::cluster::{Space, manifest, within};
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams, PostParams};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tuning_operator::api::{Trial, TrialFailure, TrialPhase};

/// A trainer may have a fraction of a core here.
const PATIENCE: u64 = 900;

/// Port 9090 of a pod answers with the words of a shell in `answer`, until the operator has asked three times: two answers
/// have come to their end then. (The Prometheus server's questions do not count.)
pub fn until_asked(answer: &str) -> String {
    let script = r#"mkdir -p /tmp; : > /tmp/asked
        printf '%s\n' '#!/bin/sh' \
            'while read -r line && [ ${#line} -gt 1 ]; do case $line in *Prometheus*) exec true;; esac; done' \
            'echo >> /tmp/asked' 'ANSWER' > /tmp/serve
        chmod +x /tmp/serve; nc -ll -p 9090 -e /tmp/serve &
        until [ $(wc -l < /tmp/asked) -ge 3 ]; do sleep 0.2; done; "#;
    script.replace("ANSWER", answer)
}

/// Three metrics pages on port 9090, one after another; `page` is a format for their number. Each stays until
/// [`go_on_from`] lets it go.
pub fn pages(page: &str) -> String {
    let script = r#"mkdir -p /tmp/www; httpd -p 9090 -h /tmp/www
        for i in 1 2 3; do printf 'PAGE' $i $i > /tmp/www/new; mv /tmp/www/new /tmp/www/metrics
        until [ -e /volume/page-$i-is-over ]; do sleep 0.2; done; done"#;
    script.replace("PAGE", page)
}

/// Lets a namespace's pods go on from their page of this number.
pub fn go_on_from(space: &Space, page: usize) {
    std::fs::write(folder(space).join(format!("page-{page}-is-over")), "").unwrap();
}

/// The same trials with the namespace's volume.
pub fn with_volume(mut manifest: Value) -> Value {
    manifest["spec"]["trial"]["volumes"] = volumes();
    manifest
}

fn volumes() -> Value {
    json!([{"name": "work", "mountPath": "/volume", "persistentVolumeClaim": {"claimName": "work"}}])
}

/// MiniLM and MRPC on a volume that tests/cluster/e2e has made for the namespace. The node's graphics cards are a device plugin's
/// invention: what counts is who holds them.
pub fn bert(name: &str, trials: u32, parallel: u32) -> Value {
    let mut manifest = manifest(name, trials, parallel);
    manifest["spec"]["trial"] = json!({
        "bert": {"task": "mrpc", "model": "/volume/minilm", "data": "/volume/mrpc", "epochs": 1, "batchSize": 32, "device": "cpu"},
        "volumes": volumes(),
        "checkpointVolume": "work",
        "resources": {"requests": {"cpu": "500m"}, "limits": {"nvidia.com/gpu": 1, "memory": "3Gi"}},
    });
    manifest
}

/// The folder of this machine that is the namespace's volume.
pub fn folder(space: &Space) -> PathBuf {
    let volume = std::env::var_os("TUNING_CLUSTER_VOLUME").expect("run this by make e2e");
    Path::new(&volume).join(&space.name)
}

/// A claim of the namespace, on its folder.
pub async fn work_volume(space: &Space) {
    let folder = folder(space);
    std::fs::create_dir_all(&folder).unwrap();
    let (name, size) = (format!("work-{}", space.name), json!({"storage": "1Gi"}));
    let volume = json!({"metadata": {"name": name}, "spec": {"capacity": size, "accessModes": ["ReadWriteMany"],
        "storageClassName": "none", "hostPath": {"path": folder}}});
    let claim = json!({"metadata": {"name": "work"}, "spec": {"resources": {"requests": size}, "volumeName": name,
        "accessModes": ["ReadWriteMany"], "storageClassName": "none"}});
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(space.client.clone(), &space.name);
    let params = PostParams::default();
    volumes
        .create(&params, &serde_json::from_value(volume).unwrap())
        .await
        .unwrap();
    claims
        .create(&params, &serde_json::from_value(claim).unwrap())
        .await
        .unwrap();
}

/// One trial after another runs this in a shell.
pub fn shell(name: &str, trials: u32, script: &str) -> Value {
    let mut manifest = manifest(name, trials, 1);
    manifest["spec"]["trial"]["container"] = json!({
        "image": "localhost/tuning-operator/shell:test", "command": ["/bin/sh", "-c"], "args": [script],
    });
    // The image names no user.
    manifest["spec"]["trial"]["podSecurityContext"] = json!({"runAsUser": 1000});
    manifest
}

pub fn in_log(mut manifest: Value) -> Value {
    manifest["spec"]["metrics"] =
        json!({"logs": {"definitions": [{"name": "f1", "regex": "f1=([0-9.naN]+)"}]}});
    manifest
}

pub async fn trial(space: &Space, name: &str) -> Trial {
    space.trials().get(name).await.unwrap()
}

/// Waits until a trial has ended, and says how.
pub async fn ended(space: &Space, name: &str) -> (TrialPhase, Option<TrialFailure>, Option<f64>, String) {
    within(PATIENCE, &format!("{name} ends"), async || {
        let trial = space.trials().get_opt(name).await.unwrap();
        trial
            .and_then(|t| t.status)
            .is_some_and(|s| s.completion_time.is_some())
    })
    .await;
    let status = trial(space, name).await.status.unwrap();
    println!(
        "{name}: {:?} {:?} {:?}: {}",
        status.phase, status.failure, status.value, status.message
    );
    (status.phase, status.failure, status.value, status.message)
}

/// Waits until the last point of a trial's curve has this value.
pub async fn shows(space: &Space, name: &str, value: f64) {
    within(PATIENCE, &format!("{name} shows {value}"), async || {
        let trial = space.trials().get_opt(name).await.unwrap();
        let status = trial.and_then(|t| t.status).unwrap_or_default();
        status.curve.last().is_some_and(|point| point.value == value)
    })
    .await;
}

/// Waits until the cluster's Prometheus server knows so many series for a query.
pub async fn server_knows(query: &str, n_series: usize) {
    let server = std::env::var("TUNING_CLUSTER_PROMETHEUS").expect("run this by make e2e");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = format!("{server}/api/v1/query");
    let url = reqwest::Url::parse_with_params(&page, [("query", query)]).unwrap();
    within(PATIENCE, &format!("{n_series} series for {query}"), async || {
        let answer = http.get(url.clone()).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"]["result"].as_array().map(Vec::len) == Some(n_series)
    })
    .await;
}

/// The name of a pod, once it runs.
pub async fn running_pod(space: &Space) -> String {
    let mut name = None;
    within(PATIENCE, "a pod runs", async || {
        let pods = space.pods().list(&ListParams::default()).await.unwrap().items;
        let phase = |pod: &Pod| pod.status.as_ref()?.phase.clone();
        let running = pods.iter().find(|pod| phase(pod).as_deref() == Some("Running"));
        name = running.map(ResourceExt::name_any);
        name.is_some()
    })
    .await;
    name.unwrap()
}

/// Follows the log of a pod until a line begins so, and gives that line.
pub async fn said(space: &Space, pod: &str, beginning: &str) -> String {
    let params = LogParams {
        follow: true,
        ..LogParams::default()
    };
    let mut lines = space.pods().log_stream(pod, &params).await.unwrap().lines();
    let find = async {
        while let Some(line) = lines.try_next().await.unwrap() {
            if line.starts_with(beginning) {
                return line;
            }
        }
        panic!("{pod} ended and never said {beginning}");
    };
    let found = tokio::time::timeout(Duration::from_secs(PATIENCE), find).await;
    found.unwrap_or_else(|_| panic!("waited in vain: {pod} says {beginning}"))
}

/// The numbers in a line, in their order.
pub fn numbers(line: &str) -> Vec<u64> {
    let parts = line.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}
