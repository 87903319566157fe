//! A trial's learning curve: the objective by ascending step, of bounded length.

/// Most points that are remembered of one trial.
const MAX_CURVE_POINTS: usize = 10_000;

/// The objective at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Training step, or the number of the report where the program knows no steps.
    pub step: u64,
    /// Value of the objective.
    pub value: f64,
}

/// Adds what was reported, in the order of its measurement.
///
/// A resumed attempt repeats the steps after its checkpoint: what it says now of a step and of all after it replaces what
/// was said then. Values that are not finite are no points of a curve.
pub fn extend(curve: &mut Vec<CurvePoint>, points: impl IntoIterator<Item = CurvePoint>) {
    for point in points.into_iter().filter(|p| p.value.is_finite()) {
        let kept = curve.partition_point(|p| p.step < point.step);
        curve.truncate(kept);
        curve.push(point);
        thin(curve, MAX_CURVE_POINTS);
    }
}

/// Leaves at most `max` points (8 or more): every second one, as often as it takes, and always the last, the highest and the
/// lowest: one of these two is the best.
pub fn thin(curve: &mut Vec<CurvePoint>, max: usize) {
    while curve.len() > max.max(8) {
        let by_value = |a: &usize, b: &usize| curve[*a].value.total_cmp(&curve[*b].value);
        let highest = (0..curve.len()).max_by(by_value);
        let lowest = (0..curve.len()).min_by(by_value);
        let stays = [Some(curve.len() - 1), highest, lowest];
        let mut place = 0;
        curve.retain(|_| {
            place += 1;
            (place - 1) % 2 == 0 || stays.contains(&Some(place - 1))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(u64, f64)]) -> impl Iterator<Item = CurvePoint> {
        pairs.iter().map(|&(step, value)| CurvePoint { step, value })
    }

    fn pairs(curve: &[CurvePoint]) -> Vec<(u64, f64)> {
        curve.iter().map(|p| (p.step, p.value)).collect()
    }

    #[test]
    fn a_resumed_attempt_replaces_the_steps_that_it_repeats() {
        let mut curve = Vec::new();
        extend(&mut curve, points(&[(115, 0.8), (230, 0.85), (345, 0.9)]));
        extend(&mut curve, points(&[(230, 0.86), (345, f64::NAN)]));
        assert_eq!(pairs(&curve), [(115, 0.8), (230, 0.86)]);
    }

    #[test]
    fn a_step_said_twice_is_one_point_and_what_was_merged_may_be_merged_again() {
        let (mut curve, all) = (Vec::new(), [(1, 0.1), (1, 0.2), (2, 0.3)]);
        extend(&mut curve, points(&all));
        extend(&mut curve, points(&all));
        assert_eq!(pairs(&curve), [(1, 0.2), (2, 0.3)]);
    }

    #[test]
    fn the_best_point_is_never_thinned_out() {
        let mut curve = Vec::new();
        let value = |step: u64| match step {
            4_242 => 0.99,
            1_111 => 0.01,
            _ => 0.5,
        };
        extend(
            &mut curve,
            (0..25_000).map(|step| CurvePoint {
                step,
                value: value(step),
            }),
        );
        thin(&mut curve, 200);
        let kept = pairs(&curve);
        assert!(
            kept.contains(&(4_242, 0.99)) && kept.contains(&(1_111, 0.01)),
            "{kept:?}"
        );
        thin(&mut curve, 2);
        assert!(curve.len() <= 8);
    }

    #[test]
    fn a_curve_stays_bounded_and_keeps_both_ends() {
        for n in [1, 2, 3, 200, 201, 1_000, 25_000] {
            let mut curve = Vec::new();
            extend(&mut curve, (1..=n).map(|step| CurvePoint { step, value: 0.5 }));
            assert!(curve.len() <= MAX_CURVE_POINTS);
            thin(&mut curve, 200);
            assert!(curve.len() <= 200, "{} of {n}", curve.len());
            assert_eq!((curve[0].step, curve[curve.len() - 1].step), (1, n));
        }
    }
}
