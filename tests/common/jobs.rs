//! Jobs of tests, and what they propose.

use serde_json::{Value, json};
use tuning_operator::api::{self, Trial};
use tuning_operator::tuning;

/// The same first proposals as on one machine.
pub fn check_first_proposals(manifest: &Value, trials: &[Trial]) {
    let job = api::check(manifest).unwrap().job;
    let parallel = job.budget.parallel;
    let empty = tuning::Snapshot::new(job);
    for (proposal, trial) in tuning::propose(&empty, parallel).iter().zip(trials) {
        assert_eq!(
            api::assignment(&empty.job.space, &proposal.point),
            trial.spec.parameters
        );
    }
}

/// A small job.
pub fn manifest(name: &str, max_trials: u32, parallel: u32) -> Value {
    json!({
        "apiVersion": "tuning-operator.io/v1alpha1",
        "kind": "TuningJob",
        "metadata": {"name": name},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "learning_rate", "double": {"min": 5e-6, "max": 5e-4, "scale": "Log"}}],
            "strategy": {"bayesian": {"seed": 7}},
            "budget": {"maxTrials": max_trials, "parallelTrials": parallel},
            "trial": {"container": {"image": "example.org/train", "args": ["--lr", "$(params.learning_rate)"]}},
        }
    })
}

/// Best near 1e-4.
pub fn f1(learning_rate: f64) -> f64 {
    0.87 - 0.05 * (learning_rate / 1e-4).ln().powi(2)
}
