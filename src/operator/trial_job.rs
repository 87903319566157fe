//! The Kubernetes Job that is one attempt at a trial. Pure.

use super::checkpoint_folder;
use super::placement::away_from;
use super::processors;
use super::record::Record;
use super::settings::Settings;
use super::trial_volumes::{self, CONTRACT_DIR, Folders};
use super::{ATTEMPT_ANNOTATION, CONTAINER, JOB_LABEL, PARAMETERS_ANNOTATION, TRIAL_LABEL};
use crate::api::{BertSpec, Device, MetricsSpec, Quantity, Resources, TrialSpec, TuningJobSpec, device_of};
use crate::contract::{Parameters, sagemaker_files, variables};
use crate::tuning::{Job, Trial};
use k8s_openapi::api::batch::v1::{
    Job as KubeJob, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EnvVar, LocalObjectReference, PodSecurityContext,
    PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile, SecurityContext, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;

/// Seconds between the request to stop and the end: time to write a checkpoint.
const GRACE_SECONDS: i64 = 60;
/// The user of the trainer's image.
pub const TRAINER_USER: i64 = 65532;

/// The Job of this attempt. `bar` is what a model has to beat to be kept.
pub fn trial_job(
    settings: &Settings,
    spec: &TuningJobSpec,
    job: &Job,
    record: &Record,
    trial: &Trial,
    bar: Option<f64>,
) -> KubeJob {
    let name = record.name();
    let number = checkpoint_folder::number(&record.status);
    let checkpoint = checkpoint_folder::sub_path(&job.name, &record.object, number);
    let resource = spec.strategy.as_ref().and_then(|s| s.resource());
    let parameters = Parameters::of(job, trial, resource).with_bar(bar);
    let mut labels = BTreeMap::from([
        (
            "app.kubernetes.io/managed-by".to_owned(),
            "tuning-operator".to_owned(),
        ),
        (JOB_LABEL.to_owned(), job.name.clone()),
        (TRIAL_LABEL.to_owned(), name.clone()),
    ]);
    let pod_labels = labels.clone();
    let own_affinity = spec.trial.affinity.as_ref().and_then(|a| affinity(a).ok());
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
                    annotations: Some(annotations(spec, job, &parameters)),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    // The operator has refused what is no affinity.
                    affinity: away_from(own_affinity, &record.status.avoid_nodes),
                    ..pod(settings, spec, &name, &checkpoint, &parameters)
                }),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// What the pod's files are made of: the parameters, and SageMaker's three files where its layout is asked for.
fn annotations(spec: &TuningJobSpec, job: &Job, parameters: &Parameters) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([(PARAMETERS_ANNOTATION.to_owned(), parameters.json())]);
    if let Some(sagemaker) = &spec.trial.sagemaker {
        let files = sagemaker_files(sagemaker, &job.objective.metric, parameters);
        let named = files
            .into_iter()
            .map(|(name, text)| (trial_volumes::annotation(name), text));
        annotations.extend(named);
    }
    annotations
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

