//! How the operator is set up.

use super::prometheus_server::PrometheusServer;
use super::scope::Scope;
use super::secure_metrics::SecureMetrics;
use crate::tuning::Retry;
use jiff::SignedDuration;
use std::net::SocketAddr;
use std::time::Duration;

/// How the operator is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own image, in which checkpoints are removed.
    pub image: String,
    /// Image of the built-in fine-tuner, for CPUs.
    pub trainer_image: String,
    /// The one for trials that compute on a GPU.
    pub trainer_image_cuda: String,
    /// The namespaces that are looked after.
    pub scope: Scope,
    /// Reconciliations at once.
    pub concurrency: u16,
    /// Time between two readings of a trial's metrics.
    pub scrape_interval: Duration,
    /// The Prometheus server that `spec.metrics.promQuery` is about; `None`: such jobs are refused.
    pub prometheus: Option<PrometheusServer>,
    /// How long after a pod should have been gone its node counts as lost, and its trial is started elsewhere.
    pub lost_node_after: SignedDuration,
    /// What is borne of nodes that would not run a trial.
    pub retry: Retry,
    /// How long trials may wait for something, none of them running, before a person is called: the job is Stalled.
    pub stalled_after: SignedDuration,
    /// How long the removal of checkpoints may take before a job goes without it.
    pub cleanup_patience: Duration,
    /// Where /healthz and /readyz are served, and /metrics unless `secure_metrics` says otherwise; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Where /metrics is served over HTTPS, to those whom the API server allows; `None`: at `listen`, to anybody.
    pub secure_metrics: Option<SecureMetrics>,
    /// Who stands for election; `None`: this operator is the only one.
    pub candidate: Option<Candidate>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            image: concat!("tuning-operator/operator:", env!("CARGO_PKG_VERSION")).into(),
            trainer_image: concat!("tuning-operator/trainer:", env!("CARGO_PKG_VERSION")).into(),
            trainer_image_cuda: concat!("tuning-operator/trainer-cuda:", env!("CARGO_PKG_VERSION")).into(),
            scope: Scope::default(),
            concurrency: 32,
            scrape_interval: Duration::from_secs(5),
            prometheus: None,
            lost_node_after: SignedDuration::from_mins(5),
            retry: Retry::default(),
            stalled_after: SignedDuration::from_mins(5),
            cleanup_patience: Duration::from_secs(300),
            listen: None,
            secure_metrics: None,
            candidate: None,
        }
    }
}

/// Who stands for election, and where.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease: replicas of one release share it, two releases do not.
    pub name: String,
    /// The namespaces that the candidate looks after.
    pub scope: Scope,
    /// The candidate, unlike any other that ever was: a pod's name and a number.
    pub identity: String,
    /// How long the Lease must not have changed before others may claim it.
    pub duration: Duration,
}
