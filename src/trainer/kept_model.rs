//! Which of a trial's evaluations its model is of, and by what evaluations are compared.

use super::curve::Point;
use super::task::Task;
use super::{Failure, Result};
use clap::ValueEnum;

/// Of which evaluation the model stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SaveModel {
    /// Of the best one, by the objective
    Best,
    /// Of the last one
    Last,
    /// Of none
    None,
}

impl SaveModel {
    /// As it is written on the command line and in the report.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Last => "last",
            Self::None => "none",
        }
    }
}

/// Which way the objective is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Goal {
    /// Larger values
    Maximize,
    /// Smaller values
    Minimize,
}

/// By what evaluations are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Objective {
    metric: String,
    goal: Goal,
}

impl Objective {
    /// The objective of this name, or what the task is ranked by; of a loss the smallest is the best, where nobody says.
    ///
    /// # Errors
    /// The task measures nothing of this name.
    pub(super) fn new(name: Option<String>, goal: Option<Goal>, task: &dyn Task) -> Result<Self> {
        let names = metric_names(task);
        let metric = name.unwrap_or_else(|| names[0].clone());
        if !names.contains(&metric) {
            let excerpt = super::excerpt::excerpt(&metric);
            return Err(Failure::Configuration(format!(
                "--objective is {excerpt}, and {} measures {}; choose one of them",
                task.name(),
                names.join(", ")
            )));
        }
        let usual = if metric.starts_with(LOSS) {
            Goal::Minimize
        } else {
            Goal::Maximize
        };
        let goal = goal.unwrap_or(usual);
        Ok(Self { metric, goal })
    }

    /// Its name.
    pub(super) fn metric(&self) -> &str {
        &self.metric
    }

    /// The place of the best evaluation, the first of equal ones. One whose model gives the same answer to everything is worth less
    /// than any other, whatever it measures.
    pub(super) fn best(&self, curve: &[Point]) -> Option<usize> {
        (0..curve.len()).reduce(|best, place| {
            if self.rank(&curve[place]) > self.rank(&curve[best]) {
                place
            } else {
                best
            }
        })
    }

    /// Whether the model of an evaluation is worth keeping beside one of this value.
    pub(super) fn is_above(&self, point: &Point, bar: f64) -> bool {
        let bar = match self.goal {
            Goal::Maximize => bar,
            Goal::Minimize => -bar,
        };
        self.rank(point) > (true, bar)
    }

    fn rank(&self, point: &Point) -> (bool, f64) {
        let value = point.scores.named().find(|(name, _)| *name == self.metric);
        let value = value.map_or(f64::NEG_INFINITY, |(_, value)| match self.goal {
            Goal::Maximize => value,
            Goal::Minimize => -value,
        });
        (!point.scores.collapsed, value)
    }
}

const LOSS: &str = "loss";

/// Everything that an evaluation of the task gives, what it is ranked by first.
fn metric_names(task: &dyn Task) -> Vec<String> {
    let of_file = |suffix: &str| {
        let names = task.metrics().into_iter().chain([LOSS]);
        names.map(|name| format!("{name}{suffix}")).collect::<Vec<_>>()
    };
    task.dev_files()
        .iter()
        .flat_map(|(_, suffix)| of_file(suffix))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::curve::Scores;
    use crate::trainer::tasks;

    fn point(step: u64, f1: f64, loss: f64, collapsed: bool) -> Point {
        let metrics = [("f1".to_owned(), f1)].into();
        let scores = Scores {
            loss,
            collapsed,
            metrics,
        };
        Point {
            step,
            epoch: 0,
            scores,
        }
    }

    fn objective(name: Option<&str>, goal: Option<Goal>) -> Result<Objective> {
        Objective::new(name.map(str::to_owned), goal, tasks::find("mrpc").unwrap())
    }

    #[test]
    fn the_best_is_the_first_of_equals_and_never_one_that_collapsed() {
        let curve = [
            point(1, 0.99, 0.1, true),
            point(2, 0.80, 0.5, false),
            point(3, 0.85, 0.6, false),
            point(4, 0.85, 0.4, false),
        ];
        let best = |objective: Result<Objective>| objective.unwrap().best(&curve).map(|at| curve[at].step);
        assert_eq!(best(objective(None, None)), Some(3));
        assert_eq!(best(objective(Some("f1"), Some(Goal::Minimize))), Some(2));
        assert_eq!(
            best(objective(Some("loss"), None)),
            Some(4),
            "a loss is minimised"
        );
        let alone = objective(None, None).unwrap();
        assert_eq!(alone.best(&curve[..1]), Some(0));
        assert_eq!(alone.best(&[]), None);
        let above = |at: usize, bar| alone.is_above(&curve[at], bar);
        assert!(
            above(2, 0.84) && !above(2, 0.85) && !above(0, 0.5),
            "one that collapsed is above nothing"
        );
        let loss = objective(Some("loss"), None).unwrap();
        assert!(loss.is_above(&curve[3], 0.5) && !loss.is_above(&curve[2], 0.5));
    }

    #[test]
    fn an_objective_is_something_that_the_task_measures() {
        let failure = objective(Some("bleu"), None).unwrap_err();
        assert_eq!(failure.code(), 42);
        let said = failure.to_string();
        assert!(said.contains("f1, accuracy, majority_f1, loss"), "{said}");
        let mnli = tasks::find("mnli").unwrap();
        assert!(Objective::new(Some("accuracy_mismatched".into()), None, mnli).is_ok());
    }
}
