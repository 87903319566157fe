//! What a trial's Job says, by its manifest.

use super::super::pod_security::TRAINER_USER;
use super::*;
use crate::api;
use serde_json::{Value, json};

fn made(trial: Value) -> KubeJob {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "learning_rate", "double": {"min": 1e-6, "max": 1e-3, "scale": "Log"}}],
            "budget": {"maxTrials": 4, "parallelTrials": 2},
            "trial": trial,
        },
    });
    let checked = api::check(&manifest).unwrap();
    let object = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial",
        "metadata": {"name": "a-0001", "namespace": "team", "uid": "t-1"},
        "spec": {"job": "a", "index": 1, "parameters": {"learning_rate": 1e-4}},
        "status": {"attempts": 2, "phase": "Pending"},
    });
    let record = Record::parse(&serde_json::from_value(object).unwrap()).unwrap();
    let trial = record.trial(&checked.job.space).unwrap();
    trial_job(
        &Settings::default(),
        &checked.spec,
        &checked.job,
        &record,
        &trial,
        None,
    )
}

fn pod_of(job: &KubeJob) -> PodSpec {
    job.spec.clone().unwrap().template.spec.unwrap()
}

fn variable(pod: &PodSpec, name: &str) -> Option<String> {
    let env = pod.containers[0].env.as_ref().unwrap();
    env.iter().find(|e| e.name == name).and_then(|e| e.value.clone())
}

#[test]
fn an_attempt_is_named_owned_and_numbered_and_kubernetes_never_repeats_it() {
    let job = made(json!({"container": {"image": "i"}}));
    let owner = &job.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.uid.as_str(), owner.controller),
        ("Trial", "t-1", Some(true))
    );
    assert_eq!(job.metadata.name.as_deref(), Some("a-0001"));
    assert_eq!(
        job.metadata.annotations.as_ref().unwrap()[ATTEMPT_ANNOTATION],
        "2"
    );
    let spec = job.spec.as_ref().unwrap();
    assert_eq!(spec.backoff_limit, Some(0));
    assert_eq!(
        spec.pod_failure_policy.as_ref().unwrap().rules[0].action,
        "Ignore"
    );
    let pod = pod_of(&job);
    assert_eq!(pod.restart_policy.as_deref(), Some("Never"));
    assert_eq!(pod.automount_service_account_token, Some(false));
}

#[test]
fn what_a_manifest_means_literally_is_not_expanded_by_kubernetes() {
    let pod = pod_of(&made(json!({
        "container": {"image": "i", "command": ["sh", "-c", "echo $(date) $(params.learning_rate)"]},
        "env": [{"name": "NOTE", "value": "$(HOME)"}],
    })));
    assert_eq!(
        pod.containers[0].command.as_ref().unwrap()[2],
        "echo $$(date) 1e-4"
    );
    assert_eq!(variable(&pod, "NOTE").as_deref(), Some("$$(HOME)"));
}

#[test]
fn python_says_each_line_at_once_unless_the_manifest_wants_otherwise() {
    let said = |trial| variable(&pod_of(&made(trial)), "PYTHONUNBUFFERED");
    assert_eq!(said(json!({"container": {"image": "i"}})).as_deref(), Some("1"));
    let env = json!([{"name": "PYTHONUNBUFFERED", "value": ""}]);
    assert_eq!(
        said(json!({"container": {"image": "i"}, "env": env})).as_deref(),
        Some("")
    );
    assert_eq!(
        said(json!({"bert": {"task": "mrpc", "model": "m", "data": "d"}})),
        None
    );
}

#[test]
fn a_gpu_that_is_asked_for_is_used_unless_the_manifest_wants_otherwise() {
    let own = Settings::default();
    assert_ne!(own.trainer_image, own.trainer_image_cuda);
    let device = |bert: Value, limits: Value| {
        let mut trial =
            json!({"bert": {"task": "mrpc", "model": "m", "data": "d"}, "resources": {"limits": limits}});
        trial["bert"]
            .as_object_mut()
            .unwrap()
            .extend(bert.as_object().unwrap().clone());
        let container = pod_of(&made(trial)).containers[0].clone();
        let command = container.command.unwrap();
        let at = command.iter().position(|word| word == "--device").unwrap();
        (command[at + 1].clone(), container.image.unwrap())
    };
    let gpu = json!({"nvidia.com/gpu": 1});
    let (cpu, cuda) = (own.trainer_image.as_str(), own.trainer_image_cuda.as_str());
    for (bert, limits, word, image) in [
        (json!({}), json!({}), "auto", cpu),
        (json!({}), gpu.clone(), "cuda", cuda),
        (json!({}), json!({"nvidia.com/mig-1g.10gb": 1}), "cuda", cuda),
        (json!({"device": "auto"}), gpu.clone(), "cuda", cuda),
        (json!({"device": "cpu"}), gpu.clone(), "cpu", cpu),
        (json!({"device": "cuda"}), json!({}), "cuda", cuda),
        (json!({"image": "team/bert:1"}), gpu, "cuda", "team/bert:1"),
        (json!({"image": "team/bert:1"}), json!({}), "auto", "team/bert:1"),
    ] {
        let expected = (word.to_owned(), image.to_owned());
        assert_eq!(device(bert.clone(), limits.clone()), expected, "{bert} {limits}");
    }
}

