//! Jobs whose trials write to a claim, and the cleanups of it.
#![allow(dead_code, reason = "each test program uses a part")]

use crate::cluster::{Space, manifest};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

const TRIAL: &str = "tuning-operator.io/trial";

/// A job whose trials leave checkpoints on a claim.
pub fn on_a_volume(name: &str, trials: u32, retain: &str) -> Value {
    let mut manifest = manifest(name, trials, 1);
    let claim = json!([{"name": "work", "persistentVolumeClaim": {"claimName": "work"}}]);
    manifest["spec"]["trial"]["volumes"] = claim;
    manifest["spec"]["trial"]["checkpointVolume"] = json!("work");
    manifest["spec"]["retain"] = json!(retain);
    manifest
}

/// The folder of the volume that a trial's pod sees.
pub fn sub_path(pod: &Pod) -> String {
    let mounts = pod.spec.as_ref().unwrap().containers[0].volume_mounts.as_ref();
    let mount = mounts
        .unwrap()
        .iter()
        .find(|m| m.mount_path == "/var/tuning/checkpoint");
    mount.unwrap().sub_path.clone().unwrap()
}

pub async fn trial_pods(space: &Space) -> Vec<Pod> {
    let pods = space
        .pods()
        .list(&ListParams::default().labels(TRIAL))
        .await
        .unwrap();
    pods.items
}

pub async fn uid(space: &Space, job: &str) -> String {
    space.jobs().get(job).await.unwrap().uid().unwrap()
}

/// The folder of a trial in that of its job.
pub async fn folder(space: &Space, trial: &str) -> String {
    let uid = space.trials().get(trial).await.unwrap().uid().unwrap();
    format!("{trial}-{uid}")
}

pub async fn cleanup_of(space: &Space, job: &str) -> Option<Job> {
    space
        .kube_jobs()
        .get_opt(&format!("{job}-cleanup"))
        .await
        .unwrap()
}

pub fn arguments(cleanup: &Job) -> Vec<String> {
    let template = &cleanup.spec.as_ref().unwrap().template;
    template.spec.as_ref().unwrap().containers[0]
        .args
        .clone()
        .unwrap()
}
