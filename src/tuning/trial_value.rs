//! Which of the values that a trial has said is its own?

use super::{Objective, Trial, ValueRule};

/// The value of a trial as it stands; `None` where its attempt has said none. `collapsed` are the steps at which its model
/// gave one answer for every input, where its report tells.
///
/// The best value is looked for on the curve, which belongs to the trial: what an attempt said of steps that a later one has
/// repeated is not on it any more.
pub(super) fn value_of(objective: &Objective, trial: &Trial, collapsed: &[u64]) -> Option<f64> {
    let last = trial.metrics.get(&objective.metric).copied()?;
    if objective.value == ValueRule::Last {
        return Some(last);
    }
    let sound = trial.curve.iter().filter(|p| !collapsed.contains(&p.step));
    let at_end = Some(last).filter(|_| !trial.is_collapsed());
    let counted = sound
        .map(|p| p.value)
        .chain(at_end)
        .filter(|value| value.is_finite());
    let best = counted.reduce(|a, b| if objective.better(b, a) { b } else { a });
    Some(best.unwrap_or(last))
}

/// The same of a trial that is stopped before its end.
pub(super) fn value_so_far(objective: &Objective, trial: &Trial) -> Option<f64> {
    let last = trial.last().map(|p| p.value);
    match objective.value {
        ValueRule::Last => last,
        ValueRule::Best => {
            let values = trial.curve.iter().map(|p| p.value);
            values.reduce(|a, b| if objective.better(b, a) { b } else { a })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Goal;
    use crate::tuning::fixtures::{job, trial};
    use crate::tuning::{COLLAPSED, CurvePoint};

    fn objective(goal: Goal, value: ValueRule) -> Objective {
        Objective {
            goal,
            value,
            ..job().objective
        }
    }

    fn reported(curve: &[(u64, f64)], last: Option<f64>) -> Trial {
        let mut trial = trial(1, 0.5);
        trial.curve = curve
            .iter()
            .map(|&(step, value)| CurvePoint { step, value })
            .collect();
        trial.metrics.extend(last.map(|last| ("f1".to_owned(), last)));
        trial
    }

    #[test]
    fn the_best_of_a_curve_is_the_value_where_it_is_asked_for() {
        let curve = [(1, 0.7), (2, 0.9), (3, 0.6)];
        for (goal, rule, value) in [
            (Goal::Maximize, ValueRule::Last, 0.65),
            (Goal::Maximize, ValueRule::Best, 0.9),
            (Goal::Minimize, ValueRule::Best, 0.6),
        ] {
            let objective = objective(goal, rule);
            let trial = reported(&curve, Some(0.65));
            assert_eq!(
                value_of(&objective, &trial, &[]),
                Some(value),
                "{goal:?} {rule:?}"
            );
        }
        let best = objective(Goal::Maximize, ValueRule::Best);
        assert_eq!(
            value_of(&best, &reported(&curve, Some(0.95)), &[]),
            Some(0.95),
            "the last may be the best"
        );
        assert_eq!(value_so_far(&best, &reported(&curve, None)), Some(0.9));
        assert_eq!(
            value_so_far(
                &objective(Goal::Maximize, ValueRule::Last),
                &reported(&curve, None)
            ),
            Some(0.6)
        );
    }

    #[test]
    fn what_is_no_number_or_collapsed_does_not_count() {
        let best = objective(Goal::Maximize, ValueRule::Best);
        let curve = [(1, 0.8122), (2, 0.75)];
        assert_eq!(
            value_of(&best, &reported(&curve, Some(f64::NAN)), &[1]),
            Some(0.75)
        );
        let mut collapsed = reported(&[(2, 0.75)], Some(0.8122));
        collapsed.metrics.insert(COLLAPSED.into(), 1.0);
        assert_eq!(value_of(&best, &collapsed, &[]), Some(0.75));
        assert!(
            value_of(&best, &reported(&[], Some(f64::NAN)), &[])
                .unwrap()
                .is_nan()
        );
        assert_eq!(
            value_of(&best, &reported(&curve, None), &[]),
            None,
            "its attempt said nothing"
        );
    }
}
