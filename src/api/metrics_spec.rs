//! Where a trial's metrics are read.

use crate::metrics::{MAX_DEFINITIONS, MAX_EXPRESSION};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a trial's metrics are read: exactly one source.
///
/// Whatever the source, the final report that a trial writes (see the trial contract) counts as its final values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// The trial's own Prometheus endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSpec>,
    /// A Prometheus server that scrapes the trials' pods: the one of the operator's own configuration; refused on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prom_query: Option<PromQuerySpec>,
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

/// One series on a Prometheus server. The operator adds the labels `namespace` and `pod`; the steps of the learning curve are
/// seconds since the pod began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromQuerySpec {
    /// Name of the series that holds the objective, such as `eval_f1`.
    #[schemars(length(min = 1, max = 256))]
    pub metric: String,
    /// Labels that tell it from others of this name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub labels: BTreeMap<String, String>,
}

/// The trial's output, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogsSpec {
    /// What to look for: every match is a point of the learning curve, the last one counts.
    #[schemars(length(min = 1, max = MAX_DEFINITIONS))]
    pub definitions: Vec<MetricDefinition>,
}

/// A metric in the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricDefinition {
    /// The metric's name.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// A regular expression with one group, which captures the number, such as `f1=([-+.\w]+)`. Without it, a line is
    /// understood that says `f1=0.87`, `f1: 0.87`, `'f1': 0.87` or `"f1": 0.87`, and so are lines of JSON; `eval_f1` is
    /// another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION))]
    pub regex: Option<String>,
}