#[test]
fn threads_are_the_whole_processors_that_a_trial_may_count_on() {
    let cases = [
        (json!({}), "1"),
        (json!({"requests": {"cpu": "500m"}}), "1"),
        (json!({"requests": {"cpu": "2"}, "limits": {"cpu": "3500m"}}), "2"),
        (json!({"limits": {"cpu": "3500m"}}), "3"),
        (json!({"requests": {"cpu": 2}}), "2"),
        (json!({"requests": {"cpu": "2.9"}}), "2"),
    ];
    for (resources, threads) in cases {
        let pod = pod_of(&made(
            json!({"container": {"image": "i"}, "resources": resources}),
        ));
        assert_eq!(
            variable(&pod, "TUNING_THREADS").as_deref(),
            Some(threads),
            "{resources}"
        );
    }
}

#[test]
fn a_fine_tuner_that_asks_for_no_processors_divides_the_nodes_for_itself() {
    let pod = |limits: Value| {
        let bert = json!({"task": "mrpc", "model": "m", "data": "d"});
        pod_of(&made(json!({"bert": bert, "resources": {"limits": limits}})))
    };
    let asks = pod(json!({"cpu": 3}));
    let of_asks = |name| variable(&asks, name);
    assert_eq!(of_asks("TUNING_THREADS").as_deref(), Some("3"));
    assert_eq!(
        (of_asks("TUNING_NODE_CPUS"), of_asks("TUNING_PARALLEL_TRIALS")),
        (None, None)
    );
    let asks_not = pod(json!({"nvidia.com/gpu": 1}));
    let env = asks_not.containers[0].env.as_ref().unwrap();
    assert!(env.iter().all(|e| e.name != "TUNING_THREADS"));
    let node = env.iter().find(|e| e.name == "TUNING_NODE_CPUS").unwrap();
    let source = node.value_from.as_ref().unwrap();
    assert_eq!(source.resource_field_ref.as_ref().unwrap().resource, "limits.cpu");
    assert_eq!(
        variable(&asks_not, "TUNING_PARALLEL_TRIALS").as_deref(),
        Some("2")
    );
}

#[test]
fn a_port_is_opened_only_where_pages_are_read() {
    let port_of = |spec: Value| {
        port(
            serde_json::from_value::<Option<MetricsSpec>>(spec)
                .unwrap()
                .as_ref(),
        )
    };
    assert_eq!(port_of(Value::Null), Some(9090));
    assert_eq!(port_of(json!({"prometheus": {"port": 8000}})), Some(8000));
    assert_eq!(port_of(json!({"promQuery": {"metric": "f1"}})), Some(9090));
    assert_eq!(port_of(json!({"logs": {"definitions": []}})), None);
}

#[test]
fn the_fine_tuner_runs_without_rights() {
    let pod = pod_of(&made(
        json!({"bert": {"task": "mrpc", "model": "/m", "data": "/d"}}),
    ));
    let (whole, own) = (
        pod.security_context.unwrap(),
        pod.containers[0].security_context.clone().unwrap(),
    );
    assert_eq!(
        (whole.run_as_non_root, whole.run_as_user),
        (Some(true), Some(TRAINER_USER))
    );
    assert_eq!(
        (own.read_only_root_filesystem, own.allow_privilege_escalation),
        (Some(true), Some(false))
    );
    assert_eq!(own.capabilities.unwrap().drop, Some(vec!["ALL".into()]));
}

#[test]
fn taints_are_borne_in_kubernetes_words() {
    let pod = pod_of(&made(json!({
        "container": {"image": "i"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    })));
    let borne = &pod.tolerations.unwrap()[0];
    assert_eq!(
        (borne.operator.as_deref(), borne.effect.as_deref()),
        (Some("Exists"), Some("NoSchedule"))
    );
}
