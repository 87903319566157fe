//! What real clusters ask of a trial's pod: Pod Security, what may change while a job runs, what is seen of a job that waits.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Space, block_on, f1, manifest, until, within};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

fn well(_: &str, learning_rate: f64, _: usize) -> Play {
    Play::reports(f1(learning_rate))
}

/// A job whose trials run this.
fn job(name: &str, trial: Value) -> Value {
    let mut job = manifest(name, 2, 1);
    job["spec"]["trial"] = trial;
    job
}

/// A namespace whose pods have to pass Pod Security's level restricted.
async fn restricted(name: &str) -> Space {
    let space = Space::new(name).await;
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let namespaces: Api<Namespace> = Api::all(space.client.clone());
    namespaces
        .patch(name, &PatchParams::default(), &Patch::Merge(labels))
        .await
        .unwrap();
    // Pods are refused for want of it otherwise.
    let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), name);
    until("the service account is there", async || {
        accounts.get_opt("default").await.unwrap().is_some()
    })
    .await;
    space
}

async fn has_pod(space: &Space, job: &str) -> bool {
    let label = ListParams::default().labels(&format!("tuning-operator.io/job={job}"));
    !space.pods().list(&label).await.unwrap().items.is_empty()
}

#[test]
fn every_kind_of_trial_passes_the_level_restricted() {
    let bert = json!({"task": "mrpc", "model": "/m", "data": "/d"});
    let helpers = json!([
        {"name": "fetch", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        {"name": "watch", "image": "i", "restartPolicy": "Always"}]);
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let volumes = json!([
        {"name": "data", "mountPath": "/data", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}},
        {"name": "keys", "mountPath": "/keys", "readOnly": true, "csi": {"driver": "secrets-store.csi.k8s.io"}},
        {"name": "work", "persistentVolumeClaim": {"claimName": "work"}}]);
    let kinds = [
        ("bert", json!({"bert": bert})),
        ("container", json!({"container": {"image": "i"}})),
        ("sagemaker", json!({"sagemaker": {"image": "i"}})),
        (
            "all",
            json!({"container": {"image": "i"}, "initContainers": helpers, "volumes": volumes, "checkpointVolume": "work",
                "podSecurityContext": {"runAsUser": 1000}, "containerSecurityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}}),
        ),
    ];
    block_on(async {
        let space = restricted("restricted").await;
        let _operator = space.operator();
        for (name, trial) in &kinds {
            space.apply(&job(name, trial.clone())).await.unwrap();
        }
        for (name, _) in &kinds {
            until(&format!("{name} has a pod"), async || has_pod(&space, name).await).await;
        }
        // What removes checkpoints passes too, as the user who wrote them.
        let _player = space.play(well);
        space.complete("all").await;
        until("the checkpoints are removed", async || {
            let status = space.jobs().get("all").await.unwrap().status.unwrap();
            status.checkpoints_cleaned_generation.is_some()
        })
        .await;
    });
}

#[test]
fn an_image_that_needs_root_is_refused_there_and_the_job_says_so() {
    block_on(async {
        let space = restricted("restricted-root").await;
        let _operator = space.operator();
        let root = json!({"container": {"image": "i"}, "podSecurityContext": {"runAsNonRoot": false}});
        space.apply(&job("root", root)).await.unwrap();
        within(90, "the job says why", async || {
            let status = space.jobs().get("root").await.unwrap().status.unwrap_or_default();
            let says = |part: &str| status.message.contains(part);
            says("violates PodSecurity \"restricted") && says("runAsNonRoot != true")
        })
        .await;
        let status = space.jobs().get("root").await.unwrap().status.unwrap();
        assert_eq!(status.waiting_for.as_deref(), Some("FailedCreate"));
        assert!(!has_pod(&space, "root").await);
    });
}

/// A field that may change while a job runs, with a value and another one, and where a trial's Job has it.
struct Editable {
    field: &'static str,
    before: Value,
    after: Value,
    place: String,
}

impl Editable {
    fn name(&self) -> String {
        self.field.to_lowercase()
    }

    fn job(&self, value: &Value) -> Value {
        let mut job = job(
            &self.name(),
            json!({"container": {"image": "i"}, self.field: value}),
        );
        job["spec"]["retain"] = json!("All");
        job
    }
}

fn editable() -> Vec<Editable> {
    let pod = |field: &str| format!("/spec/template/spec/{field}");
    let label = |name: &str| format!("/metadata/labels/kueue.x-k8s.io~1{name}");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let list = |key: &str, value: &str| json!([{key: value}]);
    let value = |field: &str, word: &str| match field {
        "resources" => json!({"limits": {"nvidia.com/gpu": word}}),
        "nodeSelector" => json!({"zone": word}),
        "tolerations" => list("key", word),
        "affinity" => json!({"podAntiAffinity": {required: list("topologyKey", word)}}),
        "imagePullSecrets" => list("name", word),
        "resourceClaims" => json!([{"name": "gpu", "resourceClaimTemplateName": word}]),
        _ => json!(word),
    };
    [
        ("resources", pod("containers/0/resources/limits/nvidia.com~1gpu")),
        ("nodeSelector", pod("nodeSelector/zone")),
        ("tolerations", pod("tolerations/0/key")),
        (
            "affinity",
            pod(&format!("affinity/podAntiAffinity/{required}/0/topologyKey")),
        ),
        ("queueName", label("queue-name")),
        ("queuePriorityClassName", label("priority-class")),
        ("priorityClassName", pod("priorityClassName")),
        ("imagePullSecrets", pod("imagePullSecrets/0/name")),
        (
            "resourceClaims",
            pod("resourceClaims/0/resourceClaimTemplateName"),
        ),
    ]
    .map(|(field, place)| {
        let [before, after] = if field == "resources" {
            ["1", "2"]
        } else {
            ["a", "b"]
        };
        let [before, after] = [before, after].map(|word| value(field, word));
        Editable {
            field,
            before,
            after,
            place,
        }
    })
    .into()
}

/// Priority classes, which admission looks up.
async fn priority_classes(space: &Space) {
    for class in ["a", "b"] {
        let class = json!({"metadata": {"name": class}, "value": 1});
        let classes: Api<PriorityClass> = Api::all(space.client.clone());
        let class = serde_json::from_value(class).unwrap();
        classes.create(&PostParams::default(), &class).await.unwrap();
    }
}

#[test]
fn where_trials_run_may_change_while_a_job_runs_and_holds_for_the_next() {
    block_on(async {
        let space = Space::new("editable").await;
        priority_classes(&space).await;
        let kube_job = async |name: &str| {
            let found = space.kube_jobs().get_opt(name).await.unwrap();
            found.map(|job| serde_json::to_value(job).unwrap())
        };
        let _operator = space.operator();
        let all = editable();
        for edit in &all {
            space.apply(&edit.job(&edit.before)).await.unwrap();
        }
        for edit in &all {
            let first = format!("{}-0001", edit.name());
            until(&format!("{first} is there"), async || {
                kube_job(&first).await.is_some()
            })
            .await;
            space.apply(&edit.job(&edit.after)).await.unwrap();
        }
        let _player = space.play(well);
        let _queue = space.admit_all();
        for edit in &all {
            space.complete(&edit.name()).await;
            for (number, value) in [(1, &edit.before), (2, &edit.after)] {
                let job = kube_job(&format!("{}-000{number}", edit.name())).await.unwrap();
                let found = job.pointer(&edit.place).unwrap_or(&Value::Null).to_string();
                assert!(
                    value.to_string().contains(&found),
                    "{}, trial {number}: {found} is not {value}",
                    edit.field
                );
            }
        }
        // What each of them held is what counts.
        for (number, gpus) in [(1, 1), (2, 2)] {
            let trial = space
                .trials()
                .get(&format!("resources-000{number}"))
                .await
                .unwrap();
            let status = trial.status.unwrap();
            assert_eq!(status.gpus, gpus);
            assert_eq!(status.gpu_seconds, status.ran_seconds * f64::from(gpus));
        }
    });
}

#[test]
fn what_a_trial_runs_does_not_change_while_its_job_runs() {
    block_on(async {
        let space = Space::new("never").await;
        let begun = job("job", json!({"container": {"image": "i"}}));
        space.apply(&begun).await.unwrap();
        for (field, value) in [
            ("container", json!({"image": "other"})),
            ("env", json!([{"name": "A", "value": "b"}])),
            ("podLabels", json!({"team": "nlp"})),
            ("podSecurityContext", json!({"runAsUser": 7})),
        ] {
            let mut job = begun.clone();
            job["spec"]["trial"][field] = value;
            let answer = space.apply(&job).await.unwrap_err();
            let sentence = format!("{field} can't change once the job exists: start another job");
            assert!(answer.contains(&sentence), "{answer}");
        }
    });
}

#[test]
fn who_was_not_looked_at_yet_is_not_done() {
    block_on(async {
        let space = Space::new("not-yet").await;
        space.apply(&manifest("job", 2, 1)).await.unwrap();
        let mine = json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "mine"},
            "spec": {"job": "job", "parameters": {"learning_rate": 1e-4}}});
        space.apply(&mine).await.unwrap();
        let job = space.jobs().get("job").await.unwrap();
        assert_eq!(job.status.unwrap().observed_generation, Some(-1));
        let trial = space.trials().get("mine").await.unwrap();
        assert_eq!(trial.status.unwrap().observed_generation, Some(-1));

        let _operator = space.operator();
        let _player = space.play(|trial, rate, _| match trial {
            "mine" => well(trial, rate, 0),
            _ => Play::Ends(1, "no".into(), "Error"),
        });
        space.complete("job").await;
        let found = async |selector: &str| -> Vec<String> {
            let list = ListParams::default().fields(selector);
            let found = space.trials().list(&list).await.unwrap();
            found.items.iter().map(ResourceExt::name_any).collect()
        };
        assert_eq!(found("spec.job=job,status.phase=Succeeded").await, ["mine"]);
        assert_eq!(found("status.phase=Failed").await, ["job-0002"]);
        assert_eq!(found("spec.job=other").await, [""; 0]);
        for (name, holds, reason) in [("mine", "Ready", "Succeeded"), ("job-0002", "Stalled", "Crashed")] {
            let trial = space.trials().get(name).await.unwrap();
            let status = trial.status.unwrap();
            assert_eq!(status.observed_generation, trial.metadata.generation);
            let word = |c: &tuning_operator::api::Condition| {
                let holds = c.status == tuning_operator::api::ConditionStatus::True;
                (c.type_.clone(), holds, c.reason.clone())
            };
            let words: Vec<_> = status.conditions.iter().map(word).collect();
            let expected = ["Ready", "Reconciling", "Stalled"]
                .map(|type_| (type_.to_owned(), type_ == holds, reason.to_owned()));
            assert_eq!(words, expected);
        }
    });
}

