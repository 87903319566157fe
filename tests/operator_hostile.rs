//! Nothing that a person puts into a manifest, or forges beside one, gets further than it may.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/hostile_manifests.rs"]
mod hostile_manifests;

use cluster::{Play, Space, block_on, manifest, until};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tuning_operator::api;

/// What became of the manifests of a family.
#[derive(Debug, Default)]
struct Count {
    by_the_api_server: usize,
    by_the_operator: usize,
    got_through: Vec<String>,
}

#[test]
fn no_hostile_manifest_gets_through() {
    block_on(async {
        let space = Space::new("hostile-manifests").await;
        let _operator = space.operator();
        let _player = space.play(|_, _, _| Play::reports(0.5));
        let all = hostile_manifests::all();
        let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
        let mut accepted = Vec::new();
        for (i, hostile) in all.iter().enumerate() {
            let name = format!("hostile-{i}");
            let manifest = hostile.in_manifest(manifest(&name, 2, 1));
            // The same on one machine, and without a word that a terminal would obey.
            let faults = api::check(&manifest).err();
            let said: Vec<String> = faults.iter().flatten().map(ToString::to_string).collect();
            for said in &said {
                assert!(
                    said.len() < 2_000 && !said.contains(['\0', '\u{1b}', '\r']),
                    "{said:?}"
                );
            }
            match space.apply(&manifest).await {
                Err(_) => counts.entry(hostile.family).or_default().by_the_api_server += 1,
                Ok(()) => accepted.push((name, hostile)),
            }
        }
        for (name, hostile) in accepted {
            let refused = async || {
                let reason = space.holds(&name, "Stalled").await;
                let over = space.holds(&name, "Complete").await;
                reason.or(over)
            };
            until(&format!("{name} ({}) is answered", hostile.label()), async || {
                refused().await.is_some()
            })
            .await;
            let count = counts.entry(hostile.family).or_default();
            let params = ListParams::default().labels(&format!("tuning-operator.io/job={name}"));
            let pods = space.pods().list(&params).await.unwrap().items;
            match pods.is_empty() {
                true => count.by_the_operator += 1,
                false => count.got_through.push(hostile.label()),
            }
        }
        println!("{:28} API server  operator  through", "");
        for (family, count) in &counts {
            let through = count.got_through.len();
            println!(
                "{family:28} {:10} {:9} {through:8}",
                count.by_the_api_server, count.by_the_operator
            );
        }
        let through: Vec<&String> = counts.values().flat_map(|count| &count.got_through).collect();
        assert!(through.is_empty(), "{through:#?}");
        // And whoever means well is served as before.
        space.apply(&manifest("good", 2, 1)).await.unwrap();
        space.complete("good").await;
    });
}

fn owner(kind: &str, api_version: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true})
}

/// A Job and a pod that look like a trial's.
fn look_alikes(trial: &str, job: &str, owners: Vec<Value>) -> (Job, Pod) {
    let labels = json!({"tuning-operator.io/trial": trial, "tuning-operator.io/job": job});
    let spec =
        json!({"restartPolicy": "Never", "containers": [{"name": "trial", "image": "example.org/forged"}]});
    let kube_job = json!({
        "metadata": {"name": format!("{trial}-forged"), "labels": labels, "ownerReferences": owners,
            "annotations": {"tuning-operator.io/attempt": "1"}},
        "spec": {"backoffLimit": 0, "suspend": true, "template": {"metadata": {"labels": labels}, "spec": spec}},
    });
    let pod = json!({
        "metadata": {"name": format!("{trial}-forged"), "labels": labels, "ownerReferences": owners,
            "annotations": {"tuning-operator.io/parameters": "{\"learning_rate\": 0.0001}"}},
        "spec": spec,
    });
    (
        serde_json::from_value(kube_job).unwrap(),
        serde_json::from_value(pod).unwrap(),
    )
}

#[test]
fn forged_labels_and_owners_count_for_nothing() {
    block_on(async {
        let space = Space::new("forged").await;
        let _operator = space.operator();
        // Pods that nobody's Job has made say 0.99, the trials' own 0.5.
        let _player = space.play(|_, learning_rate, _| match learning_rate == 1e-4 {
            true => Play::reports(0.99),
            false => Play::reports(0.5),
        });
        let strangers = [
            vec![],
            vec![owner(
                "Job",
                "batch/v1",
                "forged-0001",
                "00000000-0000-0000-0000-000000000001",
            )],
            vec![owner(
                "Trial",
                "tuning-operator.io/v1alpha1",
                "forged-0001",
                "00000000-0000-0000-0000-000000000002",
            )],
        ];
        for (i, owners) in strangers.into_iter().enumerate() {
            let (mut kube_job, mut pod) = look_alikes("forged-0001", "forged", owners);
            kube_job.metadata.name = Some(format!("forged-job-{i}"));
            pod.metadata.name = Some(format!("forged-pod-{i}"));
            // What refers to nobody is collected by and by: the test is over before or it is not there.
            space
                .kube_jobs()
                .create(&PostParams::default(), &kube_job)
                .await
                .unwrap();
            space.pods().create(&PostParams::default(), &pod).await.unwrap();
        }
        let mut job = manifest("forged", 3, 1);
        job["spec"]["strategy"] = json!({"random": {"seed": 7}});
        space.apply(&job).await.unwrap();
        space.complete("forged").await;
        for trial in space.sorted_trials().await {
            let status = trial.status.clone().unwrap_or_default();
            assert_eq!(
                status.value,
                Some(0.5),
                "{}: {}",
                trial.name_any(),
                status.message
            );
        }
        let status = space.jobs().get("forged").await.unwrap().status.unwrap();
        assert_eq!(status.best.unwrap().value, 0.5);
    });
}
