//! Waits for the real garbage collector.

use super::cluster::{Space, until};
use serde_json::json;

/// The garbage collector learns of new kinds every half minute; before that it neither finds Trials that a job has left nor takes a job
/// off their owners.
pub async fn collector_knows_trials(space: &Space) {
    let owner = json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "name": "none", "uid": "none"});
    let canary = json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial",
        "metadata": {"name": "canary", "ownerReferences": [owner]},
        "spec": {"job": "none", "parameters": {"learning_rate": 1e-4}}});
    let canary = serde_json::from_value(canary).unwrap();
    space.trials().create(&Default::default(), &canary).await.unwrap();
    until("a trial without an owner is collected", async || {
        space.trials().get_opt("canary").await.unwrap().is_none()
    })
    .await;
}
