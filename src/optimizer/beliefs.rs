//! What is believed of the objective: the point to hand to the user, and predictions.

use super::gp::Posterior;
use super::kept::Limits;
use super::maximize::maximize;
use super::random::Random;
use super::training_data::TrainingData;
use super::{Interval, Prediction, Recommendation, Request};
use crate::space::Point;

/// From fewer values that differ too little is known of their scale to hand an interval over.
const LEAST_DIFFERENT: usize = 3;
/// A belief is never surer than this, in standard deviations of all values: no objective is quite what a model takes it for.
const LEAST_SD: f64 = 2e-3;
/// Half the width of a 90 % interval of a normal distribution, in standard deviations.
const NINETY: f64 = 1.644_853_626_951_472_2;

/// The point to hand to the user: the highest mean less one standard deviation, so that a lucky value does not win. Where
/// trials failed only points that succeeded are considered, since the edge of what works is not known; and so where there
/// are more trials than the models take, since hyperparameters from a part of them may promise much of an untried place.
pub(super) fn recommend(request: &Request, limits: Limits) -> Option<Recommendation> {
    let own = Request {
        prior: &[],
        ..*request
    };
    let data = TrainingData::of(&own, limits.of_beliefs()).filter(|data| data.n_final >= 2)?;
    let (posterior, belief) = data.beliefs()?;
    let guarded = |places: &[Vec<f64>]| -> Vec<f64> {
        let predictions = places.iter().map(|p| posterior.mean_and_sd(p));
        predictions.map(|(mean, sd)| mean - sd).collect()
    };
    let mut random = Random::new(&[request.seed, request.history.len() as u64, u64::MAX]);
    let place = if data.any_failed() || !data.is_whole() {
        let places: Vec<Vec<f64>> = data.final_places().cloned().collect();
        let rated = guarded(&places).into_iter().zip(places);
        rated.reduce(|a, b| if b.0 > a.0 { b } else { a })?.1
    } else {
        maximize(&data.dimensions, &data.anchors(guarded), &mut random, guarded)?.0
    };
    let point = request.space.from_unit(&place);
    let prediction = prediction(&data, &belief, &place);
    Some(Recommendation {
        point,
        mean: prediction.mean,
        interval: prediction
            .interval
            .filter(|_| data.n_different >= LEAST_DIFFERENT),
    })
}

/// Predictions at some points.
pub(super) fn predict(request: &Request, points: &[Point], limits: Limits) -> Option<Vec<Prediction>> {
    let own = Request {
        prior: &[],
        ..*request
    };
    let data = TrainingData::of(&own, limits.of_beliefs())?;
    let (_, belief) = data.beliefs()?;
    points
        .iter()
        .map(|p| Some(prediction(&data, &belief, &request.space.to_unit(p)?)))
        .collect()
}

fn prediction(data: &TrainingData, posterior: &Posterior, place: &[f64]) -> Prediction {
    let (mean, sd) = posterior.mean_and_sd(place);
    let width = ninety(data.n_final) * sd.max(LEAST_SD);
    let (low, high) = data.transform.interval(mean, width);
    Prediction {
        mean: data.transform.to_value(mean),
        // Equal values have no scale of their own.
        interval: (data.n_different > 1).then_some(Interval { low, high }),
    }
}

/// Half the width of a 90 % interval after so many values, in standard deviations: Student's, since the scale of the values
/// was learned from them (Abramowitz and Stegun 1964, 26.7.5).
fn ninety(n: usize) -> f64 {
    let freedom = n.saturating_sub(1).max(2) as f64;
    // Multiplied out: what `powi` gives may differ in its last bit from one platform to another.
    let (z, z3) = (NINETY, NINETY * NINETY * NINETY);
    let z5 = z3 * NINETY * NINETY;
    z + (z3 + z) / (4.0 * freedom) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom * freedom)
}
