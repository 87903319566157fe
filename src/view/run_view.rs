//! Everything that a view reads.

use crate::optimizer::Recommendation;
use crate::space::{Point, Value};
use crate::tuning::{AtEnd, Phase, Snapshot, Status, Trial};
use jiff::Timestamp;

/// A run at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// What the run is called.
    pub name: String,
    /// The job and its trials.
    pub snapshot: Snapshot,
    /// How the job stands.
    pub status: Status,
    /// The point to hand to the user, where there is one.
    pub recommendation: Option<Recommendation>,
    /// The ends of ranges at which the best trials lie.
    pub ends: Vec<AtEnd>,
    /// Where the model of the best trial is, if it was kept.
    pub model: Option<String>,
    /// Sentences worth telling, such as where the data came from.
    pub notes: Vec<String>,
    /// The moment that is shown.
    pub now: Timestamp,
}

impl RunView {
    /// The trial with this index.
    pub fn trial(&self, index: u32) -> Option<&Trial> {
        self.snapshot.trials.iter().find(|t| t.index == index)
    }

    /// The trial that made the best observation.
    pub fn best_trial(&self) -> Option<&Trial> {
        self.trial(self.status.best?.index)
    }

    /// Name of the objective.
    pub fn metric(&self) -> &str {
        &self.snapshot.job.objective.metric
    }

    /// Name and value of each parameter of a point, `learning_rate=6.47e-5`, joined by spaces.
    pub(super) fn assignment(&self, point: &Point) -> String {
        let pair = |(name, value): (&str, &Value)| format!("{name}={}", super::numbers::value(value));
        self.snapshot
            .job
            .space
            .assignment(point)
            .map(pair)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Number of succeeded trials whose value is within one percent of the best, the best among them.
    pub(super) fn n_within_one_percent(&self) -> usize {
        let Some(best) = self.status.best else { return 0 };
        let near = |v: f64| (v - best.value).abs() <= 0.01 * best.value.abs();
        let succeeded = self
            .snapshot
            .trials
            .iter()
            .filter(|t| t.phase == Phase::Succeeded);
        succeeded.filter(|t| t.value.is_some_and(near)).count()
    }

    /// Number of trials that reported that their model collapsed: it gives one answer for every input.
    pub(super) fn n_collapsed(&self) -> usize {
        self.snapshot.trials.iter().filter(|t| t.is_collapsed()).count()
    }
}