fn pod(
    settings: &Settings,
    spec: &TuningJobSpec,
    name: &str,
    checkpoint: &str,
    parameters: &Parameters,
) -> PodSpec {
    let trial = &spec.trial;
    let secrets = trial.image_pull_secrets.iter();
    let secrets: Vec<_> = secrets
        .map(|s| LocalObjectReference { name: s.name.clone() })
        .collect();
    PodSpec {
        restart_policy: Some("Never".into()),
        containers: vec![container(settings, spec, name, checkpoint, parameters)],
        volumes: Some(trial_volumes::volumes(trial)),
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

fn container(
    settings: &Settings,
    spec: &TuningJobSpec,
    name: &str,
    checkpoint: &str,
    parameters: &Parameters,
) -> Container {
    let trial = &spec.trial;
    let fill = |texts: &[String]| -> Option<Vec<String>> {
        (!texts.is_empty()).then(|| texts.iter().map(|t| escaped(&parameters.fill(t))).collect())
    };
    let (image, command, args) = match (&trial.bert, &trial.container, &trial.sagemaker) {
        (Some(bert), ..) => {
            let bert = BertSpec {
                device: device_of(bert, trial.resources.as_ref()),
                ..bert.clone()
            };
            let mut argv = vec!["bert-trainer".to_owned()];
            argv.extend(
                parameters
                    .bert_arguments(&bert, str::to_owned)
                    .iter()
                    .map(|a| escaped(a)),
            );
            (trainer_image(settings, &bert), Some(argv), None)
        }
        (_, Some(c), _) => (c.image.clone(), fill(&c.command), fill(&c.args)),
        (.., Some(s)) => (s.image.clone(), None, Some(vec!["train".into()])),
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
        volume_mounts: Some(trial_volumes::mounts(trial, name, checkpoint)),
        termination_message_path: Some(Folders::of(trial).message.into()),
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

/// The image of a fine-tuner whose device is settled: the one with the CUDA libraries is for those that need a GPU.
fn trainer_image(settings: &Settings, bert: &BertSpec) -> String {
    let own = match bert.device {
        Device::Cuda => &settings.trainer_image_cuda,
        Device::Auto | Device::Cpu => &settings.trainer_image,
    };
    bert.image.as_ref().unwrap_or(own).clone()
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
    // Python would keep its lines back: a metric is to be heard when it is printed.
    const UNBUFFERED: &str = "PYTHONUNBUFFERED";
    if spec.trial.bert.is_none() && env.iter().all(|own| own.name != UNBUFFERED) {
        env.push(plain(UNBUFFERED, "1".into()));
    }
    env.push(plain(variables::TRIAL, name.to_owned()));
    let folders = Folders::of(&spec.trial);
    env.push(plain(
        variables::PARAMETERS_FILE,
        format!("{CONTRACT_DIR}/parameters.json"),
    ));
    env.push(plain(variables::CHECKPOINT_DIR, folders.checkpoint.into()));
    env.push(plain(variables::OUTPUT_DIR, folders.output.into()));
    env.push(plain(variables::TERMINATION_MESSAGE, folders.message.into()));
    if spec.trial.bert.is_some() {
        env.push(plain(variables::MODEL_DIR, folders.model()));
    }
    if spec.trial.sagemaker.is_some() {
        env.push(plain("TRAINING_JOB_NAME", name.to_owned()));
    }
    env.extend(processors::environment(spec));
    env.extend(port(spec.metrics.as_ref()).map(|p| plain(variables::METRICS_PORT, p.to_string())));
    env.extend(parameters.env().map(|(name, value)| plain(&name, value)));
    env
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

/// A manifest's affinity as Kubernetes knows it; the error is a sentence.
pub fn affinity(written: &crate::api::Affinity) -> Result<Affinity, String> {
    let written = serde_json::Value::Object(written.0.clone());
    let read: Affinity = serde_json::from_value(written.clone()).map_err(|e| e.to_string())?;
    // What was not understood is not there any more.
    match serde_json::to_value(&read) {
        Ok(again) if again == written => Ok(read),
        _ => Err(
            "has fields that no affinity of a pod has; kubectl explain pod.spec.affinity lists them".into(),
        ),
    }
}

/// The taints that a trial bears, as Kubernetes knows them.
pub fn tolerations(trial: &TrialSpec) -> Vec<Toleration> {
    // The variants are Kubernetes' own words.
    let toleration = |t: &crate::api::TolerationSpec| Toleration {
        key: t.key.clone(),
        operator: t.operator.as_ref().map(|o| format!("{o:?}")),
        value: t.value.clone(),
        effect: t.effect.as_ref().map(|e| format!("{e:?}")),
        toleration_seconds: t.toleration_seconds,
    };
    trial.tolerations.iter().map(toleration).collect()
}

#[cfg(test)]
#[path = "trial_job_tests.rs"]
mod tests;
