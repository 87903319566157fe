//! What a TuningJob may name where the chart's admission policy holds.

use super::cluster::{Space, block_on, until};
use super::shell;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

fn with(name: &str, field: &str, value: &Value) -> Value {
    let mut manifest = shell(name, 1, r#"echo '{"f1": 0.5}' > /dev/termination-log"#);
    manifest["spec"]["trial"][field] = value.clone();
    manifest
}

/// A volume of this source.
fn volume(source: Value) -> Value {
    let mut volume = json!({"name": "v", "mountPath": "/v"});
    volume
        .as_object_mut()
        .unwrap()
        .extend(source.as_object().unwrap().clone());
    json!([volume])
}

fn reference(secret: &str) -> Value {
    json!({"secretKeyRef": {"name": secret, "key": "k", "optional": true}})
}

/// What is refused of each field, in which words.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let helper =
        json!([{"name": "h", "image": "x", "env": [{"name": "A", "valueFrom": reference("other")}]}]);
    let csi = json!({"csi": {"driver": "d.example", "nodePublishSecretRef": {"name": "other"}}});
    vec![
        (
            "serviceAccountName",
            json!("other"),
            "serviceAccountName: it may not be named here; allowed are trials",
        ),
        (
            "volumes",
            volume(json!({"secret": {"secretName": "other"}})),
            "a secret is named that may not be; allowed are allowed",
        ),
        (
            "volumes",
            volume(json!({"persistentVolumeClaim": {"claimName": "other"}})),
            "a claim is named that may not be",
        ),
        ("volumes", volume(csi), "a secret is named that may not be"),
        (
            "volumes",
            volume(json!({"csi": {"driver": "d.example"}})),
            "a CSI driver is named that may not be; allowed are none",
        ),
        (
            "env",
            json!([{"name": "A", "valueFrom": reference("other")}]),
            "spec.trial.env",
        ),
        (
            "envFrom",
            json!([{"secretRef": {"name": "other"}}]),
            "spec.trial.envFrom",
        ),
        (
            "initContainers",
            helper,
            "spec.trial.env (or that of an initContainer)",
        ),
        (
            "imagePullSecrets",
            json!([{"name": "other"}]),
            "spec.trial.imagePullSecrets",
        ),
    ]
}

#[test]
fn a_job_names_what_the_policy_allows_and_nothing_else() {
    block_on(async {
        let space = Space::on_the_node("policy").await;
        // Before the policy holds, anything goes.
        let before = with(
            "before",
            "volumes",
            &volume(json!({"secret": {"secretName": "other"}})),
        );
        space.apply(&before).await.unwrap();
        let namespaces: Api<Namespace> = Api::all(space.client.clone());
        let label = Patch::Merge(json!({"metadata": {"labels": {"policy": "strict"}}}));
        namespaces
            .patch(&space.name, &PatchParams::default(), &label)
            .await
            .unwrap();
        let refused = refused();
        // The API server takes a policy up a moment after it knows the label.
        let (field, value, _) = &refused[0];
        until("the policy holds", async || {
            space.apply(&with("probe", field, value)).await.is_err()
        })
        .await;
        for (i, (field, value, words)) in refused.iter().enumerate() {
            let said = space
                .apply(&with(&format!("refused-{i}"), field, value))
                .await
                .unwrap_err();
            assert!(said.contains(words), "{field}: {said}");
            println!("{field}: {said}");
        }
        // What was there before may stay as it is, but not change to what may not be.
        space.apply(&before).await.unwrap();
        let mut worse = before.clone();
        worse["spec"]["budget"]["maxTrials"] = json!(2);
        assert!(space.apply(&worse).await.is_err());

        let allowed = [
            ("env", json!([{"name": "A", "valueFrom": reference("allowed")}])),
            (
                "envFrom",
                json!([{"secretRef": {"name": "allowed", "optional": true}}]),
            ),
        ];
        for (field, value) in &allowed {
            let name = field.to_lowercase();
            space.apply(&with(&name, field, value)).await.unwrap();
            space.complete(&name).await;
        }
    });
}
