//! What is shipped for Argo CD, run in a Lua engine: its test tables, in its own form, over the states that were recorded of the
//! operator (`operator_gitops`), and the patch for its ConfigMap.

#[path = "gitops/lua.rs"]
mod lua;

use lua::{FOLDER, action, run, script};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const KINDS: [&str; 2] = ["TuningJob", "Trial"];
/// What Argo CD takes for a health; any other word is `Unknown` to it.
const HEALTHS: [&str; 6] = [
    "Healthy",
    "Progressing",
    "Degraded",
    "Suspended",
    "Missing",
    "Unknown",
];

fn blesses() -> bool {
    std::env::var_os("BLESS").is_some()
}

fn yaml<T: serde::de::DeserializeOwned>(path: &str) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[derive(Deserialize)]
struct HealthTests {
    tests: Vec<HealthTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthTest {
    health_status: Health,
    input_path: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Health {
    status: String,
    message: String,
}

#[test]
fn every_recorded_state_has_the_health_of_the_table() {
    for kind in KINDS {
        let folder = format!("{FOLDER}/{kind}");
        let table: HealthTests = yaml(&format!("{folder}/health_test.yaml"));
        let health = script(&format!("{kind}/health.lua"));
        for test in &table.tests {
            let object: Value = yaml(&format!("{folder}/{}", test.input_path));
            let found = run(&health, &object).unwrap();
            let found: Health = serde_json::from_value(found).unwrap();
            assert_eq!(found, test.health_status, "{kind}/{}", test.input_path);
            assert!(HEALTHS.contains(&found.status.as_str()), "{found:?}");
        }
        let tested: BTreeSet<String> = table.tests.into_iter().map(|t| t.input_path).collect();
        let files = std::fs::read_dir(format!("{folder}/testdata")).unwrap();
        let names = files.map(|f| f.unwrap().file_name().into_string().unwrap());
        let recorded: BTreeSet<String> = names.map(|name| format!("testdata/{name}")).collect();
        assert_eq!(tested, recorded, "{kind}");
    }
}

#[test]
fn an_object_of_which_nobody_has_said_anything_is_on_its_way() {
    for kind in KINDS {
        let health = script(&format!("{kind}/health.lua"));
        for status in [json!(null), json!({}), json!({"observedGeneration": -1})] {
            let object = json!({"metadata": {"generation": 1}, "spec": {}, "status": status});
            assert_eq!(
                run(&health, &object).unwrap()["status"],
                "Progressing",
                "{status}"
            );
        }
        let without = json!({"metadata": {"generation": 1}, "spec": {}});
        assert_eq!(run(&health, &without).unwrap()["status"], "Progressing");
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionTests {
    discovery_tests: Vec<DiscoveryTest>,
    action_tests: Vec<ActionTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiscoveryTest {
    input_path: String,
    result: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionTest {
    action: String,
    input_path: String,
    expected_output_path: String,
}

#[test]
fn actions_suspend_what_runs_and_resume_what_is_suspended() {
    let folder = format!("{FOLDER}/TuningJob/actions");
    let table: ActionTests = yaml(&format!("{folder}/action_test.yaml"));
    let discovery = script("TuningJob/actions/discovery.lua");
    for test in &table.discovery_tests {
        let object: Value = yaml(&format!("{folder}/{}", test.input_path));
        let found = run(&discovery, &object).unwrap();
        let found = found.as_object().into_iter().flatten().map(|(name, action)| {
            assert!(
                Path::new(&format!("{folder}/{name}/action.lua")).exists(),
                "{name}"
            );
            let mut action = action.clone();
            action["name"] = json!(name);
            // Argo CD's own word for an action that says nothing of it.
            action["disabled"] = json!(false);
            action
        });
        assert_eq!(found.collect::<Vec<_>>(), test.result, "{}", test.input_path);
    }
    for test in &table.action_tests {
        let object: Value = yaml(&format!("{folder}/{}", test.input_path));
        let patch = action(&test.action, &object);
        let is_suspended = test.action == "suspend";
        assert_eq!(
            patch,
            json!({"spec": {"suspend": is_suspended}}),
            "and nothing else"
        );
        let mut after = object;
        after["spec"]["suspend"] = json!(is_suspended);
        let path = format!("{folder}/{}", test.expected_output_path);
        if blesses() {
            std::fs::write(&path, serde_saphyr::to_string(&after).unwrap()).unwrap();
        }
        assert_eq!(after, yaml::<Value>(&path), "bless {path}");
    }
    let tried: BTreeSet<&str> = table.action_tests.iter().map(|t| t.action.as_str()).collect();
    assert_eq!(tried, BTreeSet::from(["resume", "suspend"]));
}

#[test]
fn a_script_finds_no_more_than_argo_cd_gives_it() {
    for absent in ["string", "os", "io", "math", "require"] {
        let found = run(&format!("return {{found = {absent} ~= nil}}"), &json!({})).unwrap();
        assert_eq!(found, json!({"found": false}), "{absent}");
    }
    assert!(run("while true do end", &json!({})).is_err());
}

/// So many spaces before each line.
fn indented(text: &str, spaces: usize) -> String {
    let line = |line: &str| match line {
        "" => "\n".to_owned(),
        line => format!("{}{line}\n", " ".repeat(spaces)),
    };
    text.lines().map(line).collect()
}

/// The scripts as `argocd-cm` has them.
fn config_map() -> String {
    let key =
        |what: &str, kind: &str| format!("  resource.customizations.{what}.tuning-operator.io_{kind}: |\n");
    let mut text = String::from(
        "# Health and actions of TuningJobs and Trials, made of the scripts in tuning-operator.io:\n\
         #   BLESS=1 cargo test --test gitops\n\
         data:\n",
    );
    for kind in KINDS {
        text += &key("health", kind);
        text += &indented(&script(&format!("{kind}/health.lua")), 4);
    }
    text += &key("actions", KINDS[0]);
    text += "    discovery.lua: |\n";
    text += &indented(&script("TuningJob/actions/discovery.lua"), 6);
    text += "    definitions:\n";
    for name in ["suspend", "resume"] {
        text += &format!("      - name: {name}\n        action.lua: |\n");
        text += &indented(&script(&format!("TuningJob/actions/{name}/action.lua")), 10);
    }
    text
}

#[test]
fn the_patch_for_argocd_cm_has_these_very_scripts() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/gitops/argocd/argocd-cm.yaml");
    if blesses() {
        std::fs::write(path, config_map()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        config_map(),
        "bless {path}"
    );
    let patch: BTreeMap<String, BTreeMap<String, String>> = yaml(path);
    let data = &patch["data"];
    for kind in KINDS {
        let key = format!("resource.customizations.health.tuning-operator.io_{kind}");
        assert_eq!(data[&key], script(&format!("{kind}/health.lua")));
    }
    let actions: Value =
        serde_saphyr::from_str(&data["resource.customizations.actions.tuning-operator.io_TuningJob"])
            .unwrap();
    assert_eq!(
        actions["discovery.lua"],
        script("TuningJob/actions/discovery.lua")
    );
    for definition in actions["definitions"].as_array().unwrap() {
        let name = definition["name"].as_str().unwrap();
        let whole = script(&format!("TuningJob/actions/{name}/action.lua"));
        assert_eq!(definition["action.lua"], whole);
    }
    assert_eq!(data.len(), 3);
}
