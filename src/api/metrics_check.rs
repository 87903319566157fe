//! What a schema can't see about where metrics are read: alternatives, names, regular expressions.

use super::fault::{Fault, exactly_one};
use super::schema::section;
use super::*;
use crate::metrics::LogMetrics;
use serde_json::Value;

/// Adds a fault for everything about the metrics that no manifest may ask for; gives what reads the trials' logs, where they
/// are to be read.
pub(super) fn check_metrics(spec: &Value, faults: &mut Vec<Fault>) -> Option<LogMetrics> {
    let metrics: MetricsSpec = section(spec, "metrics")?;
    let kinds = [
        ("prometheus", metrics.prometheus.is_some()),
        ("promQuery", metrics.prom_query.is_some()),
        ("logs", metrics.logs.is_some()),
    ];
    exactly_one("spec.metrics", &kinds, faults);
    if let Some(prometheus) = metrics.prometheus.as_ref().filter(|p| !p.path.starts_with('/')) {
        let message = format!("{:?} is not a path: begin it with '/'", prometheus.path);
        faults.push(Fault::new("spec.metrics.prometheus.path", message));
    }
    if let Some(query) = &metrics.prom_query {
        check_query(query, faults);
    }
    let objective = section::<ObjectiveSpec>(spec, "objective").map(|o| o.metric);
    check_definitions(&metrics.logs?.definitions, objective.as_deref(), faults)
}

fn check_definitions(
    definitions: &[MetricDefinition],
    objective: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Option<LogMetrics> {
    let path = "spec.metrics.logs.definitions";
    for (i, definition) in definitions.iter().enumerate() {
        if definitions[..i].iter().any(|d| d.name == definition.name) {
            let message = format!("{:?} is defined already", definition.name);
            faults.push(Fault::new(format!("{path}[{i}].name"), message));
        }
    }
    if let Some(objective) = objective.filter(|o| !o.is_empty() && !definitions.iter().any(|d| d.name == *o))
    {
        faults.push(Fault::new(
            path,
            format!("none defines the objective {objective:?}"),
        ));
    }
    match LogMetrics::new(definitions.iter().map(|d| (d.name.as_str(), d.regex.as_deref()))) {
        Ok(metrics) => Some(metrics),
        Err(wrong) => {
            faults.extend(wrong.into_iter().map(|(i, why)| {
                let expression = definitions[i].regex.as_deref().unwrap_or_default();
                let message = format!("{expression:?}: {why}");
                Fault::new(format!("{path}[{i}].regex"), message)
            }));
            None
        }
    }
}

/// Names of Prometheus' data model: they stand outside quotes in a question, so nothing else may.
fn check_query(query: &PromQuerySpec, faults: &mut Vec<Fault>) {
    let path = "spec.metrics.promQuery";
    let is_name = |text: &str, colons: bool| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
        !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && text.chars().all(inner)
    };
    if !is_name(&query.metric, true) {
        let message = format!(
            "{:?} is no name of a metric: letters, digits, '_' and ':'",
            query.metric
        );
        faults.push(Fault::new(format!("{path}.metric"), message));
    }
    for name in query.labels.keys() {
        let why = match name.as_str() {
            "namespace" | "pod" => "the operator sets this label for each trial: remove it",
            name if name.starts_with("__") || !is_name(name, false) => {
                "is no name of a label: letters, digits and '_', no '__' at the beginning"
            }
            _ => continue,
        };
        faults.push(Fault::new(format!("{path}.labels.{name}"), why));
    }
}

#[cfg(test)]
#[path = "metrics_check_tests.rs"]
mod tests;
