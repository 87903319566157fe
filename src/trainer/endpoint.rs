//! Prometheus metrics while a trial runs.

use super::curve::Scores;
use super::{Failure, Result, page_server};
use prometheus::{Encoder, Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// The metrics of a trial.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    registry: Registry,
    metric: GaugeVec,
    device: IntGaugeVec,
    /// Steps done.
    pub(super) step: IntGauge,
    metric_step: IntGauge,
    /// Steps of the whole trial.
    pub(super) total_steps: IntGauge,
    /// Epochs done, with their fraction.
    pub(super) epoch: Gauge,
    /// Pairs trained on per second.
    pub(super) samples_per_second: Gauge,
    /// Mean loss of the last steps.
    pub(super) train_loss: Gauge,
}

impl Metrics {
    /// Metrics that are all zero; `tuning_metric` appears with the first evaluation.
    ///
    /// # Errors
    /// Never in practice: the names are fixed and valid.
    pub(super) fn new() -> Result<Self> {
        Self::register().map_err(|fault| Failure::Internal(fault.to_string()))
    }

    fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metric = GaugeVec::new(
            Opts::new("tuning_metric", "Scores of the last evaluation"),
            &["name"],
        )?;
        registry.register(Box::new(metric.clone()))?;
        let device = IntGaugeVec::new(
            Opts::new("tuning_device", "Where the trial computes"),
            &["device"],
        )?;
        registry.register(Box::new(device.clone()))?;
        let whole = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let real = |name: &str, help: &str| -> prometheus::Result<Gauge> {
            let gauge = Gauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        Ok(Self {
            metric_step: whole("tuning_metric_step", "Training steps done at the last evaluation")?,
            step: whole("tuning_step", "Training steps done")?,
            total_steps: whole("tuning_total_steps", "Training steps of the whole trial")?,
            epoch: real("tuning_epoch", "Epochs done")?,
            samples_per_second: real("tuning_samples_per_second", "Pairs trained on per second")?,
            train_loss: real("tuning_train_loss", "Mean training loss of the last twenty steps")?,
            registry,
            metric,
            device,
        })
    }

    /// Shows where the trial computes.
    pub(super) fn show_device(&self, label: &str) {
        self.device.with_label_values(&[label]).set(1);
    }

    /// Shows the scores of an evaluation after `step` training steps.
    pub(super) fn show(&self, step: u64, scores: &Scores) {
        for (name, value) in scores.named() {
            self.metric.with_label_values(&[name]).set(value);
        }
        // Last: whoever sees the new step sees its scores.
        self.metric_step.set(step as i64);
    }

    /// The page, in the text format.
    pub(super) fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        // Writing to memory cannot fail, and an empty page says as much as no page.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut page);
        page
    }

    /// Serves the page for as long as the program runs.
    ///
    /// # Errors
    /// The port is taken.
    pub(super) fn serve(&self, port: u16) -> Result<()> {
        let metrics = self.clone();
        page_server::serve(port, move || metrics.page())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_was_promised() {
        let metrics = Metrics::new().unwrap();
        assert!(
            !String::from_utf8(metrics.page())
                .unwrap()
                .contains("tuning_metric{")
        );
        metrics.show(
            8,
            &Scores {
                loss: 0.5,
                collapsed: false,
                metrics: [("f1".into(), 0.875), ("majority_f1".into(), 0.8125)].into(),
            },
        );
        metrics.step.set(12);
        metrics.show_device("cuda:0 NVIDIA H200");
        let page = String::from_utf8(metrics.page()).unwrap();
        for line in [
            "tuning_metric{name=\"f1\"} 0.875",
            "tuning_metric{name=\"majority_f1\"} 0.8125",
            "tuning_device{device=\"cuda:0 NVIDIA H200\"} 1",
            "tuning_step 12",
            "tuning_metric_step 8",
            "tuning_total_steps 0",
            "tuning_epoch 0",
            "tuning_samples_per_second 0",
            "tuning_train_loss 0",
        ] {
            assert!(
                page.lines().any(|found| found == line),
                "{line} is not in\n{page}"
            );
        }
    }
}
