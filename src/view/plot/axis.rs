//! Axes: from a value to a place, and ticks that a person reads easily.

use crate::space::{Domain, Scale, Value};
use crate::view::numbers::{cut, escape, short};

/// One axis. Places are linear along it: the logarithm of a value where the scale is logarithmic.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// What it measures.
    pub label: String,
    /// Place of its beginning.
    pub low: f64,
    /// Place of its end.
    pub high: f64,
    /// Places and texts, ascending.
    pub ticks: Vec<(f64, String)>,
    /// Places of ticks without text.
    pub minor: Vec<f64>,
}

impl Axis {
    /// Where a place lies, 0 at the beginning and 1 at the end; beyond the ends, at the end.
    pub fn fraction(&self, place: f64) -> f64 {
        ((place - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// Place of a value on the axis of its parameter.
pub(super) fn place(domain: &Domain, value: &Value) -> Option<f64> {
    match (domain, value) {
        (Domain::Double { scale, .. }, Value::Double(x)) => Some(warp(*scale, *x)),
        (Domain::Integer { scale, .. }, Value::Integer(x)) => Some(warp(*scale, *x as f64)),
        (Domain::Discrete { values }, Value::Double(x)) => Some(values.iter().position(|v| v == x)? as f64),
        (Domain::Categorical { values }, Value::Text(x)) => Some(values.iter().position(|v| v == x)? as f64),
        _ => None,
    }
}

/// The axis of a parameter, with a little room at both ends.
pub(super) fn parameter(name: &str, domain: &Domain) -> Axis {
    let (low, high, ticks, minor, note) = match domain {
        Domain::Double { min, max, scale } => numeric(*min, *max, *scale),
        Domain::Integer { min, max, scale, .. } => {
            let (low, high, mut ticks, _, note) = numeric(*min as f64, *max as f64, *scale);
            if *scale == Scale::Linear {
                ticks = linear_ticks(low, high, 1.0);
            }
            (low, high, ticks, vec![], note)
        }
        Domain::Discrete { values } => listed(values.iter().map(|v| short(*v)).collect()),
        Domain::Categorical { values } => listed(values.iter().map(|v| cut(&escape(v), 16)).collect()),
    };
    let room = 0.03 * (high - low);
    Axis {
        label: format!("{name}{note}"),
        low: low - room,
        high: high + room,
        ticks,
        minor,
    }
}

type Marks = (f64, f64, Vec<(f64, String)>, Vec<f64>, &'static str);

fn numeric(min: f64, max: f64, scale: Scale) -> Marks {
    let (low, high) = (warp(scale, min), warp(scale, max));
    match scale {
        Scale::Linear => (low, high, linear_ticks(low, high, 0.0), vec![], ""),
        Scale::Log => {
            let ticks = decades(low, high, |v| v);
            (low, high, ticks, ninths(low, high), " (log scale)")
        }
        Scale::ReverseLog => {
            let ticks = decades(-high, -low, |v| 1.0 - v);
            let ticks = ticks.into_iter().rev().map(|(p, text)| (-p, text)).collect();
            let minor = ninths(-high, -low).into_iter().map(|p| -p).collect();
            (low, high, ticks, minor, " (log scale towards 1)")
        }
    }
}

fn listed(texts: Vec<String>) -> Marks {
    // At most a dozen texts have room.
    let every = texts.len().div_ceil(12);
    let high = texts.len() as f64 - 0.5;
    let ticks = texts
        .into_iter()
        .enumerate()
        .step_by(every)
        .map(|(i, text)| (i as f64, text))
        .collect();
    (-0.5, high, ticks, vec![], "")
}

fn warp(scale: Scale, x: f64) -> f64 {
    match scale {
        Scale::Linear => x,
        Scale::Log => libm::log10(x),
        Scale::ReverseLog => -libm::log10(1.0 - x),
    }
}

/// Ticks on a logarithmic axis: 1, 2 and 5 of each decade while they are few, else whole decades.
fn decades(low: f64, high: f64, value: impl Fn(f64) -> f64) -> Vec<(f64, String)> {
    let n_decades = high - low;
    let steps: &[f64] = match n_decades {
        n if n <= 2.5 => &[1.0, 2.0, 5.0],
        n if n <= 4.0 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let every = if n_decades > 8.0 { 2 } else { 1 };
    let exponents = (low.floor() as i32..=high.ceil() as i32).filter(|e| e % every == 0);
    let all = exponents.flat_map(|e| steps.iter().map(move |s| (e, *s)));
    // Made from text, so that 3e-5 is the double nearest to 3e-5.
    let number = |(e, s): (i32, f64)| format!("{s}e{e}").parse::<f64>().unwrap_or(f64::NAN);
    all.map(number)
        .map(|v| (libm::log10(v), short(value(v))))
        .filter(|(p, _)| inside(*p, low, high))
        .collect()
}

fn ninths(low: f64, high: f64) -> Vec<f64> {
    if high - low > 6.0 {
        return Vec::new();
    }
    let exponents = low.floor() as i32..=high.ceil() as i32;
    let places = exponents.flat_map(|e| (1..=9).map(move |m| f64::from(e) + libm::log10(f64::from(m))));
    places.filter(|p| inside(*p, low, high)).collect()
}

/// Four to eight ticks, if the smallest step allows, at multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, smallest_step: f64) -> Vec<(f64, String)> {
    let rough = ((high - low) / 8.0).max(smallest_step);
    if !(rough.is_finite() && rough > 0.0) {
        return vec![(low, short(low))];
    }
    let exponent = libm::floor(libm::log10(rough));
    let power = libm::pow(10.0, exponent);
    let step = [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|m| m * power)
        .find(|s| *s >= rough)
        .unwrap_or(rough);
    // As many decimals as the step has, so that all ticks look alike.
    let decimals = usize::try_from(-libm::floor(libm::log10(step * 1.000_001)) as i64).unwrap_or(0);
    let multiples = (low / step).ceil() as i64..=(high / step).floor() as i64;
    let text = |v: f64| {
        let plain = (1e-4..1e6).contains(&step) && v.abs() < 1e6;
        if plain {
            format!("{v:.decimals$}")
        } else {
            short(v)
        }
    };
    multiples
        .map(|i| i as f64 * step)
        .map(|v| (v, text(if v == 0.0 { 0.0 } else { v })))
        .collect()
}

fn inside(x: f64, low: f64, high: f64) -> bool {
    let slack = 1e-9 * (high - low);
    low - slack <= x && x <= high + slack
}

/// The axis of the objective, and how many values lie beyond it.
///
/// All values are shown, unless one lies so far off that nothing else could be read: farther from the median than twenty
/// times the spread of the middle half *and* than the median is from zero. A model that collapsed is thus kept.
pub(super) fn objective(label: &str, values: &[f64], predictions: &[f64]) -> (Axis, usize) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quantile = |q: f64| sorted[((sorted.len() - 1) as f64 * q).round() as usize];
    let (mut kept, mut n_beyond) = (sorted.clone(), 0);
    if sorted.len() >= 4 {
        let median = quantile(0.5);
        let fence = (20.0 * (quantile(0.75) - quantile(0.25))).max(median.abs());
        kept.retain(|v| (v - median).abs() <= fence);
        n_beyond = sorted.len() - kept.len();
    }
    let range = |values: &[f64]| {
        let ends = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
                (a.min(*v), b.max(*v))
            });
        (ends.0 <= ends.1).then_some(ends)
    };
    let (mut low, mut high) = range(&kept).or(range(predictions)).unwrap_or((0.0, 1.0));
    // The prediction may ask for half as much room again, not for more: it grows wide where nothing was tried.
    let more = 0.5 * (high - low);
    if let Some((a, b)) = range(predictions).filter(|_| !kept.is_empty() && more > 0.0) {
        (low, high) = (low.min(a.max(low - more)), high.max(b.min(high + more)));
    }
    let room = if high > low {
        0.06 * (high - low)
    } else {
        0.05 * high.abs().max(1e-3)
    };
    let (low, high) = (low - room, high + room);
    let axis = Axis {
        label: label.to_owned(),
        low,
        high,
        ticks: linear_ticks(low, high, 0.0),
        minor: vec![],
    };
    (axis, n_beyond)
}

#[cfg(test)]
#[path = "axis_tests.rs"]
mod tests;
