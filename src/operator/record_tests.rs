//! Unit tests of `record`.

use super::*;
use crate::optimizer::Role;
use serde_json::{Value, json};

fn record(status: Value) -> (Record, SearchSpace) {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 3}, "trial": {"container": {"image": "x"}},
        },
    });
    let object = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "a-0001"},
        "spec": {"job": "a", "index": 1, "parameters": {"lr": 0.5}}, "status": status,
    });
    let record = Record::parse(&serde_json::from_value(object).unwrap()).unwrap();
    (record, crate::api::check(&manifest).unwrap().job.space)
}

#[test]
fn a_status_comes_back_as_it_was() {
    let statuses = [
        json!({"phase": "Queued", "ranSeconds": 0.1, "gpuSeconds": 0.2, "attempts": 2, "message": "lost",
            "lostAttempts": 2, "retryTime": "2026-01-02T03:04:05Z", "avoidNodes": ["sick"]}),
        json!({"phase": "Pending", "attempts": 1, "pod": "p", "ranSeconds": 17.123456789, "gpuSeconds": 34.246913578}),
        json!({"phase": "Running", "attempts": 1, "pod": "p", "attemptStartTime": "2026-01-02T03:04:05Z", "attemptEndTime": "2026-01-02T03:04:15Z",
            "startTime": "2026-01-02T03:04:05Z", "step": 7, "totalSteps": 9, "metrics": {"f1": 0.3},
            "curve": [{"step": 3, "value": 0.2}, {"step": 7, "value": 0.3}], "checkpointFolder": 1,
            "shadowStopStep": 3, "shadowStopMessage": "would have been stopped", "message": "would have been stopped",
            "gpus": 2, "ranSeconds": 1.5, "gpuSeconds": 4.5}),
        json!({"phase": "Failed", "failure": "TimedOut", "completionTime": "2026-01-02T03:04:05Z", "attempts": 1}),
        json!({"phase": "Succeeded", "value": 0.31234567, "valueText": "0.3123", "source": "Logs", "index": 1,
            "point": "lr=0.5", "attempts": 1}),
        json!({"phase": "Succeeded", "value": 0.8122270742358079, "valueText": "0.8122 collapsed", "collapsed": true,
            "metrics": {"collapsed": 1.0}, "attempts": 1, "message": "collapsed: one answer for every input"}),
        json!({"phase": "Succeeded", "value": 0.8122270742358079, "valueText": "0.8122 collapsed", "collapsed": true,
            "metrics": {"collapsed": 1.0}, "attempts": 1, "message": "not known; collapsed: one answer for every input"}),
    ];
    for status in statuses {
        let (record, space) = record(status);
        let trial = record.trial(&space).unwrap();
        assert_eq!(record.status_of(&trial), record.status);
    }
}

#[test]
fn what_a_status_cannot_hold_is_left_out_and_its_curve_stays_small() {
    let (record, space) = record(json!({}));
    let mut trial = record.trial(&space).unwrap();
    assert_eq!(trial.why.role, Role::Manual);
    curve::extend(
        &mut trial.curve,
        (1..=1000).map(|step| CurvePoint { step, value: 0.5 }),
    );
    trial.metrics = [("f1".to_owned(), f64::NAN), ("loss".to_owned(), 0.5)].into();
    let status = record.status_of(&trial);
    assert!(status.curve.len() <= MAX_POINTS && status.curve.last().unwrap().step == 1000);
    assert_eq!(status.metrics.keys().collect::<Vec<_>>(), ["loss"]);
}

#[test]
fn a_value_comes_back_from_the_cluster_to_the_last_bit() {
    let values = [
        0.1 + 0.2,
        1.0 / 3.0,
        5e-324,
        f64::MAX,
        -0.0,
        1.0,
        1e21,
        -123_456_789.012_345_67,
    ];
    for value in values {
        let (record, space) = record(json!({"phase": "Succeeded", "value": value, "attempts": 1}));
        // As the API server writes a number: without what it can do without, and with a sign of the exponent.
        let text = serde_json::to_string(&record.status.value).unwrap();
        let text = text.strip_suffix(".0").unwrap_or(&text);
        let text = text.replace("e+", "e").replace("e", "e+").replace("e+-", "e-");
        let status = format!(r#"{{"phase": "Succeeded", "value": {text}, "attempts": 1}}"#);
        let (again, _) = self::record(serde_json::from_str(&status).unwrap());
        let history = crate::tuning::history(&[again.trial(&space).unwrap()]);
        let crate::optimizer::Outcome::Value(read) = history[0].outcome else {
            panic!("{history:?}")
        };
        assert_eq!(read.to_bits(), value.to_bits(), "{text}");
    }
}
