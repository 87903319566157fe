//! Trials whose Jobs the real Kueue admits, takes back and holds, with real pods.

use super::cluster::{Space, block_on, within};
use super::{folder, in_log, shell, with_volume, work_volume};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tuning_operator::api::{TrialPhase, TrialStatus};

const PATIENCE: u64 = 180;

/// What a pod of these tests asks for: a quota is a number of pods.
const CPU: &str = "10m";

fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: "kueue.x-k8s.io".into(),
        version: "v1beta2".into(),
        api_version: "kueue.x-k8s.io/v1beta2".into(),
        kind: kind.into(),
        plural: plural.into(),
    }
}

fn workloads(space: &Space) -> Api<DynamicObject> {
    let resource = resource("Workload", "workloads");
    Api::namespaced_with(space.client.clone(), &space.name, &resource)
}

fn queues(space: &Space) -> Api<DynamicObject> {
    let resource = resource("LocalQueue", "localqueues");
    Api::namespaced_with(space.client.clone(), &space.name, &resource)
}

/// A queue `lq` of the namespace, for so many pods at once.
async fn queue(space: &Space, n_pods: u32) {
    let client = || space.client.clone();
    let of_cluster = |kind, plural| Api::<DynamicObject>::all_with(client(), &resource(kind, plural));
    let name = &space.name;
    let put = async |api: Api<DynamicObject>, kind: &str, name: &str, spec: Value| {
        let object = json!({"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(&object)).await.unwrap();
    };
    let flavor = json!({"nodeLabels": {"kubernetes.io/os": "linux"}});
    put(
        of_cluster("ResourceFlavor", "resourceflavors"),
        "ResourceFlavor",
        name,
        flavor,
    )
    .await;
    let quota = json!([{"name": "cpu", "nominalQuota": format!("{}m", 10 * n_pods)}]);
    let spec = json!({
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "preemption": {"withinClusterQueue": "LowerPriority"},
        "resourceGroups": [{"coveredResources": ["cpu"], "flavors": [{"name": name, "resources": quota}]}],
    });
    put(
        of_cluster("ClusterQueue", "clusterqueues"),
        "ClusterQueue",
        name,
        spec,
    )
    .await;
    put(queues(space), "LocalQueue", "lq", json!({"clusterQueue": name})).await;
    let priorities = Api::<DynamicObject>::all_with(
        client(),
        &resource("WorkloadPriorityClass", "workloadpriorityclasses"),
    );
    let class = json!({"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "WorkloadPriorityClass",
        "metadata": {"name": "urgent"}, "value": 1000});
    let params = PatchParams::apply("test").force();
    priorities
        .patch("urgent", &params, &Patch::Apply(&class))
        .await
        .unwrap();
}

fn queued(mut manifest: Value) -> Value {
    let trial = &mut manifest["spec"]["trial"];
    trial["queueName"] = json!("lq");
    trial["resources"] = json!({"requests": {"cpu": CPU}});
    trial["nodeSelector"] = json!({"kubernetes.io/arch": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64")});
    manifest["spec"]["retain"] = json!("All");
    manifest
}

async fn status(space: &Space, name: &str) -> TrialStatus {
    let trial = space.trials().get_opt(name).await.unwrap();
    trial.and_then(|t| t.status).unwrap_or_default()
}

/// Waits until a trial says this of itself; the answer is all that it says.
async fn says(space: &Space, name: &str, what: &str) -> String {
    let mut last = String::new();
    within(PATIENCE, &format!("{name} says: {what}"), async || {
        let said = status(space, name).await.message;
        if said != last {
            println!("{name}: {said}");
            last = said;
        }
        last.contains(what)
    })
    .await;
    last
}

/// Waits until the trial's program runs in a pod that nobody asked to end.
async fn runs(space: &Space, name: &str) {
    within(PATIENCE, &format!("{name} runs"), async || {
        let params = ListParams::default().labels(&format!("tuning-operator.io/trial={name}"));
        let pods = space.pods().list(&params).await.unwrap().items;
        let up = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
            phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        };
        pods.iter().any(up) && status(space, name).await.phase == TrialPhase::Running
    })
    .await;
}

#[test]
fn a_quota_smaller_than_the_parallel_trials_makes_them_wait_in_line() {
    block_on(async {
        let space = Space::on_the_node("queue-small").await;
        queue(&space, 1).await;
        work_volume(&space).await;
        let script = "until [ -e /volume/go ]; do sleep 0.2; done; echo f1=0.5";
        let mut manifest = queued(in_log(with_volume(shell("line", 3, script))));
        manifest["spec"]["budget"]["parallelTrials"] = json!(3);
        space.apply(&manifest).await.unwrap();
        runs(&space, "line-0001").await;
        for (name, place) in [("line-0002", "place 1 of 2"), ("line-0003", "place 2 of 2")] {
            let said = says(&space, name, place).await;
            assert!(
                said.contains("its queue lq has not admitted it") && said.contains("quota"),
                "{said}"
            );
        }
        std::fs::write(folder(&space).join("go"), "").unwrap();
        space.complete("line").await;
        for trial in space.sorted_trials().await {
            let status = trial.status.as_ref().unwrap();
            assert_eq!(status.phase, TrialPhase::Succeeded, "{}", status.message);
            assert_eq!(status.attempts, 1);
        }
        // What the flavor says joins what the trial says.
        for pod in space.pods().list(&ListParams::default()).await.unwrap() {
            let selector = pod.spec.and_then(|s| s.node_selector).unwrap_or_default();
            assert!(
                selector.contains_key("kubernetes.io/os") && selector.contains_key("kubernetes.io/arch"),
                "{selector:?}"
            );
        }
        let is_finished = |w: &DynamicObject| {
            let conditions = w.data["status"]["conditions"].as_array();
            let mut all = conditions.into_iter().flatten();
            all.any(|c| c["type"] == "Finished" && c["status"] == "True")
        };
        // Kueue learns of an end a moment later.
        within(PATIENCE, "each Workload has ended", async || {
            let all = workloads(&space)
                .list(&ListParams::default())
                .await
                .unwrap()
                .items;
            all.len() == 3 && all.iter().all(is_finished)
        })
        .await;
    });
}

/// A Job of somebody else's, whose priority is higher, until there is a file.
async fn urgent(space: &Space) {
    let script = "until [ -e /volume/urgent-is-over ]; do sleep 0.2; done";
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "urgent", "labels": {"kueue.x-k8s.io/queue-name": "lq", "kueue.x-k8s.io/priority-class": "urgent"}},
        "spec": {"suspend": true, "template": {"spec": {
            "restartPolicy": "Never",
            "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": "work"}}],
            "securityContext": {"runAsUser": 1000, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "image": "localhost/tuning-operator/shell:test", "imagePullPolicy": "Never",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "command": ["/bin/sh", "-c", script], "resources": {"requests": {"cpu": CPU}},
                "volumeMounts": [{"name": "work", "mountPath": "/volume"}]}],
        }}},
    });
    let job = serde_json::from_value(job).unwrap();
    space.kube_jobs().create(&Default::default(), &job).await.unwrap();
}

