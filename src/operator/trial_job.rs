//! The Kubernetes Job that is one attempt at a trial. Pure.

use super::checkpoint_folder;
use super::placement::{affinity, away_from, tolerations};
use super::processors;
use super::record::Record;
use super::settings::Settings;
use super::trial_env::{self, escaped, plain};
use super::trial_volumes::{self, CONTRACT_DIR, Folders};
use super::{
    ATTEMPT_ANNOTATION, CONTAINER, JOB_LABEL, PARAMETERS_ANNOTATION, TRIAL_LABEL, helpers, pod_security,
    resources,
};
use crate::api::{BertSpec, Device, MetricsSpec, TuningJobSpec, device_of};
use crate::contract::{Parameters, sagemaker_files, variables};
use crate::tuning::{Job, Trial};
use k8s_openapi::api::batch::v1::{
    Job as KubeJob, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, LocalObjectReference, PodSpec, PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;

/// Seconds between the request to stop and the end, where the manifest names no others: time to write a checkpoint.
const GRACE_SECONDS: u32 = 60;
/// Label by which Kueue knows the queue of a Job.
pub const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";
/// Label by which it knows the Job's place in the queue.
const QUEUE_PRIORITY_LABEL: &str = "kueue.x-k8s.io/priority-class";

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
    // The operator has refused the tuner's own keys.
    let mut pod_labels = labels.clone();
    pod_labels.extend(spec.trial.pod_labels.clone());
    let own_affinity = spec.trial.affinity.as_ref().and_then(|a| affinity(a).ok());
    let (queue, priority) = (&spec.trial.queue_name, &spec.trial.queue_priority_class_name);
    labels.extend(queue.iter().map(|q| (QUEUE_LABEL.to_owned(), q.clone())));
    labels.extend(
        priority
            .iter()
            .map(|p| (QUEUE_PRIORITY_LABEL.to_owned(), p.clone())),
    );
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
            // Not a pod before the queue admits it. From then on this is Kueue's, and nobody else's.
            suspend: queue.is_some().then_some(true),
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
    let mut annotations = spec.trial.pod_annotations.clone();
    annotations.insert(PARAMETERS_ANNOTATION.to_owned(), parameters.json());
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
        init_containers: helpers::init_containers(trial, parameters),
        containers: vec![container(settings, spec, name, checkpoint, parameters)],
        volumes: Some(trial_volumes::volumes(trial)),
        // A trial has no business with the API server, unless its own service account says so.
        automount_service_account_token: Some(trial.service_account_name.is_some()),
        service_account_name: trial.service_account_name.clone(),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(
            trial
                .termination_grace_period_seconds
                .unwrap_or(GRACE_SECONDS)
                .into(),
        ),
        resource_claims: resources::pod_claims(&trial.resource_claims),
        scheduler_name: trial.scheduler_name.clone(),
        node_selector: (!trial.node_selector.is_empty()).then(|| trial.node_selector.clone()),
        tolerations: (!trial.tolerations.is_empty()).then(|| tolerations(trial)),
        image_pull_secrets: (!secrets.is_empty()).then_some(secrets),
        runtime_class_name: trial.runtime_class_name.clone(),
        priority_class_name: trial.priority_class_name.clone(),
        security_context: Some(pod_security::of_pod(trial)),
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
        image_pull_policy: trial.image_pull_policy.map(helpers::pull_policy),
        command,
        args,
        env: Some(environment(spec, name, parameters)),
        env_from: trial_env::env_from(&trial.env_from),
        ports: port(spec.metrics.as_ref()).map(|port| {
            vec![ContainerPort {
                name: Some("metrics".into()),
                container_port: i32::from(port),
                ..ContainerPort::default()
            }]
        }),
        resources: trial.resources.as_ref().map(resources::resources),
        volume_mounts: Some(trial_volumes::mounts(trial, name, checkpoint)),
        termination_message_path: Some(Folders::of(trial).message.into()),
        // The last lines of the log stand in for the message of a trial that failed without one.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        security_context: Some(pod_security::of_trial(trial)),
        ..Container::default()
    }
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
    let mut env = trial_env::variables(&spec.trial.env, parameters);
    // Python would keep its lines back: a metric is to be heard when it is printed.
    const UNBUFFERED: &str = "PYTHONUNBUFFERED";
    if spec.trial.bert.is_none() && env.iter().all(|own| own.name != UNBUFFERED) {
        env.push(plain(UNBUFFERED, "1"));
    }
    env.push(plain(variables::TRIAL, name));
    let folders = Folders::of(&spec.trial);
    env.push(plain(
        variables::PARAMETERS_FILE,
        &format!("{CONTRACT_DIR}/parameters.json"),
    ));
    env.push(plain(variables::CHECKPOINT_DIR, folders.checkpoint));
    env.push(plain(variables::OUTPUT_DIR, folders.output));
    env.push(plain(variables::TERMINATION_MESSAGE, folders.message));
    if spec.trial.bert.is_some() {
        env.push(plain(variables::MODEL_DIR, &folders.model()));
    }
    if spec.trial.sagemaker.is_some() {
        env.push(plain("TRAINING_JOB_NAME", name));
    }
    env.extend(processors::environment(spec));
    env.extend(port(spec.metrics.as_ref()).map(|p| plain(variables::METRICS_PORT, &p.to_string())));
    env.extend(parameters.env().map(|(name, value)| plain(&name, &value)));
    env
}

#[cfg(test)]
#[path = "trial_job_tests.rs"]
mod tests;
