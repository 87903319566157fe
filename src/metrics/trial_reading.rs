//! What a running trial shows of itself, read from its Prometheus page.
//!
//! The trial contract: `tuning_metric{name="f1"} 0.87`, `tuning_step`, `tuning_total_steps`, `tuning_epoch`,
//! `tuning_samples_per_second`. Programs that were written before they met the tuner name a metric plainly: `f1 0.87`.

use super::{Exposition, MAX_METRICS, MAX_NAME_BYTES, Sample, count};
use std::collections::BTreeMap;

/// What a trial shows at one moment; each part only where it shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialReading {
    /// Value of every metric by its name; a value may be NaN, which means that the training diverged.
    pub metrics: BTreeMap<String, f64>,
    /// Training steps done.
    pub step: Option<u64>,
    /// The step at which the metrics were measured, where the trial tells it: `tuning_metric_step`.
    pub metric_step: Option<u64>,
    /// Training steps in all.
    pub total_steps: Option<u64>,
    /// Epochs done, with fractions.
    pub epoch: Option<f64>,
    /// Throughput: training examples per second.
    pub samples_per_second: Option<f64>,
    /// Why the first of the wanted metrics has no value, though the page is one.
    pub unread: Option<String>,
}

impl TrialReading {
    /// Reads a page. `wanted` are the names that also count where the page names them plainly; a metric under
    /// `tuning_metric` takes precedence.
    pub fn of(page: &Exposition, wanted: &[&str]) -> Self {
        let mut metrics = BTreeMap::new();
        let plain = wanted.iter().filter_map(|name| Some((*name, plain(page, name)?)));
        let labelled = page.samples().iter().filter(|s| s.name == "tuning_metric");
        let labelled = labelled.filter_map(|s| Some((s.label("name")?, s.value)));
        for (name, value) in plain.chain(labelled) {
            let fits = name.len() <= MAX_NAME_BYTES;
            if fits && (metrics.len() < MAX_METRICS || metrics.contains_key(name)) {
                metrics.insert(name.to_owned(), value);
            }
        }
        let count_of = |name| page.value(name, &[]).and_then(count);
        let finite = |name| page.value(name, &[]).filter(|v| v.is_finite());
        Self {
            metrics,
            step: count_of("tuning_step"),
            metric_step: count_of("tuning_metric_step"),
            total_steps: count_of("tuning_total_steps"),
            epoch: finite("tuning_epoch"),
            samples_per_second: finite("tuning_samples_per_second"),
            unread: wanted.first().and_then(|name| why_not(page, name)),
        }
    }
}

/// A metric under its own name: the sample without labels, or else the only one; of several, none is right.
fn plain(page: &Exposition, name: &str) -> Option<f64> {
    let samples: Vec<&Sample> = page.samples().iter().filter(|s| s.name == name).collect();
    let bare = samples.iter().rev().find(|s| s.labels.is_empty());
    bare.or(samples.first().filter(|_| samples.len() == 1))
        .map(|s| s.value)
}

/// Why a page has no value of this metric.
fn why_not(page: &Exposition, name: &str) -> Option<String> {
    let labelled = |s: &&Sample| s.name == "tuning_metric" && s.label("name") == Some(name);
    if page.samples().iter().any(|s| labelled(&s)) || plain(page, name).is_some() {
        return None;
    }
    let n = page.samples().iter().filter(|s| s.name == name).count();
    Some(match n {
        0 => format!("the page has neither tuning_metric{{name={name:?}}} nor {name}"),
        n => format!("the page has {n} series {name}, and none of them without labels"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::parse;

    fn read(text: &str) -> TrialReading {
        TrialReading::of(&parse(text).unwrap(), &["f1"])
    }

    #[test]
    fn the_trial_contract() {
        let reading = read(concat!(
            "tuning_metric{name=\"f1\"} 0.87\ntuning_metric{name=\"loss\"} 3.1e-1\n",
            "tuning_step 115\ntuning_total_steps 345\ntuning_epoch 1.5\ntuning_samples_per_second 812.5\n",
            "process_cpu_seconds_total 12\nf1 0.1\n",
        ));
        assert_eq!(
            reading.metrics,
            BTreeMap::from([("f1".into(), 0.87), ("loss".into(), 0.31)])
        );
        assert_eq!((reading.step, reading.total_steps), (Some(115), Some(345)));
        assert_eq!(
            (reading.epoch, reading.samples_per_second),
            (Some(1.5), Some(812.5))
        );
    }

    #[test]
    fn a_metric_may_be_named_plainly() {
        assert_eq!(
            read("f1 0.87\nloss 0.3").metrics,
            BTreeMap::from([("f1".into(), 0.87)])
        );
        assert_eq!(read("f1{split=\"dev\"} 0.87").metrics.get("f1"), Some(&0.87));
        assert_eq!(
            read("f1{split=\"dev\"} 0.87\nf1 0.5").metrics.get("f1"),
            Some(&0.5)
        );
        assert_eq!(
            read("f1{split=\"dev\"} 0.87\nf1{split=\"train\"} 0.9")
                .metrics
                .get("f1"),
            None
        );
    }

    #[test]
    fn nonsense_is_not_a_step_and_nan_is_a_value() {
        let reading =
            read("tuning_step NaN\ntuning_total_steps -1\ntuning_epoch +Inf\ntuning_metric{name=\"f1\"} NaN");
        assert_eq!(
            (reading.step, reading.total_steps, reading.epoch),
            (None, None, None)
        );
        assert!(reading.metrics["f1"].is_nan());
    }

    #[test]
    fn a_flood_of_metrics_is_cut_but_the_objective_stays() {
        let flood: String = (0..500)
            .map(|i| format!("tuning_metric{{name=\"m{i}\"}} 1\n"))
            .collect();
        let reading = read(&format!("{flood}f1 0.9"));
        assert_eq!(reading.metrics.len(), MAX_METRICS);
        assert_eq!(reading.metrics["f1"], 0.9);
    }
}
