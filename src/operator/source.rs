//! Where the metrics of a job's trials are read, by its spec. Pure.

use super::attempt_state::SeenPod;
use super::endpoint::Endpoint;
use super::prometheus_server::RangeQuery;
use super::scrapers::MetricsSource;
use super::trial_job;
use super::trouble::{Kind, Trouble};
use crate::api::{Checked, MetricsSpec, ValueSource};
use crate::metrics::{self, LogMetrics};
use jiff::Timestamp;

/// A job's source of metrics.
pub struct Source<'a> {
    spec: Option<&'a MetricsSpec>,
    log_metrics: Option<&'a LogMetrics>,
    namespace: &'a str,
}

impl<'a> Source<'a> {
    /// The source that a job names, for pods of this namespace.
    pub fn of(job: &'a Checked, namespace: &'a str) -> Self {
        Self {
            spec: job.spec.metrics.as_ref(),
            log_metrics: job.log_metrics.as_ref(),
            namespace,
        }
    }

    /// How a value is marked that was read there.
    pub fn mark(&self) -> ValueSource {
        match (self.log_metrics.is_some(), self.asks_server()) {
            (true, _) => ValueSource::Logs,
            (_, true) => ValueSource::PromQuery,
            _ => ValueSource::Prometheus,
        }
    }

    /// The place in words.
    pub fn place(&self) -> &'static str {
        match self.mark() {
            ValueSource::Logs => "its log",
            ValueSource::PromQuery => "the series of spec.metrics.promQuery",
            _ => "its metrics page",
        }
    }

    /// Whether what was said while nobody listened is gone.
    pub fn is_fleeting(&self) -> bool {
        self.mark() == ValueSource::Prometheus
    }

    /// What to look for in the trial's output, if that is the source.
    pub fn log_metrics(&self) -> Option<&'a LogMetrics> {
        self.log_metrics
    }

    fn asks_server(&self) -> bool {
        self.spec.is_some_and(|m| m.prom_query.is_some())
    }

    /// Where to read the metrics of a pod that runs; `None` while it has no address.
    pub fn of_pod(&self, pod: &SeenPod, since: Timestamp) -> Option<MetricsSource> {
        if let Some(query) = self.range_query(&pod.name, since) {
            return Some(MetricsSource::Server(query));
        }
        if let Some(metrics) = self.log_metrics {
            return Some(MetricsSource::Log(metrics.clone()));
        }
        let port = trial_job::port(self.spec)?;
        let path = self
            .spec
            .and_then(|m| m.prometheus.clone())
            .unwrap_or_default()
            .path;
        pod.ip.as_ref()?;
        Some(MetricsSource::Endpoint(Endpoint { port, path }))
    }

    /// Why a pod is not scraped: where its address is its node's, another one may answer.
    pub fn refusal(&self, pod: &SeenPod) -> Option<Trouble> {
        (self.is_fleeting() && pod.is_on_host_network).then(|| Trouble {
            kind: Kind::HostNetwork,
            sentence: "its metrics page is not read, since its pod has its node's address (hostNetwork), where others may answer: \
                       leave hostNetwork out, or use spec.metrics.logs or a final report"
                .into(),
        })
    }

    /// What a Prometheus server is asked about a pod, if it is to be asked.
    pub fn range_query(&self, pod: &str, since: Timestamp) -> Option<RangeQuery> {
        let query = self.spec?.prom_query.as_ref()?;
        let labels = query
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let selector = metrics::selector(&query.metric, labels, self.namespace, pod);
        Some(RangeQuery { selector, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_at_its_nodes_address_is_not_listened_to() {
        let job = |metrics: serde_json::Value| {
            let manifest = json!({
                "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "job"},
                "spec": {
                    "objective": {"metric": "f1", "goal": "Maximize"},
                    "parameters": [{"name": "x", "double": {"min": 0.1, "max": 1.0}}],
                    "budget": {"maxTrials": 3},
                    "trial": {"container": {"image": "example.org/train"}},
                    "metrics": metrics,
                },
            });
            crate::api::check(&manifest).unwrap()
        };
        let pod = |is_on_host_network| SeenPod {
            is_on_host_network,
            ..SeenPod::default()
        };
        let page = job(json!({"prometheus": {"port": 9090}}));
        let source = Source::of(&page, "team");
        let refusal = source.refusal(&pod(true)).unwrap();
        assert_eq!(refusal.kind, Kind::HostNetwork);
        assert!(refusal.sentence.contains("leave hostNetwork out"));
        assert_eq!(source.refusal(&pod(false)), None);
        let log = job(json!({"logs": {"definitions": [{"name": "f1", "regex": "f1=([0-9.]+)"}]}}));
        assert_eq!(Source::of(&log, "team").refusal(&pod(true)), None);
    }
}
