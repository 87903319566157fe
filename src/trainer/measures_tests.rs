//! Against scikit-learn and SciPy: `tests/fixtures/trainer/measures.py` has made the numbers.

use super::*;
use serde_json::Value;

type Measure = fn(&[f64], &[f64]) -> f64;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap().iter();
    list.map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn each_measure_is_that_of_the_libraries() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/trainer/measures.json"
    );
    let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let measures: [(&str, Measure); 5] = [
        ("accuracy", accuracy),
        ("f1", f1),
        ("matthews", matthews),
        ("pearson", pearson),
        ("spearman", spearman),
    ];
    let mut n_compared = 0;
    for case in ["two", "three", "scores"]
        .iter()
        .flat_map(|kind| fixture[kind].as_array().unwrap())
    {
        let (answers, labels) = (numbers(&case["answers"]), numbers(&case["labels"]));
        for (name, measure) in measures {
            if let Some(expected) = case[name].as_f64() {
                let found = measure(&answers, &labels);
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{name}: {found} is not {expected}"
                );
                n_compared += 1;
            }
        }
    }
    assert_eq!(n_compared, 6 * 3 + 2 + 4 * 2);
}

#[test]
fn what_is_constant_correlates_with_nothing() {
    for measure in [matthews, pearson, spearman] {
        assert_eq!(measure(&[1.0, 1.0, 1.0], &[0.0, 1.0, 0.0]), 0.0);
        assert_eq!(measure(&[], &[]), 0.0);
    }
}
