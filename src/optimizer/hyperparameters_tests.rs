//! Unit tests of `hyperparameters`.

use super::*;
use crate::space::{Domain, Parameter, Scale, SearchSpace};

#[test]
fn the_gradient_is_that_of_the_height() {
    let domain = Domain::Double {
        min: 0.0,
        max: 1.0,
        scale: Scale::Linear,
    };
    let words = Domain::Categorical {
        values: vec!["a".into(), "b".into()],
    };
    let parameters = [domain, words].into_iter().enumerate();
    let parameters = parameters.map(|(i, d)| Parameter::new(format!("p{i}"), d).unwrap());
    let dimensions = Dimensions::of(&SearchSpace::new(parameters.collect()).unwrap());
    let data = Data {
        places: [0.0, 0.2, 0.5, 0.9]
            .iter()
            .enumerate()
            .map(|(i, x)| vec![*x, (i % 2) as f64])
            .collect(),
        values: vec![-1.0, 0.3, 1.2, -0.5],
        extra_noise: vec![0.0, 0.1, 0.0, 0.0],
        is_final: vec![true; 4],
    };
    let posterior = HyperparameterPosterior::new(&data, &dimensions, NoisePrior::FOR_BELIEFS);
    for kernel in [Kernel::Matern52, Kernel::Rbf] {
        let at = Hyperparameters(vec![-0.7, 0.2, 0.6, 0.0, -3.0, 0.4]);
        let (_, gradient) = posterior.log_posterior(kernel, &at).unwrap();
        for (j, slope) in gradient.iter().enumerate() {
            let height = |by: f64| {
                let mut moved = at.clone();
                moved.0[j] += by;
                posterior.log_posterior(kernel, &moved).unwrap().0
            };
            let measured = (height(1e-5) - height(-1e-5)) / 2e-5;
            assert!(
                (slope - measured).abs() < 1e-6,
                "{kernel:?} {j}: {slope} {measured}"
            );
        }
        let starts = [posterior.medians(), posterior.short_and_exact()];
        let (top, height) = posterior.maximum(kernel, &starts).unwrap();
        assert!(
            starts
                .iter()
                .all(|s| height >= posterior.height(kernel, s).unwrap())
        );
        assert!(
            posterior
                .log_posterior(kernel, &top)
                .unwrap()
                .1
                .iter()
                .all(|g| g.abs() < 0.02)
        );
    }
}
