//! As whom a trial's pod runs, and with which rights. What would give it its node is not there to be asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// As whom everything in a pod runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodSecuritySpec {
    /// Number of the user; absent: 65532 for `bert`, and for all else the one that the image names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_user: Option<i64>,
    /// Number of its group; absent: the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_group: Option<i64>,
    /// Whether a container that would run as root is not started; absent: true, unless `runAsUser` is 0. An image that needs root
    /// runs where this is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,
    /// A group to which the pod's volumes belong; absent: 65532 for `bert`, and wherever the tuner makes folders on a volume
    /// (`checkpointVolume`, `modelVolume`) for a trial that is not root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub fs_group: Option<i64>,
    /// When a volume is given to that group; absent: `Always`, and `OnRootMismatch` where `fsGroup` is absent too and it is
    /// not `bert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs_group_change_policy: Option<FsGroupChangePolicy>,
    /// Further groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(range(min = 0, max = 2_147_483_647)))]
    pub supplemental_groups: Vec<i64>,
    /// Which system calls are allowed; absent: those of `RuntimeDefault`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<SeccompSpec>,
}

/// With which rights one container runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSecuritySpec {
    /// Number of the user; absent: the pod's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_user: Option<i64>,
    /// Number of its group; absent: the pod's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_group: Option<i64>,
    /// Whether it is not started where it would run as root; absent: as the pod has it, and false where `runAsUser` here is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,
    /// Whether a program may gain rights that the one which starts it does not have; absent: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_privilege_escalation: Option<bool>,
    /// Whether the image's own files can't be written to; absent: true for `bert`, false for all else. Where it is true, `/tmp` of the
    /// trial is an empty folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_root_filesystem: Option<bool>,
    /// What root may do; absent: nothing, or what the container runtime gives to one that may run as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<CapabilitiesSpec>,
    /// Which system calls are allowed; absent: as the pod has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<SeccompSpec>,
}

/// What root may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapabilitiesSpec {
    /// What is given beside what is left: what Pod Security's level baseline allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 13))]
    pub add: Vec<Capability>,
    /// What is taken away; absent: `ALL`, and nothing of a container that may run as root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 41), inner(length(min = 1, max = 32)))]
    pub drop: Vec<String>,
}

/// One right of root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "Linux' own words")]
pub enum Capability {
    AuditWrite,
    Chown,
    DacOverride,
    Fowner,
    Fsetid,
    Kill,
    Mknod,
    NetBindService,
    Setfcap,
    Setgid,
    Setpcap,
    Setuid,
    SysChroot,
}

impl Capability {
    /// Its name, as Kubernetes writes it.
    pub fn word(self) -> String {
        let word = serde_json::to_value(self).unwrap_or_default();
        word.as_str().unwrap_or_default().to_owned()
    }
}

/// When volumes are given to the group of `fsGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum FsGroupChangePolicy {
    Always,
    OnRootMismatch,
}

/// Which system calls are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeccompSpec {
    /// Whose list it is.
    #[serde(rename = "type")]
    pub type_: SeccompType,
    /// The node's file with the list, for `Localhost` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub localhost_profile: Option<String>,
}

/// Whose list of system calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SeccompType {
    /// The container runtime's.
    RuntimeDefault,
    /// A file of the node's.
    Localhost,
}
