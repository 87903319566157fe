//! One parameter: a name and a domain, and the way from a value to the unit interval and back.

use super::point::Value;
use super::validity::faults;

/// How distances are measured inside a numeric range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally far apart.
    #[default]
    Linear,
    /// Equal ratios are equally far apart; needs `min > 0`.
    Log,
    /// Equal ratios of the distance to one are equally far apart; needs `0 <= min` and `max < 1`.
    /// Meant for values close to one, such as a momentum: 0.9, 0.99, 0.999.
    ReverseLog,
}

/// The values that a parameter may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Any double in `min..=max`.
    Double {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// How distances are measured.
        scale: Scale,
    },
    /// `min, min + step, …` up to `max`.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value; reached only where a whole number of steps leads there.
        max: i64,
        /// Distance between neighbours, at least 1.
        step: i64,
        /// How distances are measured.
        scale: Scale,
    },
    /// Numbers with an order but no metric: neighbours are equally far apart.
    Discrete {
        /// The values, ascending and distinct.
        values: Vec<f64>,
    },
    /// Words without an order: any two are equally far apart.
    Categorical {
        /// The values, distinct.
        values: Vec<String>,
    },
}

/// A named [`Domain`], valid by construction.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    domain: Domain,
}

/// Why a domain is not one. `field` is relative to the parameter, such as `double.min`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParameter {
    /// The field at fault, relative to the parameter.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl Parameter {
    /// Most values that a discrete or categorical parameter may list.
    pub const MAX_VALUES: usize = 100;

    /// How far from its position, as a share of the range, a double may lie for the sake of fewer digits: far below what
    /// any training run could tell apart, and people read, type and compare `6.471e-5`.
    pub const RESOLUTION: f64 = 2e-4;

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
    pub fn levels(&self) -> Option<usize> {
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
    pub fn ordered(&self) -> bool {
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
    /// Doubles are rounded to as many digits as keep them within [`Self::RESOLUTION`] of the position.
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
}

impl Scale {
    fn position(self, x: f64, min: f64, max: f64) -> f64 {
        if max <= min {
            return 0.0;
        }
        let warp = |v: f64| match self {
            Self::Linear => v,
            Self::Log => libm::log(v),
            Self::ReverseLog => -libm::log(1.0 - v),
        };
        ((warp(x) - warp(min)) / (warp(max) - warp(min))).clamp(0.0, 1.0)
    }

    /// The value at a position, rounded within [`Parameter::RESOLUTION`]; the ends of the range are themselves, and a
    /// rounded value stays where it is when it is rounded again.
    fn rounded_at(self, u: f64, min: f64, max: f64) -> f64 {
        let exact = self.value_at(u, min, max).clamp(min, max);
        // A change by this much, of the value or in proportion to it, moves the position by the resolution.
        let twice = 2.0 * Parameter::RESOLUTION;
        let decimals = |tolerance: f64| libm::ceil(-libm::log10(tolerance)).clamp(0.0, 300.0) as usize;
        let exponent = |x: f64| libm::floor(libm::log10(x));
        let rounded = match self {
            Self::Linear => format!("{exact:.*}", decimals(twice * (max - min))),
            Self::Log => format!("{exact:.*e}", decimals(twice * libm::log(max / min))),
            Self::ReverseLog => {
                let digits = decimals(twice * libm::log((1.0 - min) / (1.0 - max)));
                format!("{exact:.*}", digits + (-exponent(1.0 - exact)).max(0.0) as usize)
            }
        };
        let inside = 0.0 < u && u < 1.0;
        rounded
            .parse()
            .ok()
            .filter(|x| inside && min <= *x && *x <= max)
            .unwrap_or(match u {
                0.0 => min,
                1.0 => max,
                _ => exact,
            })
    }

    fn value_at(self, u: f64, min: f64, max: f64) -> f64 {
        match self {
            Self::Linear => min + u * (max - min),
            Self::Log => libm::exp(libm::log(min) + u * (libm::log(max) - libm::log(min))),
            Self::ReverseLog => {
                let (a, b) = (-libm::log(1.0 - min), -libm::log(1.0 - max));
                1.0 - libm::exp(-(a + u * (b - a)))
            }
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
mod tests {
    use super::*;

    fn double(min: f64, max: f64, scale: Scale) -> Parameter {
        Parameter::new("x", Domain::Double { min, max, scale }).unwrap()
    }

    #[test]
    fn log_scale_puts_the_geometric_mean_in_the_middle() {
        let Value::Double(x) = double(1e-6, 1e-2, Scale::Log).from_unit(0.5) else {
            panic!()
        };
        assert!((x - 1e-4).abs() < 1e-12, "{x}");
    }

    #[test]
    fn values_have_few_digits_and_stay_where_they_were() {
        let lr = double(5e-6, 5e-4, Scale::Log);
        assert_eq!(lr.from_unit(0.5), Value::Double(5e-5));
        assert_eq!(lr.from_unit(0.556), Value::Double(6.471e-5));
        assert_eq!(lr.from_unit(1.0), Value::Double(5e-4));
        assert_eq!(
            double(0.9, 0.999, Scale::ReverseLog).from_unit(0.5),
            Value::Double(0.99)
        );
        let third = 1.0 / 3.0;
        assert_eq!(
            double(third, 1.0, Scale::Linear).from_unit(0.0),
            Value::Double(third)
        );
        for i in 0..=1000 {
            let u = f64::from(i) / 1000.0;
            let x = lr.from_unit(u);
            assert!((lr.to_unit(&x).unwrap() - u).abs() <= Parameter::RESOLUTION);
            assert!(x.to_string().len() <= 10, "{x}");
        }
    }

    #[test]
    fn reverse_log_spreads_values_near_one() {
        let Value::Double(x) = double(0.9, 0.999, Scale::ReverseLog).from_unit(0.5) else {
            panic!()
        };
        assert!((x - 0.99).abs() < 1e-9, "{x}");
    }

    #[test]
    fn integers_respect_their_step_even_where_max_is_not_reached() {
        let p = Parameter::new(
            "n",
            Domain::Integer {
                min: 1,
                max: 9,
                step: 3,
                scale: Scale::Linear,
            },
        )
        .unwrap();
        assert_eq!(p.levels(), Some(3));
        assert_eq!(p.from_unit(1.0), Value::Integer(7));
        assert_eq!(p.to_unit(&Value::Integer(7)), Some(1.0));
        assert_eq!(p.to_unit(&Value::Integer(8)), None);
    }

    #[test]
    fn every_fault_is_said_at_once() {
        let domain = Domain::Double {
            min: 0.0,
            max: -1.0,
            scale: Scale::Log,
        };
        let faults = Parameter::new("9lives", domain).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["name", "double.min", "double.min"]);
    }

    #[test]
    fn unordered_duplicates_are_named() {
        let values = ["adamw", "lamb", "adamw"].map(String::from).to_vec();
        let faults = Parameter::new("optim", Domain::Categorical { values }).unwrap_err();
        assert_eq!(faults[0].field, "categorical.values[2]");
    }
}
