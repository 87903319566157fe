//! Unit tests of `parameter`.

use super::*;
use crate::space::domain::{RESOLUTION, Scale};

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
        assert!((lr.to_unit(&x).unwrap() - u).abs() <= RESOLUTION);
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