#[test]
fn a_trial_that_its_queue_takes_back_waits_and_goes_on() {
    block_on(async {
        let space = Space::on_the_node("queue-back").await;
        queue(&space, 1).await;
        work_volume(&space).await;
        let script = "trap 'exit 143' TERM; until [ -e /volume/go ]; do sleep 0.2; done; echo f1=0.5";
        let manifest = queued(in_log(with_volume(shell("back", 1, script))));
        space.apply(&manifest).await.unwrap();
        runs(&space, "back-0001").await;
        let own = workloads(&space)
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .remove(0);
        let (own, uid) = (own.name_any(), own.uid());
        let params = PatchParams::default();

        urgent(&space).await;
        let said = says(&space, "back-0001", "has taken it back (Preempted").await;
        assert!(said.contains("place 1 of 1"), "{said}");
        std::fs::write(folder(&space).join("urgent-is-over"), "").unwrap();
        runs(&space, "back-0001").await;

        let active = async |is: bool| {
            let patch = Patch::Merge(json!({"spec": {"active": is}}));
            workloads(&space).patch(&own, &params, &patch).await.unwrap();
        };
        active(false).await;
        says(&space, "back-0001", "is deactivated").await;
        active(true).await;
        runs(&space, "back-0001").await;

        let stop = async |policy: &str| {
            let patch = Patch::Merge(json!({"spec": {"stopPolicy": policy}}));
            queues(&space).patch("lq", &params, &patch).await.unwrap();
        };
        stop("HoldAndDrain").await;
        says(&space, "back-0001", "has taken it back (LocalQueue").await;
        stop("None").await;
        runs(&space, "back-0001").await;

        std::fs::write(folder(&space).join("go"), "").unwrap();
        space.complete("back").await;
        let status = status(&space, "back-0001").await;
        assert_eq!(
            (status.phase, status.value),
            (TrialPhase::Succeeded, Some(0.5)),
            "{}",
            status.message
        );
        let job = space.jobs().get("back").await.unwrap().status.unwrap();
        assert_eq!(job.trials.failed, 0);
        let found = workloads(&space).get(&own).await.unwrap();
        assert_eq!(found.uid(), uid, "it was the same Workload all along");
    });
}
