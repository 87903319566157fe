//! Unit tests of `pod_security`.

use super::*;
use serde_json::{Value, json};

fn both(trial: Value) -> (Value, Value) {
    let trial: TrialSpec = serde_json::from_value(trial).unwrap();
    let value = |v: serde_json::Result<Value>| v.unwrap();
    (
        value(serde_json::to_value(of_pod(&trial))),
        value(serde_json::to_value(of_trial(&trial))),
    )
}

fn image(more: Value) -> Value {
    let mut trial = json!({"container": {"image": "i"}});
    trial
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    trial
}

#[test]
fn without_a_word_every_kind_is_as_restricted_wants_it() {
    let kinds = [
        json!({"bert": {"task": "mrpc", "model": "/m", "data": "/d"}}),
        image(json!({})),
        json!({"sagemaker": {"image": "i"}}),
    ];
    for kind in kinds {
        let (pod, own) = both(kind.clone());
        assert_eq!(pod["runAsNonRoot"], true, "{kind}");
        assert_eq!(pod["seccompProfile"], json!({"type": "RuntimeDefault"}), "{kind}");
        assert_eq!(own["allowPrivilegeEscalation"], false, "{kind}");
        assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}), "{kind}");
        let is_bert = kind.get("bert").is_some();
        assert_eq!(
            pod["runAsUser"] == 65532,
            is_bert,
            "whom an image names it knows best"
        );
        assert_eq!(own["readOnlyRootFilesystem"] == true, is_bert);
        assert_eq!(pod["fsGroup"] == 65532, is_bert);
    }
}

#[test]
fn an_image_that_needs_root_says_so_and_has_the_rights_of_any_root() {
    for root in [json!({"runAsNonRoot": false}), json!({"runAsUser": 0})] {
        let (pod, own) = both(image(
            json!({"podSecurityContext": root, "checkpointVolume": "v"}),
        ));
        assert_eq!((&pod["runAsNonRoot"], pod.get("fsGroup")), (&json!(false), None));
        assert_eq!(own.get("capabilities"), None);
        assert_eq!(own["allowPrivilegeEscalation"], false);
    }
    let (pod, own) = both(image(json!({"containerSecurityContext": {"runAsUser": 0}})));
    assert_eq!(
        (&pod["runAsNonRoot"], &own["runAsNonRoot"]),
        (&json!(true), &json!(false))
    );
    assert_eq!((&own["runAsUser"], own.get("capabilities")), (&json!(0), None));
    // Whoever has another user is not root, whatever might be.
    let root = json!({"runAsNonRoot": false, "runAsUser": 7});
    let (_, own) = both(image(json!({"podSecurityContext": root})));
    assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}));
}

#[test]
fn what_is_asked_for_is_given() {
    let pod = json!({"runAsUser": 7, "runAsGroup": 8, "fsGroup": 9, "fsGroupChangePolicy": "OnRootMismatch",
        "supplementalGroups": [10], "seccompProfile": {"type": "Localhost", "localhostProfile": "p"}});
    let own = json!({"runAsUser": 11, "runAsGroup": 12, "runAsNonRoot": true, "allowPrivilegeEscalation": true,
        "readOnlyRootFilesystem": true, "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["NET_RAW"]}});
    let found = both(image(
        json!({"podSecurityContext": pod, "containerSecurityContext": own}),
    ));
    let mut expected = pod;
    expected["runAsNonRoot"] = json!(true);
    assert_eq!(found, (expected, own));
    let added = json!({"capabilities": {"add": ["CHOWN"]}});
    let (_, own) = both(image(json!({"containerSecurityContext": added})));
    assert_eq!(own["capabilities"], json!({"add": ["CHOWN"], "drop": ["ALL"]}));
}

#[test]
fn folders_that_are_made_on_a_volume_are_the_trials_to_write_to() {
    let (pod, _) = both(image(json!({"checkpointVolume": "v"})));
    assert_eq!(
        (&pod["fsGroup"], &pod["fsGroupChangePolicy"]),
        (&json!(65532), &json!("OnRootMismatch"))
    );
    let (pod, _) = both(json!({"sagemaker": {"image": "i", "modelVolume": "v"}}));
    assert_eq!(pod["fsGroup"], 65532);
    let own = json!({"checkpointVolume": "v", "podSecurityContext": {"fsGroup": 5}});
    let (pod, _) = both(image(own));
    assert_eq!(
        (&pod["fsGroup"], pod.get("fsGroupChangePolicy")),
        (&json!(5), None)
    );
}
