//! Applied again from Git, after the operator has worked: nothing differs, nobody conflicts, and `spec` is not the operator's.

use super::git::Git;
use super::lua::action;
use super::on_a_volume;
use super::recorded::get;
use crate::cluster::{Play, Space, block_on, f1, manifest, until};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tuning_operator::operator::MANAGER;

#[test]
fn applied_by_the_client_again_nothing_changes() {
    block_on(life("again-client", false));
}

#[test]
fn applied_by_the_server_again_nothing_changes() {
    block_on(life("again-server", true));
}

async fn life(name: &str, server_side: bool) {
    let space = Space::new(name).await;
    let git = Git::new(&space, server_side);
    fill(&git);
    let _operator = space.operator();
    let goes_on = Arc::new(AtomicBool::new(false));
    let flag = goes_on.clone();
    let _player = space.play(move |trial, rate, _| match trial.starts_with("paused-") {
        true => Play::Waits(flag.clone(), f1(rate)),
        false => Play::reports(f1(rate)),
    });
    git.apply().await;
    until("all but one have come to an end", async || {
        let phases = phases(&space).await;
        let is_over = |name: &str, phase: &str| match name {
            "paused" => phase == "Running",
            _ => phase == "Complete",
        };
        phases.len() == 7 && phases.iter().all(|(name, phase)| is_over(name, phase))
    })
    .await;
    unchanged(&space, &git).await;
    act(&space, "suspend").await;
    until_phase(&space, "paused", "Suspended").await;
    unchanged(&space, &git).await;
    let paused = get(&space, "TuningJob", "paused").await;
    assert_eq!(paused.data["spec"]["suspend"], json!(true), "it stays suspended");
    act(&space, "resume").await;
    goes_on.store(true, Ordering::Relaxed);
    until_phase(&space, "paused", "Complete").await;
    unchanged(&space, &git).await;
    changed_in_git(&space, &git).await;
}

/// What Git changes is all that differs, and what the operator takes up.
async fn changed_in_git(space: &Space, git: &Git<'_>) {
    let mut more = on_a_volume("volume", 3, "Failed");
    git.write("volume", &serde_saphyr::to_string(&more).unwrap());
    let differs = git.diff().await;
    assert_eq!(differs.code, 1, "{}", differs.said);
    let lines = differs.said.lines().filter(|line| {
        (line.starts_with('+') || line.starts_with('-'))
            && !line.starts_with("+++")
            && !line.starts_with("---")
    });
    let lines: Vec<&str> = lines.map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "-  generation: 1",
            "+  generation: 2",
            "-    maxTrials: 2",
            "+    maxTrials: 3"
        ]
    );
    git.apply().await;
    until("the third trial is done", async || {
        let job = get(space, "TuningJob", "volume").await;
        job.data["status"]["progress"] == json!("3/3") && job.data["status"]["phase"] == json!("Complete")
    })
    .await;
    unchanged(space, git).await;
    more["spec"]["budget"]["maxTrials"] = json!(2);
    assert!(
        space.apply(&more).await.is_err(),
        "the rule of the schema is the API server's"
    );
}

/// Every example for a cluster, a job that holds a finalizer, a trial of a person's, and a job that is suspended on its way.
fn fill(git: &Git<'_>) {
    let fewer = Regex::new("maxTrials: [0-9]+").unwrap();
    let examples = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    for file in examples.map(|file| file.unwrap().path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        // One that starts a program of this machine is refused.
        if text.contains("bert: {") {
            let name = file.file_stem().unwrap().to_str().unwrap();
            git.write(name, &fewer.replace(&text, "maxTrials: 2"));
        }
    }
    let volume = on_a_volume("volume", 2, "Failed");
    let by_hand = json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "mine"},
        "spec": {"job": "by-hand", "parameters": {"learning_rate": 1e-4}}});
    for object in [
        &volume,
        &manifest("by-hand", 2, 1),
        &by_hand,
        &manifest("paused", 1, 1),
    ] {
        let name = object["metadata"]["name"].as_str().unwrap();
        git.write(name, &serde_saphyr::to_string(object).unwrap());
    }
}

async fn phases(space: &Space) -> BTreeMap<String, String> {
    let jobs = space.jobs().list(&ListParams::default()).await.unwrap();
    let phase = |job: &tuning_operator::api::TuningJob| job.status.clone().and_then(|s| s.phase);
    let of = |job: &tuning_operator::api::TuningJob| (job.name_any(), phase(job).unwrap_or_default());
    jobs.items.iter().map(of).collect()
}

async fn until_phase(space: &Space, job: &str, phase: &str) {
    until(phase, async || phases(space).await[job] == phase).await;
}

/// What Argo CD does for an action: it runs the script, and sends what has changed.
async fn act(space: &Space, name: &str) {
    let object = serde_json::to_value(get(space, "TuningJob", "paused").await).unwrap();
    let params = PatchParams {
        field_manager: Some("argocd-server".into()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(action(name, &object));
    space.jobs().patch("paused", &params, &patch).await.unwrap();
}

/// All objects of ours, by kind and name.
async fn all(space: &Space) -> BTreeMap<String, Value> {
    let jobs = space.jobs().list(&ListParams::default()).await.unwrap().items;
    let trials = space.trials().list(&ListParams::default()).await.unwrap().items;
    let jobs = jobs.into_iter().map(|job| serde_json::to_value(job).unwrap());
    let trials = trials
        .into_iter()
        .map(|trial| serde_json::to_value(trial).unwrap());
    let named = jobs.chain(trials).map(|object| {
        let name = format!("{}/{}", object["kind"], object["metadata"]["name"]);
        (name.replace('"', ""), object)
    });
    named.collect()
}

/// Nothing differs; applied again, nothing changes; and what a person wrote is that person's.
async fn unchanged(space: &Space, git: &Git<'_>) {
    git.is_there().await;
    let before = all(space).await;
    let said = git.apply().await;
    let word = if git.server_side {
        "serverside-applied"
    } else {
        "unchanged"
    };
    assert!(said.lines().all(|line| line.ends_with(word)), "{said}");
    let after = all(space).await;
    for (name, object) in &after {
        let version = |object: &Value| {
            let metadata = &object["metadata"];
            (metadata["generation"].clone(), object["spec"].clone())
        };
        assert_eq!(version(object), version(&before[name]), "{name}");
        let is_ours = name.starts_with("Trial/") && name != "Trial/mine";
        if !is_ours {
            spec_is_not_the_operators(name, object);
        }
    }
    git.is_there().await;
}

fn spec_is_not_the_operators(name: &str, object: &Value) {
    let fields = object["metadata"]["managedFields"].as_array().unwrap();
    let of_the_spec = fields
        .iter()
        .filter(|entry| entry["fieldsV1"].get("f:spec").is_some());
    let managers: Vec<&str> = of_the_spec
        .filter_map(|entry| entry["manager"].as_str())
        .collect();
    let known = ["kubectl", "kubectl-client-side-apply", "argocd-server"];
    assert!(!managers.is_empty(), "{name}");
    assert!(
        managers.iter().all(|manager| known.contains(manager)),
        "{name}: {managers:?}"
    );
    let of_the_status = fields
        .iter()
        .filter(|entry| entry["fieldsV1"].get("f:status").is_some());
    let writers: Vec<&str> = of_the_status
        .filter_map(|entry| entry["manager"].as_str())
        .collect();
    assert!(
        writers.iter().all(|writer| *writer == MANAGER),
        "{name}: {writers:?}"
    );
}
