//! Unit tests of `axis`.

use super::*;

fn texts(axis: &Axis) -> Vec<&str> {
    axis.ticks.iter().map(|t| t.1.as_str()).collect()
}

fn double(min: f64, max: f64, scale: Scale) -> Axis {
    parameter("x", &Domain::Double { min, max, scale })
}

#[test]
fn ticks_of_a_learning_rate() {
    let axis = double(5e-6, 5e-4, Scale::Log);
    assert_eq!(
        texts(&axis),
        ["5e-6", "1e-5", "2e-5", "5e-5", "1e-4", "2e-4", "5e-4"]
    );
    assert!(axis.low < axis.ticks[0].0 && axis.ticks[6].0 < axis.high);
    assert_eq!(texts(&double(1e-8, 1.0, Scale::Log)).len(), 9);
}

#[test]
fn ticks_of_other_scales() {
    assert_eq!(
        texts(&double(0.0, 1.0, Scale::Linear)),
        ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    );
    let momentum = double(0.9, 0.999, Scale::ReverseLog);
    assert_eq!(
        texts(&momentum),
        ["0.9", "0.95", "0.98", "0.99", "0.995", "0.998", "0.999"]
    );
    assert!(momentum.ticks.is_sorted_by(|a, b| a.0 < b.0));
    let layers = Domain::Integer {
        min: 1,
        max: 4,
        step: 1,
        scale: Scale::Linear,
    };
    assert_eq!(texts(&parameter("layers", &layers)), ["1", "2", "3", "4"]);
    let words = Domain::Categorical {
        values: vec!["adamw".into(), "lamb".into()],
    };
    assert_eq!(texts(&parameter("optimizer", &words)), ["adamw", "lamb"]);
}

#[test]
fn a_collapsed_trial_is_kept_and_an_explosion_is_not() {
    let f1 = [0.8122, 0.91, 0.912, 0.911, 0.913, 0.9125];
    let (axis, n_beyond) = objective("f1", &f1, &[]);
    assert_eq!(n_beyond, 0);
    assert!(axis.low < 0.8122 && 0.913 < axis.high);
    let loss = [0.31, 0.3, 0.29, 0.33, 8.5e5];
    let (axis, n_beyond) = objective("loss", &loss, &[0.2, 0.4]);
    assert_eq!(n_beyond, 1);
    assert!(axis.high < 0.4, "{axis:?}");
}

#[test]
fn an_axis_is_never_empty() {
    for values in [&[][..], &[0.9], &[0.9, 0.9], &[0.0]] {
        let (axis, _) = objective("f1", values, &[]);
        assert!(
            axis.low < axis.high && !axis.ticks.is_empty(),
            "{values:?} {axis:?}"
        );
    }
}
