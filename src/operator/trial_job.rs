//! The Kubernetes Job that is one attempt at a trial. Pure.

use super::context::Settings;
use super::record::Record;
use super::{ATTEMPT_ANNOTATION, CONTAINER, JOB_LABEL, PARAMETERS_ANNOTATION, TRIAL_LABEL};
use crate::api::{Medium, MetricsSpec, Quantity, Resources, TrialSpec, TuningJobSpec, VolumeSpec};
use crate::contract::{Parameters, bert_arguments};
use crate::tuning::{Job, Trial};
use k8s_openapi::api::batch::v1::{
    Job as KubeJob, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, DownwardAPIVolumeFile,
    DownwardAPIVolumeSource, EmptyDirVolumeSource, EnvVar, LocalObjectReference, ObjectFieldSelector,
    PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements,
    SeccompProfile, SecretVolumeSource, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;

/// Where a trial finds its parameters, and where it leaves what it makes.
const CONTRACT_DIR: &str = "/var/tuning/contract";
const CHECKPOINT_DIR: &str = "/var/tuning/checkpoint";
const OUTPUT_DIR: &str = "/var/tuning/output";
/// Seconds between the request to stop and the end: time to write a checkpoint.
const GRACE_SECONDS: i64 = 60;
/// The user of the trainer's image.
const TRAINER_USER: i64 = 65532;

/// The Job of this attempt.
pub fn trial_job(
    settings: &Settings,
    spec: &TuningJobSpec,
    job: &Job,
    record: &Record,
    trial: &Trial,
) -> KubeJob {
    let name = record.name();
    let hyperband = spec.strategy.as_ref().and_then(|s| s.hyperband.as_ref());
    let parameters = Parameters::of(job, trial, hyperband.map(|h| h.resource.as_str()));
    let mut labels = BTreeMap::from([
        (
            "app.kubernetes.io/managed-by".to_owned(),
            "tuning-operator".to_owned(),
        ),
        (JOB_LABEL.to_owned(), job.name.clone()),
        (TRIAL_LABEL.to_owned(), name.clone()),
    ]);
    let pod_labels = labels.clone();
    let queue = spec.trial.queue_name.as_ref();
    labels.extend(queue.map(|q| ("kueue.x-k8s.io/queue-name".to_owned(), q.clone())));
    KubeJob {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: record.object.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: Some([(ATTEMPT_ANNOTATION.to_owned(), trial.attempts.to_string())].into()),
            owner_references: Some(vec![owner(record)]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            // A trial's own failure is final; what the cluster did to it is no failure.
            backoff_limit: Some(0),
            pod_failure_policy: Some(disruptions_do_not_count()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels),
                    annotations: Some([(PARAMETERS_ANNOTATION.to_owned(), parameters.json())].into()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(settings, spec, &name, &parameters)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn owner(record: &Record) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", crate::api::GROUP, crate::api::VERSION),
        kind: "Trial".into(),
        name: record.name(),
        uid: record.object.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn disruptions_do_not_count() -> PodFailurePolicy {
    PodFailurePolicy {
        rules: vec![PodFailurePolicyRule {
            action: "Ignore".into(),
            on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
                type_: "DisruptionTarget".into(),
                status: Some("True".into()),
            }]),
            on_exit_codes: None,
        }],
    }
}

fn pod(settings: &Settings, spec: &TuningJobSpec, name: &str, parameters: &Parameters) -> PodSpec {
    let trial = &spec.trial;
    let mut volumes: Vec<Volume> = trial.volumes.iter().map(volume).collect();
    volumes.push(contract_volume());
    let scratch = |name: &str| Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    volumes.push(scratch("tuning-output"));
    if trial.checkpoint_volume.is_none() {
        volumes.push(scratch("tuning-checkpoint"));
    }
    if trial.bert.is_some() {
        volumes.push(scratch("tuning-tmp"));
    }
    let secrets = trial.image_pull_secrets.iter();
    let secrets: Vec<_> = secrets
        .map(|s| LocalObjectReference { name: s.name.clone() })
        .collect();
    PodSpec {
        restart_policy: Some("Never".into()),
        containers: vec![container(settings, spec, name, parameters)],
        volumes: Some(volumes),
        // A trial has no business with the API server, unless its own service account says so.
        automount_service_account_token: Some(trial.service_account_name.is_some()),
        service_account_name: trial.service_account_name.clone(),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        node_selector: (!trial.node_selector.is_empty()).then(|| trial.node_selector.clone()),
        tolerations: (!trial.tolerations.is_empty()).then(|| tolerations(trial)),
        image_pull_secrets: (!secrets.is_empty()).then_some(secrets),
        runtime_class_name: trial.runtime_class_name.clone(),
        priority_class_name: trial.priority_class_name.clone(),
        security_context: Some(PodSecurityContext {
            run_as_non_root: trial.bert.is_some().then_some(true),
            run_as_user: trial.bert.is_some().then_some(TRAINER_USER),
            fs_group: trial.bert.is_some().then_some(TRAINER_USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

fn container(settings: &Settings, spec: &TuningJobSpec, name: &str, parameters: &Parameters) -> Container {
    let trial = &spec.trial;
    let fill = |texts: &[String]| -> Option<Vec<String>> {
        (!texts.is_empty()).then(|| texts.iter().map(|t| escaped(&parameters.fill(t))).collect())
    };
    let (image, command, args) = match (&trial.bert, &trial.container) {
        (Some(bert), _) => {
            let mut argv = vec!["bert-trainer".to_owned()];
            argv.extend(bert_arguments(bert, str::to_owned).iter().map(|a| escaped(a)));
            let image = bert
                .image
                .clone()
                .unwrap_or_else(|| settings.trainer_image.clone());
            (image, Some(argv), None)
        }
        (_, Some(c)) => (c.image.clone(), fill(&c.command), fill(&c.args)),
        _ => (String::new(), None, None),
    };
    Container {
        name: CONTAINER.into(),
        image: Some(image),
        command,
        args,
        env: Some(environment(spec, name, parameters)),
        ports: port(spec.metrics.as_ref()).map(|port| {
            vec![ContainerPort {
                name: Some("metrics".into()),
                container_port: i32::from(port),
                ..ContainerPort::default()
            }]
        }),
        resources: trial.resources.as_ref().map(resources),
        volume_mounts: Some(mounts(trial, name)),
        // The last lines of the log stand in for the message of a trial that failed without one.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: trial.bert.is_some().then_some(true),
            capabilities: trial.bert.is_some().then(|| Capabilities {
                add: None,
                drop: Some(vec!["ALL".into()]),
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// Kubernetes expands `$(NAME)` in commands and values: what we mean literally gets a second `$`.
fn escaped(text: &str) -> String {
    text.replace("$(", "$$(")
}

/// The port of the trial's own endpoint, if its metrics are read there.
pub fn port(metrics: Option<&MetricsSpec>) -> Option<u16> {
    match metrics {
        None => Some(crate::api::PrometheusSpec::default().port),
        Some(m) => match (&m.prometheus, &m.logs) {
            (Some(p), _) => Some(p.port),
            (None, None) => Some(crate::api::PrometheusSpec::default().port),
            (None, Some(_)) => None,
        },
    }
}

fn environment(spec: &TuningJobSpec, name: &str, parameters: &Parameters) -> Vec<EnvVar> {
    let plain = |name: &str, value: String| EnvVar {
        name: name.into(),
        value: Some(escaped(&value)),
        value_from: None,
    };
    let own = spec
        .trial
        .env
        .iter()
        .map(|e| plain(&e.name, parameters.fill(&e.value)));
    let mut env: Vec<EnvVar> = own.collect();
    env.push(plain("TUNING_TRIAL", name.to_owned()));
    env.push(plain(
        "TUNING_PARAMETERS_FILE",
        format!("{CONTRACT_DIR}/parameters.json"),
    ));
    env.push(plain("TUNING_CHECKPOINT_DIR", CHECKPOINT_DIR.into()));
    env.push(plain("TUNING_OUTPUT_DIR", OUTPUT_DIR.into()));
    env.push(plain("TUNING_TERMINATION_MESSAGE", "/dev/termination-log".into()));
    env.push(plain(
        "TUNING_THREADS",
        threads(spec.trial.resources.as_ref()).to_string(),
    ));
    env.extend(port(spec.metrics.as_ref()).map(|p| plain("TUNING_METRICS_PORT", p.to_string())));
    env.extend(parameters.env().map(|(name, value)| plain(&name, value)));
    env
}

/// Whole processors that a trial may count on: its limit, or else what it is promised.
fn threads(resources: Option<&Resources>) -> u32 {
    let cpu = resources.and_then(|r| r.limits.get("cpu").or(r.requests.get("cpu")));
    let cores = match cpu {
        Some(Quantity::Number(n)) => *n as f64,
        Some(Quantity::Text(text)) => match text.strip_suffix('m') {
            Some(thousandths) => thousandths.parse().unwrap_or(0.0) / 1000.0,
            None => text.parse().unwrap_or(0.0),
        },
        None => 0.0,
    };
    (cores.floor() as u32).max(1)
}

fn resources(resources: &Resources) -> ResourceRequirements {
    let quantities = |list: &BTreeMap<String, Quantity>| {
        let text = |q: &Quantity| match q {
            Quantity::Number(n) => n.to_string(),
            Quantity::Text(text) => text.clone(),
        };
        let all: BTreeMap<String, KubeQuantity> = list
            .iter()
            .map(|(name, q)| (name.clone(), KubeQuantity(text(q))))
            .collect();
        (!all.is_empty()).then_some(all)
    };
    ResourceRequirements {
        limits: quantities(&resources.limits),
        requests: quantities(&resources.requests),
        claims: None,
    }
}

fn tolerations(trial: &TrialSpec) -> Vec<Toleration> {
    let word = |v: &dyn erased::Word| v.word();
    let toleration = |t: &crate::api::TolerationSpec| Toleration {
        key: t.key.clone(),
        operator: t.operator.as_ref().map(|o| word(o)),
        value: t.value.clone(),
        effect: t.effect.as_ref().map(|e| word(e)),
        toleration_seconds: t.toleration_seconds,
    };
    trial.tolerations.iter().map(toleration).collect()
}

/// Enumerations whose variants are Kubernetes' own words.
mod erased {
    pub trait Word {
        fn word(&self) -> String;
    }

    impl<T: std::fmt::Debug> Word for T {
        fn word(&self) -> String {
            format!("{self:?}")
        }
    }
}

fn contract_volume() -> Volume {
    let field = format!("metadata.annotations['{PARAMETERS_ANNOTATION}']");
    Volume {
        name: "tuning-contract".into(),
        downward_api: Some(DownwardAPIVolumeSource {
            items: Some(vec![DownwardAPIVolumeFile {
                path: "parameters.json".into(),
                field_ref: Some(ObjectFieldSelector {
                    field_path: field,
                    api_version: None,
                }),
                ..DownwardAPIVolumeFile::default()
            }]),
            ..DownwardAPIVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn volume(spec: &VolumeSpec) -> Volume {
    let claim = |c: &crate::api::ClaimSource| PersistentVolumeClaimVolumeSource {
        claim_name: c.claim_name.clone(),
        read_only: spec.read_only.then_some(true),
    };
    let config = |c: &crate::api::NameSource| ConfigMapVolumeSource {
        name: c.name.clone(),
        ..ConfigMapVolumeSource::default()
    };
    let secret = |s: &crate::api::SecretSource| SecretVolumeSource {
        secret_name: Some(s.secret_name.clone()),
        ..SecretVolumeSource::default()
    };
    let empty = |e: &crate::api::EmptyDirSource| EmptyDirVolumeSource {
        medium: e.medium.map(|Medium::Memory| "Memory".into()),
        size_limit: e.size_limit.as_ref().map(|q| match q {
            Quantity::Number(n) => KubeQuantity(n.to_string()),
            Quantity::Text(text) => KubeQuantity(text.clone()),
        }),
        ..EmptyDirVolumeSource::default()
    };
    Volume {
        name: spec.name.clone(),
        persistent_volume_claim: spec.persistent_volume_claim.as_ref().map(claim),
        config_map: spec.config_map.as_ref().map(config),
        secret: spec.secret.as_ref().map(secret),
        empty_dir: spec.empty_dir.as_ref().map(empty),
        ..Volume::default()
    }
}

fn mounts(trial: &TrialSpec, name: &str) -> Vec<VolumeMount> {
    let at = |name: &str, path: &str| VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        ..VolumeMount::default()
    };
    let own = trial.volumes.iter().map(|v| VolumeMount {
        read_only: v.read_only.then_some(true),
        ..at(&v.name, &v.mount_path)
    });
    let mut mounts: Vec<VolumeMount> = own.collect();
    mounts.push(VolumeMount {
        read_only: Some(true),
        ..at("tuning-contract", CONTRACT_DIR)
    });
    mounts.push(at("tuning-output", OUTPUT_DIR));
    mounts.push(match &trial.checkpoint_volume {
        None => at("tuning-checkpoint", CHECKPOINT_DIR),
        // Each trial has a folder of its own, which the kubelet makes.
        Some(volume) => VolumeMount {
            sub_path: Some(format!("checkpoints/{name}")),
            ..at(volume, CHECKPOINT_DIR)
        },
    });
    if trial.bert.is_some() {
        mounts.push(at("tuning-tmp", "/tmp"));
    }
    mounts
}
