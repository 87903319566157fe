//! A point: one value for each parameter.

use std::fmt;

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a double or discrete parameter.
    Double(f64),
    /// Of an integer parameter.
    Integer(i64),
    /// Of a categorical parameter.
    Text(String),
}

/// An assignment of values to the parameters of a space, in the space's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Point(pub Vec<Value>);

impl fmt::Display for Value {
    /// The shortest text that reads back as the same value: `0.0000647` is written `6.47e-5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Double(x) if *x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e6) => write!(f, "{x:e}"),
            Self::Double(x) => write!(f, "{x}"),
            Self::Integer(x) => write!(f, "{x}"),
            Self::Text(x) => f.write_str(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_reads_back_as_itself() {
        for x in [
            6.47e-5,
            0.1,
            1e-3,
            123_456_789.25,
            -2.5e-7,
            0.0,
            f64::MIN_POSITIVE,
        ] {
            let text = Value::Double(x).to_string();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), x.to_bits(), "{text}");
        }
        assert_eq!(Value::Double(6.47e-5).to_string(), "6.47e-5");
    }
}
