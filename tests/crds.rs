//! The manifest of the CRDs and the chart's copies are what the types say:
//! `BLESS=1 cargo test --no-default-features --features operator --test crds` writes them.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Space, block_on, manifest, until};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use tuning_operator::api::{CHANGES, Change};
use tuning_operator::operator::crds;

/// What people apply where no chart installs the CRDs.
const MANIFEST: &str = "crds/tuning-operator.crds.yaml";

/// The file holds this text; with `BLESS=1` from now on.
fn holds(path: &str, text: &str) {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{path} is not what the types say: bless it");
}

#[test]
fn the_files_are_what_the_types_say_and_small_enough_for_client_side_apply() {
    let mut manifest = String::new();
    for crd in crds() {
        let text = serde_saphyr::to_string(&crd).unwrap();
        holds(
            &format!("charts/tuning-operator/files/{}.yaml", crd.name_any()),
            &text,
        );
        manifest += &format!("---\n{text}");
    }
    holds(MANIFEST, &manifest);
    assert!(manifest.len() < 150_000, "{} bytes", manifest.len());
}

/// `kubectl apply -f crds` applies the folder: with another file in it something would be applied twice.
#[test]
fn the_folder_holds_one_manifest_which_is_what_the_program_prints() {
    let root = env!("CARGO_MANIFEST_DIR");
    let files = std::fs::read_dir(format!("{root}/crds")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(names, [std::path::PathBuf::from(format!("{root}/{MANIFEST}"))]);
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_tuning-operator"))
        .arg("crds")
        .output()
        .unwrap();
    assert!(printed.status.success());
    let manifest = std::fs::read(format!("{root}/{MANIFEST}")).unwrap();
    assert!(
        printed.stdout == manifest,
        "tuning-operator crds prints something else than {MANIFEST}"
    );
}

/// The schema of a job's spec, or of a section of it.
fn section<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |at, name| &at["properties"][name])
}

#[test]
fn every_field_may_change_on_a_cluster_as_on_one_machine() {
    let [job, _] = crds().map(|crd| serde_json::to_value(crd).unwrap());
    let schema = &job["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for (path, change) in CHANGES {
        let (parent, name) = path.rsplit_once('.').unwrap();
        let rules = section(schema, parent)["x-kubernetes-validations"].as_array();
        let has = |text: String| {
            rules
                .into_iter()
                .flatten()
                .any(|rule| rule["rule"].as_str().unwrap().contains(&text))
        };
        // A duration is a text, which the rules don't compare: on a cluster it may shrink.
        let is_text = section(schema, path)["type"] == "string";
        match change {
            Change::Never => assert!(has(format!("self.{name} == oldSelf.{name}")), "{path}"),
            Change::Grows if !is_text => assert!(has(format!("self.{name} >= oldSelf.{name}")), "{path}"),
            Change::Grows | Change::Free => assert!(!has(format!("oldSelf.{name}")), "{path}"),
        }
    }
    let in_table = |path: &str| CHANGES.iter().any(|(field, _)| *field == path);
    for name in section(schema, "spec")["properties"].as_object().unwrap().keys() {
        let path = format!("spec.{name}");
        let inner = section(schema, &path)["properties"].as_object();
        let all_of_it =
            || inner.is_some_and(|inner| inner.keys().all(|name| in_table(&format!("{path}.{name}"))));
        assert!(in_table(&path) || all_of_it(), "{path} is not in CHANGES");
    }
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

#[test]
fn what_the_fine_tuner_would_refuse_is_refused_with_its_field() {
    block_on(async {
        let space = Space::new("bert").await;
        for (fields, sentence) in [
            (json!({"learningRate": 0}), "learningRate must be above 0"),
            (
                json!({"dropout": 1}),
                "dropout and labelSmoothing must be below 1",
            ),
            (
                json!({"task": "squad", "maxLength": 99}),
                "squad needs a maxLength of at least 100",
            ),
            (
                json!({"warmupRatio": 0.1, "warmupSteps": 9}),
                "warmupRatio and warmupSteps both say how long the warm-up is",
            ),
            (
                json!({"task": "squad", "classWeights": "balanced"}),
                "labelSmoothing and classWeights are for tasks with classes",
            ),
            (
                json!({"scheduler": "poly"}),
                "supported values: \"linear\", \"cosine\", \"constant\"",
            ),
        ] {
            let mut bert = json!({"task": "mrpc", "model": "/m", "data": "/d"});
            for (key, value) in fields.as_object().unwrap() {
                bert[key] = value.clone();
            }
            let mut manifest = manifest("job", 3, 1);
            manifest["spec"]["trial"] = json!({"bert": bert});
            let answer = space.apply(&manifest).await.unwrap_err();
            assert!(
                answer.contains("spec.trial.bert") && answer.contains(sentence),
                "{answer}"
            );
        }
    });
}

#[test]
fn what_was_stored_before_there_was_a_default_has_a_status() {
    block_on(async {
        let space = Space::new("stored-before").await;
        // The same kind under another group, which no other test has.
        let group = "before.tuning-operator.io";
        let [job, _] = crds().map(|crd| serde_json::to_value(crd).unwrap());
        let mut now = job;
        now["metadata"]["name"] = json!(format!("tuningjobs.{group}"));
        now["spec"]["group"] = json!(group);
        let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status";
        let mut before = now.clone();
        let default = before
            .pointer_mut(status)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("default");
        assert_eq!(default, Some(json!({"observedGeneration": -1})));
        let definitions: Api<CustomResourceDefinition> = Api::all(space.client.clone());
        let params = PatchParams::apply("test").force();
        let name = format!("tuningjobs.{group}");
        let kind = GroupVersionKind::gvk(group, "v1alpha1", "TuningJob");
        let resource = ApiResource::from_gvk(&kind);
        let jobs: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &resource);
        definitions
            .patch(&name, &params, &Patch::Apply(&before))
            .await
            .unwrap();
        let mut manifest = manifest("job", 1, 1);
        manifest["apiVersion"] = json!(format!("{group}/v1alpha1"));
        until("it is taken", async || {
            jobs.patch("job", &params, &Patch::Apply(&manifest)).await.is_ok()
        })
        .await;
        assert_eq!(jobs.get("job").await.unwrap().data.get("status"), None);
        definitions
            .patch(&name, &params, &Patch::Apply(&now))
            .await
            .unwrap();
        until("it is read with a status", async || {
            let job = jobs.get("job").await.unwrap();
            job.data.get("status") == Some(&json!({"observedGeneration": -1}))
        })
        .await;
    });
}
