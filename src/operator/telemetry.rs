//! What the operator tells of itself, as Prometheus metrics. No object's name is ever a label.

use prometheus::{
    HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder, histogram_opts, opts,
};
use std::time::Duration;

/// The operator's own metrics.
#[derive(Clone)]
pub struct Telemetry {
    registry: Registry,
    reconciliations: HistogramVec,
    errors: IntCounterVec,
    api_calls: HistogramVec,
    proposals: HistogramVec,
    scrapes: IntCounterVec,
    trials: IntGaugeVec,
    jobs: IntGauge,
    leader: IntGauge,
}

const SECONDS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

impl Telemetry {
    /// Metrics at their beginning.
    pub fn new() -> prometheus::Result<Self> {
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            HistogramVec::new(histogram_opts!(name, help, SECONDS.to_vec()), labels)
        };
        let telemetry = Self {
            registry: Registry::new(),
            reconciliations: histogram(
                "tuning_operator_reconcile_seconds",
                "Time of a reconciliation of one TuningJob",
                &["result"],
            )?,
            errors: IntCounterVec::new(
                opts!(
                    "tuning_operator_errors_total",
                    "Reconciliations that failed, by kind of error"
                ),
                &["kind"],
            )?,
            api_calls: histogram(
                "tuning_operator_api_seconds",
                "Time of a call to the API server",
                &["verb", "kind"],
            )?,
            proposals: histogram(
                "tuning_operator_decision_seconds",
                "Time to decide what a job does next, its proposals included",
                &[],
            )?,
            scrapes: IntCounterVec::new(
                opts!("tuning_operator_scrapes_total", "Readings of trials' metrics"),
                &["result"],
            )?,
            trials: IntGaugeVec::new(opts!("tuning_operator_trials", "Trials by phase"), &["phase"])?,
            jobs: IntGauge::new("tuning_operator_tuningjobs", "TuningJobs in the cluster")?,
            leader: IntGauge::new(
                "tuning_operator_leader",
                "1 where this replica works, 0 where it stands by",
            )?,
        };
        let t = &telemetry;
        let all: [Box<dyn prometheus::core::Collector>; 8] = [
            Box::new(t.reconciliations.clone()),
            Box::new(t.errors.clone()),
            Box::new(t.api_calls.clone()),
            Box::new(t.proposals.clone()),
            Box::new(t.scrapes.clone()),
            Box::new(t.trials.clone()),
            Box::new(t.jobs.clone()),
            Box::new(t.leader.clone()),
        ];
        for collector in all {
            t.registry.register(collector)?;
        }
        Ok(telemetry)
    }

    /// A reconciliation has ended.
    pub fn reconciled(&self, result: &str, took: Duration) {
        self.reconciliations
            .with_label_values(&[result])
            .observe(took.as_secs_f64());
    }

    /// A reconciliation has failed.
    pub fn failed(&self, kind: &str) {
        self.errors.with_label_values(&[kind]).inc();
    }

    /// The API server has answered.
    pub fn called(&self, verb: &str, kind: &str, took: Duration) {
        self.api_calls
            .with_label_values(&[verb, kind])
            .observe(took.as_secs_f64());
    }

    /// A decision was made.
    pub fn decided(&self, took: Duration) {
        self.proposals
            .with_label_values::<&str>(&[])
            .observe(took.as_secs_f64());
    }

    /// A trial was asked for its metrics.
    pub fn scraped(&self, ok: bool) {
        self.scrapes
            .with_label_values(&[if ok { "ok" } else { "failed" }])
            .inc();
    }

    /// Whether this replica works.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// How many jobs and trials there are.
    pub fn counted(&self, jobs: usize, trials: &[(&str, u32)]) {
        self.jobs.set(jobs as i64);
        for (phase, n) in trials {
            self.trials.with_label_values(&[phase]).set(i64::from(*n));
        }
    }

    /// The page.
    pub fn page(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}
