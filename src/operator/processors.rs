//! How many processors may a trial count on? What it is told of it. Pure.

use super::trial_env::plain;
use crate::api::{Quantity, Resources, TuningJobSpec};
use crate::contract::variables;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ResourceFieldSelector};

/// `TUNING_THREADS`, or what the fine-tuner needs to find it out where the pod runs.
pub fn environment(spec: &TuningJobSpec) -> Vec<EnvVar> {
    let number = |name: &str, number: u32| plain(name, &number.to_string());
    match threads(spec.trial.resources.as_ref()) {
        // It is promised nothing, and its node is known only when the pod is there: the fine-tuner divides for itself what the
        // node has by the trials that may meet on it, as one machine does. Other programs can count on no more than one.
        None if spec.trial.bert.is_some() => vec![
            cpu_limit(variables::NODE_CPUS),
            number(variables::PARALLEL_TRIALS, spec.budget.parallel_trials),
        ],
        promised => vec![number(variables::THREADS, promised.unwrap_or(1))],
    }
}

/// Whole processors that a trial may count on: what it is promised, or else its limit, which is promised where nothing is said.
/// `None`: nothing is asked for.
fn threads(resources: Option<&Resources>) -> Option<u32> {
    let cpu = resources.and_then(|r| r.requests.get("cpu").or(r.limits.get("cpu")))?;
    let cores = match cpu {
        Quantity::Number(n) => *n as f64,
        Quantity::Text(text) => match text.strip_suffix('m') {
            Some(thousandths) => thousandths.parse().unwrap_or(0.0) / 1000.0,
            None => text.parse().unwrap_or(0.0),
        },
    };
    Some((cores.floor() as u32).max(1))
}

/// A variable that the kubelet fills with the container's limit of processors, rounded up, or without one with the node's
/// allocatable (Kubernetes documentation, "Downward API").
fn cpu_limit(name: &str) -> EnvVar {
    let field = ResourceFieldSelector {
        resource: "limits.cpu".into(),
        ..ResourceFieldSelector::default()
    };
    EnvVar {
        name: name.into(),
        value: None,
        value_from: Some(EnvVarSource {
            resource_field_ref: Some(field),
            ..EnvVarSource::default()
        }),
    }
}
