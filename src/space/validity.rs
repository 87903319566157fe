//! What makes a parameter valid, and every reason why one is not.

use super::domain::{Domain, Scale};

/// Values that a discrete or categorical parameter may list.
const MAX_VALUES: usize = 100;
/// Every integer up to this is exact as a double, so that positions can be computed.
const MAX_INTEGER: i64 = 1 << 53;

/// Why a domain is not one. `field` is relative to the parameter, such as `double.min`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParameter {
    /// The field at fault, relative to the parameter.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

/// Every reason why this is no parameter; none if it is one.
pub(super) fn faults(name: &str, domain: &Domain) -> Vec<InvalidParameter> {
    let mut faults = Vec::new();
    if !is_identifier(name) {
        faults.push(invalid(
            "name",
            format!(
                "{name:?} is not a name: start with a letter, go on with letters, digits or '_', at most 63"
            ),
        ));
    }
    faults.extend(match domain {
        Domain::Double { min, max, scale } => check_range("double", *min, *max, *scale),
        Domain::Integer {
            min,
            max,
            step,
            scale,
        } => check_integer(*min, *max, *step, *scale),
        Domain::Discrete { values } => check_discrete(values),
        Domain::Categorical { values } => check_categorical(values),
    });
    faults
}

fn invalid(field: &str, message: impl Into<String>) -> InvalidParameter {
    InvalidParameter {
        field: field.to_owned(),
        message: message.into(),
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_range(kind: &str, min: f64, max: f64, scale: Scale) -> Vec<InvalidParameter> {
    let field = |name: &str| format!("{kind}.{name}");
    let mut faults = Vec::new();
    for (name, x) in [("min", min), ("max", max)] {
        if !x.is_finite() {
            faults.push(invalid(&field(name), format!("{x} is not a finite number")));
        }
    }
    if min >= max {
        faults.push(invalid(
            &field("min"),
            format!("{min} is not below max ({max}): give a range, min < max"),
        ));
    }
    if scale == Scale::Log && min <= 0.0 {
        faults.push(invalid(
            &field("min"),
            format!("{min} has no logarithm: scale Log needs min > 0, or use Linear"),
        ));
    }
    if scale == Scale::ReverseLog && min < 0.0 {
        faults.push(invalid(
            &field("min"),
            format!("{min} is negative: scale ReverseLog needs 0 <= min"),
        ));
    }
    if scale == Scale::ReverseLog && max >= 1.0 {
        faults.push(invalid(
            &field("max"),
            format!("{max} is not below 1: scale ReverseLog needs max < 1"),
        ));
    }
    faults
}

fn check_integer(min: i64, max: i64, step: i64, scale: Scale) -> Vec<InvalidParameter> {
    let mut faults = Vec::new();
    for (name, x) in [("integer.min", min), ("integer.max", max)] {
        if x.abs() > MAX_INTEGER {
            faults.push(invalid(
                name,
                format!("{x} is beyond 2^53, the largest exact integer"),
            ));
        }
    }
    if min >= max {
        faults.push(invalid(
            "integer.min",
            format!("{min} is not below max ({max}): give a range, min < max"),
        ));
    }
    if scale == Scale::Log && min <= 0 {
        let message = format!("{min} has no logarithm: scale Log needs min >= 1, or use Linear");
        faults.push(invalid("integer.min", message));
    }
    if scale == Scale::ReverseLog {
        let message = "ReverseLog is for doubles below 1: use Linear or Log for integers";
        faults.push(invalid("integer.scale", message));
    }
    if step < 1 {
        faults.push(invalid(
            "integer.step",
            format!("{step} is not a step: at least 1"),
        ));
    } else if min < max && step > max - min {
        let message = format!(
            "{step} leaves only one value between {min} and {max}: at most {}",
            max - min
        );
        faults.push(invalid("integer.step", message));
    }
    faults
}

fn check_discrete(values: &[f64]) -> Vec<InvalidParameter> {
    let mut faults = check_count("discrete.values", values.len());
    if values.iter().any(|v| !v.is_finite()) {
        faults.push(invalid("discrete.values", "every value must be a finite number"));
    } else if values.windows(2).any(|w| w[0] >= w[1]) {
        faults.push(invalid(
            "discrete.values",
            "values must ascend and be distinct, such as [8, 16, 32]",
        ));
    }
    faults
}

fn check_categorical(values: &[String]) -> Vec<InvalidParameter> {
    let mut faults = check_count("categorical.values", values.len());
    for (i, value) in values.iter().enumerate() {
        let field = format!("categorical.values[{i}]");
        if values[..i].contains(value) {
            faults.push(invalid(
                &field,
                format!("{value:?} is there already: values must be distinct"),
            ));
        }
        if value.is_empty() || value.len() > 253 {
            faults.push(invalid(&field, "a value has 1 to 253 bytes"));
        }
    }
    faults
}

fn check_count(field: &str, n: usize) -> Vec<InvalidParameter> {
    match n {
        0 => vec![invalid(field, "no value to choose: list at least one")],
        n if n > MAX_VALUES => {
            vec![invalid(field, format!("{n} values: at most {MAX_VALUES}"))]
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_said_at_once() {
        let domain = Domain::Double {
            min: 0.0,
            max: -1.0,
            scale: Scale::Log,
        };
        let faults = faults("9lives", &domain);
        let fields: Vec<_> = faults.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["name", "double.min", "double.min"]);
    }

    #[test]
    fn unordered_duplicates_are_named() {
        let values = ["adamw", "lamb", "adamw"].map(String::from).to_vec();
        let faults = faults("optim", &Domain::Categorical { values });
        assert_eq!(faults[0].field, "categorical.values[2]");
    }
}
