//! A pass over a job whose best trials lie at an end of a parameter's range.

use super::*;

/// A trial of the job that has succeeded.
fn succeeded(index: usize, learning_rate: f64, value: f64) -> DynamicObject {
    let owner =
        json!([{"apiVersion": "x/v1", "kind": "TuningJob", "name": "job", "uid": "u", "controller": true}]);
    let trial = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial",
        "metadata": {"name": format!("job-{index:04}"), "namespace": "team", "uid": format!("t{index}"), "ownerReferences": owner},
        "spec": {"job": "job", "index": index, "parameters": {"learning_rate": learning_rate}},
        "status": {"phase": "Succeeded", "attempts": 1, "value": value, "completionTime": "2026-01-02T03:04:05Z"},
    });
    serde_json::from_value(trial).unwrap()
}

/// The condition of a job whose trials, at these learning rates, have these values.
async fn advice(trials: &[(f64, f64)]) -> Option<Value> {
    let (api, owner) = (Api::default(), ("team".to_owned(), "job".to_owned()));
    let context = context(&api, Fence::default());
    for (index, (rate, value)) in (1..).zip(trials) {
        let trial = succeeded(index, *rate, *value);
        context.stores.trials.put(&owner, &trial.name_any(), trial);
    }
    let status = json!({"observedGeneration": 1, "startTime": "2026-01-02T03:04:05Z"});
    for _ in 0..100 {
        // The answer may take longer than a pass waits for it.
        reconcile(job(status.clone()), context.clone()).await.unwrap();
        let objects = api.objects.lock().unwrap();
        let status = &objects[JOBS.trim_end_matches("/status")]["status"];
        assert_eq!(status["phase"], "Complete", "it is no failure");
        if !status["recommended"].is_null() {
            let conditions = status["conditions"].as_array().unwrap();
            return conditions.iter().find(|c| c["type"] == "NarrowRange").cloned();
        }
    }
    panic!("the model does not answer");
}

#[tokio::test]
async fn a_best_point_at_an_end_is_said_in_a_condition() {
    let rates = [5e-5, 1e-4, 3e-4, 5e-6, 5e-6, 5.1e-6, 2e-5, 4e-4, 6e-6];
    let falling = rates.map(|rate| (rate, 0.9 - 0.1 * f64::ln(rate / 5e-6)));
    let said = advice(&falling).await.unwrap();
    assert_eq!(
        (&said["status"], &said["reason"]),
        (&json!("True"), &json!("BestAtEnd"))
    );
    let message = said["message"].as_str().unwrap();
    assert!(
        message.starts_with("learning_rate: the best trials lie at the lower end of its range, 5e-6:")
            && message.contains("a lower spec.parameters[0].double.min"),
        "{message}"
    );
    let inside = rates.map(|rate| (rate, 0.9 - 0.1 * f64::ln(rate / 5e-5).powi(2)));
    let said = advice(&inside).await.unwrap();
    assert_eq!(
        (&said["status"], &said["reason"]),
        (&json!("False"), &json!("BestInside"))
    );
    assert_eq!(advice(&falling[..7]).await, None, "too early to say");
}
