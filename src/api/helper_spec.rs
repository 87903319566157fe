//! Containers beside a trial's own: those that come before it, and those that run as long as it does.

use super::env_spec::{EnvFromSpec, EnvVar};
use super::pod_spec::{ImagePullPolicy, Resources};
use super::security_spec::ContainerSecuritySpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A container that comes before the trial's own, or beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InitContainerSpec {
    /// Its name; `trial` is the trial's own.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The image.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// When the image is pulled; absent: as Kubernetes does, `Always` for the tag `latest` and `IfNotPresent` for all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Whether it is a sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<HelperRestartPolicy>,
    /// Its entry point; `$(params.NAME)` stands for a parameter's value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub command: Vec<String>,
    /// Its arguments; `$(params.NAME)` stands for a parameter's value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub args: Vec<String>,
    /// Its environment: nothing of the trial's, and nothing of the tuner's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub env: Vec<EnvVar>,
    /// Variables for all keys of a secret or config map.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub env_from: Vec<EnvFromSpec>,
    /// What it asks for. Accelerators are the trial's own: they are counted there alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// What it sees of the trial's volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub volume_mounts: Vec<MountSpec>,
    /// With which rights it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<ContainerSecuritySpec>,
}

/// `Always`: a sidecar, which starts before the trial, runs beside it and is ended after it. Absent: it has to end well before the
/// next one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HelperRestartPolicy {
    /// Whenever it has ended, as long as the trial runs.
    Always,
}

/// A volume and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MountSpec {
    /// The volume: one of `spec.trial.volumes`, or `tuning-output`, which holds what the trial writes to `TUNING_OUTPUT_DIR`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The folder under which it is seen.
    #[schemars(length(min = 1, max = 1024))]
    pub mount_path: String,
    /// Its folder in the volume; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub sub_path: Option<String>,
    /// Whether it may only be read.
    #[serde(default)]
    pub read_only: bool,
}
