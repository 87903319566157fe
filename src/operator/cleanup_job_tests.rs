//! Unit tests of `cleanup_job`.

use super::*;
use serde_json::{Value, json};

fn written(trial: Value) -> Option<Value> {
    let trial: TrialSpec = serde_json::from_value(trial).unwrap();
    let whose = Whose {
        trial: &trial,
        namespace: "team",
        owner: OwnerReference {
            name: "mrpc".into(),
            uid: "u-1".into(),
            ..OwnerReference::default()
        },
    };
    let job = job(
        &Settings::default(),
        &whose,
        &Purpose::End(3),
        &["mrpc-0002-b".into()],
    )?;
    Some(serde_json::to_value(job).unwrap())
}

fn volumes() -> Value {
    json!([{"name": "work", "mountPath": "/v", "persistentVolumeClaim": {"claimName": "claim"}}])
}

#[test]
fn it_sees_the_folder_of_checkpoints_and_nothing_else() {
    let bert = json!({"task": "mrpc", "model": "/m", "data": "/d"});
    let trial = json!({"bert": bert, "volumes": volumes(), "checkpointVolume": "work",
        "nodeSelector": {"zone": "a"}, "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "s"}]});
    let job = written(trial).unwrap();
    assert_eq!(job["metadata"]["name"], "mrpc-cleanup");
    let pod = &job["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        container["args"],
        json!(["remove-checkpoints", "mrpc-u-1", "--keep=mrpc-0002-b"])
    );
    let mounts = json!([{"name": "checkpoints", "mountPath": PLACE, "subPath": "checkpoints"}]);
    assert_eq!(container["volumeMounts"], mounts);
    let mounted = json!([{"name": "checkpoints", "persistentVolumeClaim": {"claimName": "claim"}}]);
    assert_eq!(pod["volumes"], mounted);
    assert_eq!(
        (&pod["nodeSelector"]["zone"], &pod["tolerations"][0]["key"]),
        (&json!("a"), &json!("gpu"))
    );
    assert_eq!(pod["imagePullSecrets"][0]["name"], "s");
    // As Pod Security's level restricted wants it.
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        (
            &pod["securityContext"]["runAsUser"],
            &pod["securityContext"]["fsGroup"]
        ),
        (&json!(65532), &json!(65532))
    );
    assert_eq!(
        container["securityContext"]["capabilities"],
        json!({"drop": ["ALL"]})
    );
    assert_eq!(pod["automountServiceAccountToken"], false);
}

#[test]
fn what_an_unknown_user_wrote_root_removes_with_no_more_rights_than_that_takes() {
    let trial = json!({"container": {"image": "i"}, "volumes": volumes(), "checkpointVolume": "work"});
    let pod = written(trial).unwrap()["spec"]["template"]["spec"].clone();
    assert_eq!(pod["securityContext"]["runAsUser"], 0);
    assert_eq!(pod["securityContext"].get("fsGroup"), None);
    let rights = json!({"add": ["DAC_OVERRIDE", "FOWNER"], "drop": ["ALL"]});
    assert_eq!(pod["containers"][0]["securityContext"]["capabilities"], rights);
}

#[test]
fn what_a_user_wrote_whom_the_manifest_names_that_user_removes() {
    let trial = json!({"container": {"image": "i"}, "volumes": volumes(), "checkpointVolume": "work",
        "podSecurityContext": {"runAsUser": 1000, "supplementalGroups": [7]}});
    let pod = written(trial).unwrap()["spec"]["template"]["spec"].clone();
    let whole = json!({"runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch", "supplementalGroups": [7], "seccompProfile": {"type": "RuntimeDefault"}});
    assert_eq!(pod["securityContext"], whole);
    assert_eq!(
        pod["containers"][0]["securityContext"]["capabilities"],
        json!({"drop": ["ALL"]})
    );
}

#[test]
fn what_goes_with_the_pod_needs_no_cleanup() {
    let empty = json!([{"name": "work", "mountPath": "/v", "emptyDir": {}}]);
    let trial = json!({"container": {"image": "i"}, "volumes": empty, "checkpointVolume": "work"});
    assert_eq!(written(trial), None);
    assert_eq!(
        written(json!({"container": {"image": "i"}, "volumes": volumes()})),
        None
    );
}