#[test]
fn a_name_that_no_trial_could_bear_is_refused() {
    block_on(async {
        let space = Space::new("names").await;
        let fits = "a".repeat(50);
        for name in ["1st", "two.words", &"a".repeat(51)] {
            let answer = space.apply(&manifest(name, 1, 1)).await.unwrap_err();
            assert!(
                answer.contains("metadata.name: use lower-case letters"),
                "{answer}"
            );
        }
        let _operator = space.operator();
        let _player = space.play(well);
        space.apply(&manifest(&fits, 1, 1)).await.unwrap();
        space.complete(&fits).await;
    });
}

#[test]
fn a_job_says_that_its_trials_wait_for_their_queue() {
    block_on(async {
        let space = Space::new("queued").await;
        let _operator = space.operator();
        space.apply(&manifest("job", 1, 1)).await.unwrap();
        let jobs = space.kube_jobs();
        until("it has a Job", async || {
            jobs.get_opt("job-0001").await.unwrap().is_some()
        })
        .await;
        let suspend = |yes: bool| Patch::Merge(json!({"spec": {"suspend": yes}}));
        let params = PatchParams::default();
        jobs.patch("job-0001", &params, &suspend(true)).await.unwrap();
        let waits_for = async || space.jobs().get("job").await.unwrap().status.unwrap().waiting_for;
        until("the job says so", async || {
            waits_for().await.as_deref() == Some("Queue")
        })
        .await;
        let status = space.jobs().get("job").await.unwrap().status.unwrap();
        assert!(
            status.message.contains("job-0001: its Job is suspended"),
            "{}",
            status.message
        );
        assert_eq!(
            space.holds("job", "Reconciling").await.as_deref(),
            Some("TrialsRunning")
        );
        jobs.patch("job-0001", &params, &suspend(false)).await.unwrap();
        until("it waits no more", async || waits_for().await.is_none()).await;

        // One that names a queue has no pod before that admits it, and says that nobody is there who would.
        let mut queued = manifest("queued", 1, 1);
        queued["spec"]["trial"]["queueName"] = json!("team");
        space.apply(&queued).await.unwrap();
        until("it says that there is no Kueue", async || {
            let status = space
                .jobs()
                .get("queued")
                .await
                .unwrap()
                .status
                .unwrap_or_default();
            let says = status
                .message
                .contains("its queue team can't admit it, since there is no Kueue in this cluster");
            says && status.waiting_for.as_deref() == Some("Queue")
        })
        .await;
        assert!(!has_pod(&space, "queued").await);
    });
}
