//! One parameter: a name and a domain, and the way from a value to the unit interval and back.

use super::domain::Domain;
use super::point::Value;
use super::validity::{InvalidParameter, faults};

/// A named [`Domain`], valid by construction.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    domain: Domain,
}

impl Parameter {
    /// Builds a parameter, or says everything that is wrong with it.
    pub fn new(name: impl Into<String>, domain: Domain) -> Result<Self, Vec<InvalidParameter>> {
        let name = name.into();
        let faults = faults(&name, &domain);
        if faults.is_empty() {
            Ok(Self { name, domain })
        } else {
            Err(faults)
        }
    }

    /// The name, as it appears in the manifest and in a trial's environment.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values that it may take.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Number of different values; `None` where they form a continuum.
    pub(crate) fn levels(&self) -> Option<usize> {
        match &self.domain {
            Domain::Double { .. } => None,
            Domain::Integer { min, max, step, .. } => {
                Some((max.abs_diff(*min) / step.unsigned_abs()) as usize + 1)
            }
            Domain::Discrete { values } => Some(values.len()),
            Domain::Categorical { values } => Some(values.len()),
        }
    }

    /// Whether neighbouring values are alike: false for categorical parameters only.
    pub(crate) fn ordered(&self) -> bool {
        !matches!(self.domain, Domain::Categorical { .. })
    }

    /// Position in `[0, 1]` of a value; `None` if the value is not of this domain.
    ///
    /// Doubles and integers lie where their scale puts them, discrete and categorical values are spread evenly.
    pub fn to_unit(&self, value: &Value) -> Option<f64> {
        match (&self.domain, value) {
            (Domain::Double { min, max, scale }, Value::Double(x)) => {
                (min <= x && x <= max).then(|| scale.position(*x, *min, *max))
            }
            (
                Domain::Integer {
                    min,
                    max,
                    step,
                    scale,
                },
                Value::Integer(x),
            ) => {
                let inside = min <= x && x <= max && x.abs_diff(*min) % step.unsigned_abs() == 0;
                inside.then(|| scale.position(*x as f64, *min as f64, self.last_integer() as f64))
            }
            (Domain::Discrete { values }, Value::Double(x)) => {
                values.iter().position(|v| v == x).map(|i| even(i, values.len()))
            }
            (Domain::Categorical { values }, Value::Text(x)) => {
                values.iter().position(|v| v == x).map(|i| even(i, values.len()))
            }
            _ => None,
        }
    }

    /// The value nearest to a position; positions outside `[0, 1]` are clamped.
    ///
    /// Doubles are rounded to as many digits as keep them within the resolution of the position.
    pub fn from_unit(&self, u: f64) -> Value {
        let u = u.clamp(0.0, 1.0);
        match &self.domain {
            Domain::Double { min, max, scale } => Value::Double(scale.rounded_at(u, *min, *max)),
            Domain::Integer { .. } => Value::Integer(self.nearest_integer(u)),
            Domain::Discrete { values } => Value::Double(values[nearest_level(u, values.len())]),
            Domain::Categorical { values } => Value::Text(values[nearest_level(u, values.len())].clone()),
        }
    }

    /// The value with this index, counted from the smallest; `None` for doubles and beyond the last.
    pub fn level(&self, index: usize) -> Option<Value> {
        match &self.domain {
            Domain::Double { .. } => None,
            Domain::Integer { min, step, .. } => {
                (index < self.levels()?).then(|| Value::Integer(min + step * index as i64))
            }
            Domain::Discrete { values } => values.get(index).map(|v| Value::Double(*v)),
            Domain::Categorical { values } => values.get(index).map(|v| Value::Text(v.clone())),
        }
    }

    fn last_integer(&self) -> i64 {
        match &self.domain {
            Domain::Integer { min, max, step, .. } => min + (max - min) / step * step,
            _ => 0,
        }
    }

    fn nearest_integer(&self, u: f64) -> i64 {
        let Domain::Integer { min, step, scale, .. } = &self.domain else {
            return 0;
        };
        let last = self.last_integer();
        let x = scale.value_at(u, *min as f64, last as f64);
        let steps = libm::round((x - *min as f64) / *step as f64) as i64;
        (min + steps * step).clamp(*min, last)
    }

    /// What its values may be, for people: `a number from 1e-6 to 0.001`.
    pub(crate) fn allowed(&self) -> String {
        let number = |x: &f64| Value::Double(*x).to_string();
        match &self.domain {
            Domain::Double { min, max, .. } => format!("a number from {} to {}", number(min), number(max)),
            Domain::Integer {
                min, max, step: 1, ..
            } => format!("a whole number from {min} to {max}"),
            Domain::Integer { min, max, step, .. } => {
                format!("a whole number from {min} to {max} in steps of {step}")
            }
            Domain::Discrete { values } => {
                let values: Vec<String> = values.iter().map(number).collect();
                format!("one of {}", values.join(", "))
            }
            Domain::Categorical { values } => format!("one of {}", values.join(", ")),
        }
    }
}

fn even(index: usize, n_levels: usize) -> f64 {
    if n_levels < 2 {
        0.0
    } else {
        index as f64 / (n_levels - 1) as f64
    }
}

fn nearest_level(u: f64, n_levels: usize) -> usize {
    libm::round(u * (n_levels - 1) as f64) as usize
}

#[cfg(test)]
#[path = "parameter_tests.rs"]
mod tests;
