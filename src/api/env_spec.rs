//! Variables of a trial's environment, and where their values are.

use super::pod_spec::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One variable of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Its value; `$(params.NAME)` stands for a parameter's value.
    #[serde(default)]
    #[schemars(length(max = 32768))]
    pub value: String,
    /// Where its value is, instead of `value`; refused on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvSource>,
}

/// Where a value is: exactly one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvSource {
    /// A key of a secret in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeySource>,
    /// A key of a config map in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeySource>,
    /// A field of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldSource>,
    /// What a container of the pod asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_field_ref: Option<ResourceFieldSource>,
}

/// A key of a secret or config map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySource {
    /// Name of the secret or config map.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
    /// Whether the trial runs without the variable where there is no such key.
    #[serde(default)]
    pub optional: bool,
}

/// A field of the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldSource {
    /// Its path, such as `spec.nodeName` or `metadata.labels['team']`.
    #[schemars(length(min = 1, max = 512))]
    pub field_path: String,
}

/// What a container of the pod asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceFieldSource {
    /// What of it, such as `limits.memory`.
    #[schemars(length(min = 1, max = 253))]
    pub resource: String,
    /// Name of the container; absent: the one whose variable it is. The trial's own is called `trial`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container_name: Option<String>,
    /// The unit, such as `1Mi`; absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divisor: Option<Quantity>,
}

/// Variables for all keys of a secret or config map: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSpec {
    /// What is put before each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub prefix: Option<String>,
    /// A secret in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<KeysSource>,
    /// A config map in the job's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<KeysSource>,
}

/// All keys of a secret or config map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeysSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether the trial runs without it where there is none.
    #[serde(default)]
    pub optional: bool,
}
