//! What one attempt at a trial has told so far, from whatever source, as a learning curve.

use super::{LogValue, TrialReading, Unread, merge};
use std::collections::BTreeMap;

/// The metrics at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Training step, or the number of the report where the program knows no steps.
    pub step: u64,
    /// The last value of every metric by then.
    pub metrics: BTreeMap<String, f64>,
}

/// Records the learning curve of one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveRecorder {
    objective: String,
    /// The last value of every metric.
    pub metrics: BTreeMap<String, f64>,
    /// Why the objective's last value could not be read, where that is so.
    pub unread: Option<String>,
    /// The last page that was read, without its metrics.
    pub progress: TrialReading,
    news: Vec<Point>,
    last: Option<(u64, f64)>,
    n_lines: u64,
}

impl CurveRecorder {
    /// A recorder for this objective.
    pub fn new(objective: &str) -> Self {
        Self {
            objective: objective.to_owned(),
            ..Self::default()
        }
    }

    /// The points since the last call.
    pub fn take_news(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.news)
    }

    /// A page was read: a point of the curve, if the objective was measured anew.
    pub fn page(&mut self, mut reading: TrialReading) {
        self.unread = reading.unread.take();
        merge(
            &mut self.metrics,
            std::mem::take(&mut reading.metrics),
            &self.objective,
        );
        self.progress = reading;
        let Some(value) = self.metrics.get(&self.objective).copied() else {
            return;
        };
        let next = self.last.map_or(1, |(step, _)| step + 1);
        let measured = self.progress.metric_step;
        let is_news = match (measured, self.last) {
            (_, None) => true,
            (Some(step), Some((last, _))) => step != last,
            // Without a step of its own, a value that has changed is a new one.
            (None, Some((_, last))) => value.to_bits() != last.to_bits(),
        };
        if is_news {
            self.add(measured.or(self.progress.step).unwrap_or(next), value);
        }
    }

    /// A line of the log was read: every value of the objective is a point of the curve. Where only a part of a metric's number
    /// could be read, its value is not known any more: an older one would be wrong.
    pub fn line(&mut self, found: Vec<LogValue>) {
        let mut says_objective = false;
        for LogValue { name, value } in found {
            let is_objective = name == self.objective;
            let value = value.map_err(|unread| {
                if is_objective {
                    self.unread = Some(unread.sentence().to_owned());
                }
                if matches!(unread, Unread::Part(_)) {
                    self.metrics.remove(&name);
                    says_objective &= !is_objective;
                }
            });
            if let Ok(value) = value {
                if is_objective {
                    self.unread = None;
                    says_objective = true;
                }
                merge(&mut self.metrics, [(name, value)], &self.objective);
            }
        }
        if let (true, Some(value)) = (says_objective, self.metrics.get(&self.objective).copied()) {
            self.n_lines += 1;
            self.add(self.n_lines, value);
        }
    }

    /// Whether the objective had a value and its last one could not be read.
    pub fn is_outdated(&self) -> bool {
        self.last.is_some() && !self.metrics.contains_key(&self.objective)
    }

    fn add(&mut self, step: u64, value: f64) {
        self.last = Some((step, value));
        self.news.push(Point {
            step,
            metrics: self.metrics.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(f1: f64, step: u64, metric_step: Option<u64>) -> TrialReading {
        TrialReading {
            metrics: BTreeMap::from([("f1".into(), f1)]),
            step: Some(step),
            metric_step,
            ..TrialReading::default()
        }
    }

    fn value(name: &str, value: Result<f64, Unread>) -> LogValue {
        LogValue {
            name: name.into(),
            value,
        }
    }

    #[test]
    fn after_a_part_of_a_number_the_value_is_not_known_until_the_next_one() {
        let mut recorder = CurveRecorder::new("f1");
        recorder.line(vec![value("f1", Ok(0.8))]);
        recorder.line(vec![value("f1", Err(Unread::NoNumber("no number".into())))]);
        assert_eq!(
            (recorder.metrics["f1"], recorder.unread.as_deref()),
            (0.8, Some("no number"))
        );
        recorder.line(vec![value("f1", Err(Unread::Part("a part".into())))]);
        assert_eq!(
            (recorder.metrics.get("f1"), recorder.unread.as_deref()),
            (None, Some("a part"))
        );
        recorder.line(vec![value("f1", Ok(0.9))]);
        assert_eq!((recorder.metrics["f1"], recorder.unread.as_deref()), (0.9, None));
        assert_eq!(steps(&mut recorder), [1, 2]);
    }

    fn steps(recorder: &mut CurveRecorder) -> Vec<u64> {
        recorder.take_news().iter().map(|p| p.step).collect()
    }

    #[test]
    fn a_measurement_is_one_point_however_often_it_is_read() {
        let mut recorder = CurveRecorder::new("f1");
        for step in [115, 120, 130] {
            recorder.page(reading(0.8, step, Some(115)));
        }
        recorder.page(reading(0.8, 240, Some(230)));
        assert_eq!(steps(&mut recorder), [115, 230]);
        assert_eq!(recorder.last, Some((230, 0.8)));
    }

    #[test]
    fn without_a_step_of_its_own_a_changed_value_is_a_point() {
        let mut recorder = CurveRecorder::new("f1");
        for (f1, step) in [(0.8, 10), (0.8, 20), (0.9, 30), (f64::NAN, 40), (f64::NAN, 50)] {
            recorder.page(reading(f1, step, None));
        }
        assert_eq!(steps(&mut recorder), [10, 30, 40]);
    }

    #[test]
    fn every_value_in_a_log_is_a_point() {
        let mut recorder = CurveRecorder::new("f1");
        recorder.line(vec![value("loss", Ok(0.5))]);
        recorder.line(vec![value("f1", Ok(0.8))]);
        recorder.line(vec![value("f1", Ok(0.8)), value("loss", Ok(0.4))]);
        assert_eq!(steps(&mut recorder), [1, 2]);
        assert_eq!(recorder.metrics["loss"], 0.4);
    }
}
