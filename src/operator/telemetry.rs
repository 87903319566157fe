//! What the operator tells of itself, as Prometheus metrics. No object's name is ever a label.

use super::error::Error;
use super::trouble::Kind;
use prometheus::core::Collector;
use prometheus::{
    HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder, histogram_opts,
    opts,
};
use std::time::Duration;

/// The operator's own metrics.
#[derive(Clone)]
pub struct Telemetry {
    registry: Registry,
    reconciliations: HistogramVec,
    errors: IntCounterVec,
    api_calls: HistogramVec,
    decisions: HistogramVec,
    proposals: IntCounter,
    scrapes: IntCounterVec,
    scrape_failures: IntCounterVec,
    now: Now,
}

/// What is the case now.
#[derive(Clone)]
struct Now {
    waiting: IntGauge,
    woken: IntGauge,
    scrapers: IntGauge,
    trials: IntGaugeVec,
    watches: IntGaugeVec,
    jobs: IntGauge,
    phases: IntGaugeVec,
    leader: IntGauge,
}

/// How a reconciliation ends.
const RESULTS: [&str; 2] = ["ok", "error"];
/// How a reading does.
const READINGS: [&str; 2] = ["ok", "failed"];

const SECONDS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

impl Telemetry {
    /// Metrics at their beginning.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let histogram = |name, help, labels: &[&str]| histogram(&registry, name, help, labels);
        let counters = |name, help, label, known: &[&str]| counters(&registry, name, help, label, known);
        let reconciliations = histogram(
            "tuning_operator_reconcile_seconds",
            "Time of a reconciliation of one TuningJob",
            &["result"],
        )?;
        for result in RESULTS {
            reconciliations.with_label_values(&[result]);
        }
        Ok(Self {
            reconciliations,
            errors: counters(
                "tuning_operator_errors_total",
                "Reconciliations that failed, by kind of error",
                "kind",
                &Error::KINDS,
            )?,
            api_calls: histogram(
                "tuning_operator_api_seconds",
                "Time of a call to the API server",
                &["verb", "kind", "result"],
            )?,
            decisions: histogram(
                "tuning_operator_decision_seconds",
                "Time to decide what a job does next, its proposals included",
                &[],
            )?,
            proposals: counter(
                &registry,
                "tuning_operator_proposals_total",
                "Trials that were proposed",
            )?,
            scrapes: counters(
                "tuning_operator_scrapes_total",
                "Readings of trials' metrics",
                "result",
                &READINGS,
            )?,
            scrape_failures: counters(
                "tuning_operator_scrape_failures_total",
                "Readings of trials' metrics that failed, by kind; see docs/troubleshooting.md",
                "kind",
                &Kind::WORDS,
            )?,
            now: Now::new(&registry)?,
            registry,
        })
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
    pub fn called(&self, verb: &str, kind: &str, result: &str, took: Duration) {
        self.api_calls
            .with_label_values(&[verb, kind, result])
            .observe(took.as_secs_f64());
    }

    /// A TuningJob has news and waits for a place at work, until the answer is dropped.
    pub fn waits(&self) -> One {
        One::more(&self.now.waiting)
    }

    /// A pod is followed, until the answer is dropped.
    pub fn scrapes(&self) -> One {
        One::more(&self.now.scrapers)
    }

    /// So many TuningJobs have news and were not taken up yet.
    pub fn woken(&self, n: usize) {
        self.now.woken.set(n as i64);
    }

    /// Whether a watch works.
    pub fn watches(&self, kind: &str, works: bool) {
        self.now.watches.with_label_values(&[kind]).set(i64::from(works));
    }

    /// Trials were proposed.
    pub fn proposed(&self, n: usize) {
        self.proposals.inc_by(n as u64);
    }

    /// A decision was made.
    pub fn decided(&self, took: Duration) {
        self.decisions
            .with_label_values::<&str>(&[])
            .observe(took.as_secs_f64());
    }

    /// A trial was asked for its metrics.
    pub fn scraped(&self, failure: Option<Kind>) {
        let result = READINGS[usize::from(failure.is_some())];
        self.scrapes.with_label_values(&[result]).inc();
        if let Some(kind) = failure {
            self.scrape_failures.with_label_values(&[kind.word()]).inc();
        }
    }

    /// Whether this replica works.
    pub fn leads(&self, leads: bool) {
        self.now.leader.set(i64::from(leads));
    }

    /// How many jobs and trials there are, these and those by phase.
    pub fn counted(&self, jobs: usize, phases: &[(&str, u32)], trials: &[(&str, u32)]) {
        self.now.jobs.set(jobs as i64);
        for (phase, n) in phases {
            self.now.phases.with_label_values(&[phase]).set(i64::from(*n));
        }
        for (phase, n) in trials {
            self.now.trials.with_label_values(&[phase]).set(i64::from(*n));
        }
    }

