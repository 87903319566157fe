//! `crds/` and the chart's copy are what the types say: `BLESS=1 cargo test --no-default-features --features operator --test crds` writes it.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Space, block_on, manifest};
use kube::ResourceExt;
use serde_json::{Value, json};
use tuning_operator::operator::crds;

#[test]
fn the_files_are_what_the_types_say_and_small_enough_for_client_side_apply() {
    let mut bytes = 0;
    for crd in crds() {
        let path = format!("{}/crds/{}.yaml", env!("CARGO_MANIFEST_DIR"), crd.name_any());
        let text = serde_saphyr::to_string(&crd).unwrap();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{path} is not what the types say: bless it");
        let copy = path.replace("/crds/", "/charts/tuning-operator/files/");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&copy, &text).unwrap();
        }
        let found = std::fs::read_to_string(&copy).unwrap_or_default();
        assert!(found == text, "{copy} is not what the types say: bless it");
        bytes += text.len();
    }
    assert!(bytes < 150_000, "{bytes} bytes");
}

#[test]
fn wrong_manifests_are_refused_with_a_sentence_that_names_the_field() {
    type Spoil = fn(&mut Value);
    let cases: [(Spoil, &str); 8] = [
        (
            |s| s["parameters"][0]["double"]["min"] = json!(1.0),
            "spec.parameters[0].double: Invalid value: min must be below max",
        ),
        (
            |s| s["parameters"][0]["double"]["min"] = json!(0.0),
            "a Log scale needs min above 0",
        ),
        (
            |s| s["parameters"][0]["integer"] = json!({"min": 1, "max": 3}),
            "give exactly one of double, integer",
        ),
        (|s| s["budget"]["maxTrials"] = json!(0), "spec.budget.maxTrials"),
        (
            |s| s["trial"]["command"] = json!(["python3"]),
            "on a cluster use container",
        ),
        (|s| s["objective"]["goal"] = json!("Best"), "spec.objective.goal"),
        (
            |s| s["strategy"]["random"] = json!({}),
            "give exactly one of bayesian, random",
        ),
        (
            |s| s["metrics"] = json!({"prometheus": {"path": "metrics"}}),
            "path must begin with /",
        ),
    ];
    block_on(async {
        let space = Space::new("refused").await;
        for (spoil, sentence) in cases {
            let mut manifest = manifest("job", 3, 1);
            spoil(&mut manifest["spec"]);
            let answer = space.apply(&manifest).await.unwrap_err();
            assert!(answer.contains(sentence), "{answer}");
        }
        let mut good = manifest("job", 3, 1);
        space.apply(&good).await.unwrap();
        good["spec"]["budget"]["maxTrials"] = json!(4);
        space.apply(&good).await.unwrap();
        good["spec"]["budget"]["maxTrials"] = json!(2);
        let answer = space.apply(&good).await.unwrap_err();
        assert!(answer.contains("maxTrials may grow, not shrink"), "{answer}");
        good["spec"]["budget"]["maxTrials"] = json!(4);
        good["spec"]["parameters"][0]["double"]["max"] = json!(1e-3);
        let answer = space.apply(&good).await.unwrap_err();
        assert!(
            answer.contains("parameters can't change once the job exists"),
            "{answer}"
        );
    });
}
