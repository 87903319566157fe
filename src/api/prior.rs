//! Warm start: what a job learns from the trials of earlier ones.

use super::record::{Assignment, point};
use crate::optimizer::{Goal, Observation, Outcome};
use crate::space::SearchSpace;
use crate::tuning::{Objective, Phase, Trial};

/// The value of a trial from which later jobs learn, none where its point made it fail; from trials that ended otherwise nobody
/// learns.
pub fn prior_value(trial: &Trial) -> Option<Option<f64>> {
    match trial.phase {
        Phase::Succeeded => trial.value.map(Some),
        Phase::Failed(failure) if failure.is_of_its_point() => Some(None),
        _ => None,
    }
}

/// Whether a job may learn from one with this metric and goal; the error is a sentence.
pub fn learns_from(own: &Objective, metric: &str, goal: Goal) -> Result<(), String> {
    if own.metric == metric && own.goal == goal {
        return Ok(());
    }
    Err(format!(
        "its objective is {metric} ({goal:?}) and this job's is {} ({:?}): the values of one say nothing of the other; \
         name a job with the same metric and goal, or remove it from spec.warmStart.from",
        own.metric, own.goal
    ))
}

/// Points and values of earlier trials for the optimizer, numbered from `first`; what is no point of this space is left out.
pub fn prior_observations<'a>(
    space: &SearchSpace,
    first: u32,
    trials: impl IntoIterator<Item = (&'a Assignment, Option<f64>)>,
) -> Vec<Observation> {
    let observation = |(index, (parameters, value)): (u32, (&Assignment, Option<f64>))| {
        Some(Observation {
            index,
            point: point(space, parameters).ok()?,
            outcome: value.map_or(Outcome::Failed, Outcome::Value),
            resource: None,
        })
    };
    (first..).zip(trials).filter_map(observation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Why;
    use crate::space::{Domain, Parameter, Point, Value};
    use crate::tuning::Failure;
    use serde_json::json;

    #[test]
    fn successes_teach_and_failures_for_which_the_point_is_to_blame() {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut trial = Trial::new(1, Point(vec![Value::Integer(3)]), None, Why::manual(), at);
        trial.value = Some(0.5);
        for (phase, value) in [
            (Phase::Succeeded, Some(Some(0.5))),
            (Phase::Failed(Failure::Diverged), Some(None)),
            (Phase::Failed(Failure::OutOfMemory), Some(None)),
            (Phase::Failed(Failure::TimedOut), Some(None)),
            (Phase::Failed(Failure::Crashed), None),
            (Phase::Failed(Failure::MetricMissing), None),
            (Phase::Failed(Failure::Refused), None),
            (Phase::EarlyStopped, None),
            (Phase::Cancelled, None),
            (Phase::Running, None),
        ] {
            trial.phase = phase;
            assert_eq!(prior_value(&trial), value, "{phase:?}");
        }
    }

    #[test]
    fn nobody_learns_from_another_metric_or_goal() {
        let own = Objective {
            metric: "f1".into(),
            goal: Goal::Maximize,
            target: None,
            value: crate::tuning::ValueRule::Last,
        };
        assert_eq!(learns_from(&own, "f1", Goal::Maximize), Ok(()));
        for (metric, goal, says) in [
            (
                "loss",
                Goal::Maximize,
                "loss (Maximize) and this job's is f1 (Maximize)",
            ),
            (
                "f1",
                Goal::Minimize,
                "f1 (Minimize) and this job's is f1 (Maximize)",
            ),
        ] {
            let why = learns_from(&own, metric, goal).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn points_of_another_space_are_left_out() {
        let layers = Domain::Discrete {
            values: vec![1.0, 2.0, 4.0],
        };
        let space = SearchSpace::new(vec![Parameter::new("layers", layers).unwrap()]).unwrap();
        let [inside, outside] = [2, 9].map(|layers| Assignment::from([("layers".into(), json!(layers))]));
        let observations = prior_observations(&space, 5, [(&outside, Some(0.5)), (&inside, None)]);
        assert_eq!(observations.len(), 1);
        assert_eq!(
            (observations[0].index, observations[0].outcome),
            (6, Outcome::Failed)
        );
    }
}