    /// The page.
    pub fn page(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    let options = histogram_opts!(name, help, SECONDS.to_vec());
    registered(registry, HistogramVec::new(options, labels)?)
}

/// Counters, of which the known ones begin at 0: the first event is an increase then, and no new series.
fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
    known: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counters = registered(registry, IntCounterVec::new(opts!(name, help), &[label])?)?;
    for value in known {
        counters.with_label_values(&[*value]);
    }
    Ok(counters)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    registered(registry, IntCounter::new(name, help)?)
}

fn gauges(registry: &Registry, name: &str, help: &str, label: &str) -> prometheus::Result<IntGaugeVec> {
    registered(registry, IntGaugeVec::new(opts!(name, help), &[label])?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    registered(registry, IntGauge::new(name, help)?)
}

impl Now {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name, help| gauge(registry, name, help);
        Ok(Self {
            waiting: gauge(
                "tuning_operator_waiting",
                "TuningJobs with news that wait for a place at work",
            )?,
            woken: gauge(
                "tuning_operator_woken",
                "TuningJobs with news that the controller has not taken up yet",
            )?,
            scrapers: gauge("tuning_operator_scrapers", "Pods whose metrics are followed")?,
            trials: gauges(registry, "tuning_operator_trials", "Trials by phase", "phase")?,
            watches: gauges(
                registry,
                "tuning_operator_watch_up",
                "1 where the watch of this kind works, 0 where the operator is blind",
                "kind",
            )?,
            jobs: gauge("tuning_operator_tuningjobs", "TuningJobs in the cluster")?,
            phases: gauges(
                registry,
                "tuning_operator_tuningjob_phases",
                "TuningJobs by phase; Stalled are those that a person has to help",
                "phase",
            )?,
            leader: gauge(
                "tuning_operator_leader",
                "1 where this replica works, 0 where it stands by",
            )?,
        })
    }
}

/// One of those that are counted, until it is dropped.
pub struct One(IntGauge);

impl One {
    fn more(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::parse;

    #[test]
    fn what_has_not_happened_yet_is_0() {
        let page = parse(&Telemetry::new().unwrap().page()).unwrap();
        for (name, label, known) in [
            ("tuning_operator_errors_total", "kind", &Error::KINDS[..]),
            ("tuning_operator_scrapes_total", "result", &READINGS),
            ("tuning_operator_scrape_failures_total", "kind", &Kind::WORDS),
            ("tuning_operator_reconcile_seconds_count", "result", &RESULTS),
        ] {
            for value in known {
                assert_eq!(page.value(name, &[(label, *value)]), Some(0.0), "{name} {value}");
            }
        }
    }

    #[test]
    fn the_page_says_what_has_happened() {
        let telemetry = Telemetry::new().unwrap();
        telemetry.called("create", "Job", "ok", Duration::from_millis(20));
        telemetry.failed("api");
        telemetry.proposed(3);
        telemetry.counted(2, &[("Stalled", 1)], &[("running", 4)]);
        telemetry.scraped(None);
        telemetry.scraped(Some(Kind::Timeout));
        telemetry.woken(5);
        let _one = (telemetry.waits(), telemetry.scrapes());
        drop(telemetry.waits());
        let page = parse(&telemetry.page()).unwrap();
        let call = [("verb", "create"), ("kind", "Job"), ("result", "ok")];
        assert_eq!(page.value("tuning_operator_api_seconds_count", &call), Some(1.0));
        assert_eq!(
            page.value("tuning_operator_errors_total", &[("kind", "api")]),
            Some(1.0)
        );
        assert_eq!(page.value("tuning_operator_proposals_total", &[]), Some(3.0));
        assert_eq!(
            page.value("tuning_operator_trials", &[("phase", "running")]),
            Some(4.0)
        );
        let stalled = [("phase", "Stalled")];
        assert_eq!(
            page.value("tuning_operator_tuningjob_phases", &stalled),
            Some(1.0)
        );
        assert_eq!(page.value("tuning_operator_waiting", &[]), Some(1.0));
        assert_eq!(page.value("tuning_operator_scrapers", &[]), Some(1.0));
        assert_eq!(page.value("tuning_operator_woken", &[]), Some(5.0));
        let kind = [("kind", "Timeout")];
        assert_eq!(
            page.value("tuning_operator_scrape_failures_total", &kind),
            Some(1.0)
        );
        assert_eq!(page.n_malformed(), 0);
    }
}
