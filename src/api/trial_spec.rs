//! What a trial runs.

use super::bert_spec::BertSpec;
use super::env_spec::{EnvFromSpec, EnvVar};
use super::helper_spec::InitContainerSpec;
use super::pod_spec::{Affinity, ImagePullPolicy, ResourceClaimSpec, Resources, SecretName, TolerationSpec};
use super::security_spec::{ContainerSecuritySpec, PodSecuritySpec};
use super::volume_spec::VolumeSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a trial runs: exactly one of `bert`, `container`, `sagemaker` and `command`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialSpec {
    /// The built-in fine-tuner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bert: Option<BertSpec>,
    /// Any image; on one machine only with `--on-host`, which runs its command without the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerSpec>,
    /// A training image made for SageMaker, unchanged; refused on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sagemaker: Option<SagemakerSpec>,
    /// Any program of this machine, with its arguments; refused on a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub command: Option<Vec<String>>,
    /// Environment of the trial, beside what the tuner sets itself (`TUNING_…`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub env: Vec<EnvVar>,
    /// Variables for all keys of a secret or config map; those of `env` and the tuner's own go before. Refused on one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub env_from: Vec<EnvFromSpec>,
    /// What a pod asks for; of no effect on one machine. It may change while the job runs, for the trials that come next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Devices that the pod claims, and `resources.claims` uses; of no effect on one machine. They may change while the job runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub resource_claims: Vec<ResourceClaimSpec>,
    /// Containers that come before the trial, in this order, and sidecars that run beside it; of no effect on one machine. The
    /// trial ends when its own container does, whose exit code and metrics alone count. One that has to end before and ends badly says
    /// nothing of the trial's point: it is tried again, and after four times a person is called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub init_containers: Vec<InitContainerSpec>,
    /// Volumes of the pod and where they are mounted; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub volumes: Vec<VolumeSpec>,
    /// The volume that keeps checkpoints, so that a trial whose pod was evicted goes on where it was; without it checkpoints
    /// last as long as the pod. On the volume each trial has the folder `checkpoints/JOB-UID/TRIAL-UID`: a job of the same
    /// name that comes later does not find it. When the job has ended, `retain` says whose folders stay; when it is deleted,
    /// all of them go. Of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub checkpoint_volume: Option<String>,
    /// What else decides on the node: a pod's own `affinity`; of no effect on one machine. It may change while the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Labels of the nodes that may run a trial; of no effect on one machine. They may change while the job runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that a trial bears; of no effect on one machine. They may change while the job runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<TolerationSpec>,
    /// Secrets with which images are pulled; of no effect on one machine. They may change while the job runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub image_pull_secrets: Vec<SecretName>,
    /// Service account of the pod, whose token is mounted only where this is set; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Runtime class of the pod, such as `nvidia`; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub runtime_class_name: Option<String>,
    /// Priority class of the pod; of no effect on one machine. It may change while the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Kueue's local queue that admits the trials' Jobs; of no effect on one machine. It may change while the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub queue_name: Option<String>,
    /// Kueue's WorkloadPriorityClass, by which the queue admits and preempts; of no effect on one machine. It may change while
    /// the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub queue_priority_class_name: Option<String>,
    /// Labels of the pod, beside the tuner's own; of no effect on one machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the pod, beside the tuner's own; of no effect on one machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub pod_annotations: BTreeMap<String, String>,
    /// As whom the pod runs; of no effect on one machine. By itself a pod passes Pod Security's level restricted: its image has to
    /// name a user that is not root, by its number. `runAsUser` names another one, and an image that needs root runs with
    /// `runAsNonRoot: false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecuritySpec>,
    /// With which rights the trial's own container runs; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_security_context: Option<ContainerSecuritySpec>,
    /// When the image is pulled; absent: as Kubernetes does, `Always` for the tag `latest` and `IfNotPresent` for all else. Of no
    /// effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// The scheduler that finds the pod a node; absent: the cluster's own. Of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub scheduler_name: Option<String>,
    /// Seconds between SIGTERM and SIGKILL for a trial that has to stop: its time to write a checkpoint; absent: 60. Of no effect
    /// on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub termination_grace_period_seconds: Option<u32>,
}

/// Any image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    /// The image.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// Its entry point; `$(params.NAME)` stands for a parameter's value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub command: Vec<String>,
    /// Its arguments; `$(params.NAME)` stands for a parameter's value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub args: Vec<String>,
}

/// A training image made for SageMaker: it is started with the argument `train` and finds its hyperparameters, channels and
/// folders under `/opt/ml`, as SageMaker's documentation on training your own algorithm lays them out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagemakerSpec {
    /// The image.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// Hyperparameters that are not tuned; `$(params.NAME)` stands for a parameter's value. They join the job's parameters in
    /// `/opt/ml/input/config/hyperparameters.json`, where every value is a text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub hyperparameters: BTreeMap<String, String>,
    /// Input channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub channels: Vec<ChannelSpec>,
    /// The volume that keeps each trial's `/opt/ml/model`, under `models/TRIAL`; without it models last as long as the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub model_volume: Option<String>,
}

/// An input channel: a folder of a volume, seen as `/opt/ml/input/data/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSpec {
    /// Its name, such as `train`.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// The volume of `spec.trial.volumes` that holds it.
    #[schemars(length(min = 1, max = 63))]
    pub volume: String,
    /// Its folder in the volume; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub sub_path: Option<String>,
    /// What the files are, such as `text/csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub content_type: Option<String>,
}
