//! What a trial runs and where its metrics are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a trial runs: exactly one of `bert`, `container` and `command`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialSpec {
    /// The built-in fine-tuner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bert: Option<BertSpec>,
    /// Any image; on one machine only with `--on-host`, which runs its command without the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerSpec>,
    /// Any program of this machine, with its arguments; refused on a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub command: Option<Vec<String>>,
    /// Environment of the trial, beside what the tuner sets itself (`TUNING_…`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub env: Vec<EnvVar>,
    /// What a pod asks for; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Volumes of the pod and where they are mounted; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub volumes: Vec<VolumeSpec>,
    /// The volume that keeps checkpoints, so that a trial whose pod was evicted goes on where it was; without it checkpoints
    /// last as long as the pod. Of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub checkpoint_volume: Option<String>,
    /// Labels of the nodes that may run a trial; of no effect on one machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that a trial bears; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<TolerationSpec>,
    /// Secrets with which the image is pulled; of no effect on one machine.
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
    /// Priority class of the pod; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Kueue's local queue that admits the trials' Jobs; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub queue_name: Option<String>,
}

/// A volume and where it is mounted: exactly one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSpec {
    /// Its name in the pod.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The folder under which the trial sees it.
    #[schemars(length(min = 1, max = 1024))]
    pub mount_path: String,
    /// Whether the trial may only read it.
    #[serde(default)]
    pub read_only: bool,
    /// A claim in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimSource>,
    /// A config map in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<NameSource>,
    /// A secret in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretSource>,
    /// An empty folder that lasts as long as the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirSource>,
}

/// A persistent volume claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
}

/// Something by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// An empty folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDirSource {
    /// `Memory`, or the node's disk where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Medium>,
    /// Most that it may hold, such as `2Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Quantity>,
}

/// Where an empty folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Medium {
    /// In memory, which counts against the pod's limit.
    Memory,
}

/// A secret by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A taint that is borne.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TolerationSpec {
    /// Key of the taint; absent: every taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 317))]
    pub key: Option<String>,
    /// How it is compared; absent: Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint; absent: every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// Seconds for which a NoExecute taint is borne; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a taint is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum TolerationOperator {
    Equal,
    Exists,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// The built-in BERT fine-tuner. Each of `learning_rate`, `batch_size`, `epochs`, `weight_decay`, `warmup_ratio`, `dropout`,
/// `max_length` and `seed` may be a parameter; what is not a parameter is fixed here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BertSpec {
    /// The image, where it is not the operator's own; of no effect on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// What is learned.
    pub task: Task,
    /// Folder of the checkpoint, in Hugging Face's layout: config.json, vocab.txt or tokenizer.json, model.safetensors.
    #[schemars(length(min = 1, max = 1024))]
    pub model: String,
    /// Folder of the data: train.tsv and dev.tsv.
    #[schemars(length(min = 1, max = 1024))]
    pub data: String,
    /// Passes over the training data.
    #[serde(default = "epochs")]
    #[schemars(range(min = 1, max = 1000))]
    pub epochs: u32,
    /// Pairs in a training step.
    #[serde(default = "batch_size")]
    #[schemars(range(min = 1, max = 4096))]
    pub batch_size: u32,
    /// Tokens after which a pair is cut off.
    #[serde(default = "max_length")]
    #[schemars(range(min = 8, max = 4096))]
    pub max_length: u32,
    /// Arithmetic of the matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// Learning rate, where it is not a parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Seed of the head, the order of the data and dropout.
    #[serde(default = "one")]
    pub seed: u32,
    /// Steps between evaluations; 0: after each epoch only.
    #[serde(default)]
    pub eval_every: u32,
}

fn epochs() -> u32 {
    3
}

fn batch_size() -> u32 {
    32
}

fn max_length() -> u32 {
    128
}

fn one() -> u32 {
    1
}

/// What the fine-tuner learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Whether two sentences say the same (GLUE MRPC).
    Mrpc,
}

/// Arithmetic of the matrix products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bf16 where the device computes in it, else fp32: the faster of both.
    #[default]
    Auto,
    /// 16 bits of bfloat16, with weights kept in 32.
    Bf16,
    /// 32 bits throughout.
    Fp32,
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

/// One variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Its value; `$(params.NAME)` stands for a parameter's value.
    #[serde(default)]
    #[schemars(length(max = 32768))]
    pub value: String,
}

/// What a pod asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Most that it may take, such as `nvidia.com/gpu: 1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub limits: BTreeMap<String, Quantity>,
    /// What it is promised.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub requests: BTreeMap<String, Quantity>,
}

/// A Kubernetes quantity: a whole number, or a text such as `500m` or `8Gi`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"x-kubernetes-int-or-string": true})
    }
}

/// Where a trial's metrics are read: exactly one source.
///
/// Whatever the source, the final report that a trial writes (see the trial contract) counts as its final values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// The trial's own Prometheus endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSpec>,
    /// The trial's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<LogsSpec>,
}

/// The trial's own Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSpec {
    /// Port in the pod. On one machine each trial is told a free port instead, in `TUNING_METRICS_PORT`.
    #[serde(default = "metrics_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Path of the metrics.
    #[serde(default = "metrics_path")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
}

impl Default for PrometheusSpec {
    fn default() -> Self {
        Self {
            port: metrics_port(),
            path: metrics_path(),
        }
    }
}

fn metrics_port() -> u16 {
    9090
}

fn metrics_path() -> String {
    "/metrics".into()
}

/// The trial's output, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogsSpec {
    /// What to look for: every match is a point of the learning curve, the last one counts.
    #[schemars(length(min = 1, max = 40))]
    pub definitions: Vec<MetricDefinition>,
}

/// A metric in the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricDefinition {
    /// The metric's name.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// A regular expression with one group, which captures the number: `f1=([0-9.]+)`.
    #[schemars(length(min = 1, max = 1024))]
    pub regex: String,
}
