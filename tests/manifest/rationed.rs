//! Faults of strategies that say what each trial may spend.

use super::faults;

#[test]
fn faults_of_strategies_that_ration() {
    let early = "  earlyStopping: {medianStop: {minCompletedTrials: 3, startStep: 1}}\n";
    let faults_of = |strategy: &str| faults(&[("bayesian: {seed: 42}", strategy), (early, "")]);
    for word in ["hyperband", "asha"] {
        assert_eq!(faults_of(&format!("{word}: {{maxResource: 9}}")), [""; 0]);
        assert_eq!(
            faults_of(&format!("{word}: {{minResource: 10, maxResource: 9}}")),
            [format!(
                "spec.strategy.{word}.minResource: 10 is above maxResource (9)"
            )]
        );
        let found = faults_of(&format!("{word}: {{maxResource: 9, eta: 1}}"));
        assert_eq!(
            found,
            [format!("spec.strategy.{word}.eta: 1 is too small: at least 2")]
        );
        let found = faults_of(&format!("{word}: {{eta: 3}}"));
        assert!(found.len() == 1 && found[0].contains("maxResource"), "{found:?}");
    }
    let with_early = |strategy: &str| faults(&[("bayesian: {seed: 42}", strategy)]);
    for word in ["hyperband", "asha"] {
        let cure = "remove earlyStopping, or choose another strategy";
        assert_eq!(
            with_early(&format!("{word}: {{maxResource: 9}}")),
            [format!(
                "spec.earlyStopping: {word} stops trials by itself: {cure}"
            )]
        );
    }
    let both = faults_of("hyperband: {maxResource: 9}, asha: {maxResource: 9}");
    assert!(
        both.len() == 1 && both[0].contains("hyperband and asha at once"),
        "{both:?}"
    );
}
