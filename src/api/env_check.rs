//! What a schema can't see about variables: their names, and where their values are.

use super::env_spec::{EnvFromSpec, EnvSource, EnvVar};
use super::fault::{Fault, exactly_one};
use super::trial_spec::TrialSpec;

/// How the names of the tuner's own variables begin.
const OWN: &str = "TUNING_";

/// Fields of a pod that a variable can have, as Kubernetes lists them.
const POD_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Adds a fault for each variable of the list at `path` that no container could have.
pub(super) fn check_env(path: &str, env: &[EnvVar], faults: &mut Vec<Fault>) {
    for (i, var) in env.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if var.name.starts_with(OWN) {
            let message = format!("{}: names that begin with {OWN} are the tuner's own", var.name);
            faults.push(Fault::new(format!("{path}.name"), message));
        } else if var.name.contains(['=', '\0']) {
            let message = format!("{:?} is not the name of a variable", var.name);
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        if let Some(source) = &var.value_from {
            if !var.value.is_empty() {
                let message = "a variable has value or valueFrom, not both: remove one of them";
                faults.push(Fault::new(path.clone(), message));
            }
            check_source(&format!("{path}.valueFrom"), source, faults);
        }
    }
}

fn check_source(path: &str, source: &EnvSource, faults: &mut Vec<Fault>) {
    let kinds = [
        ("secretKeyRef", source.secret_key_ref.is_some()),
        ("configMapKeyRef", source.config_map_key_ref.is_some()),
        ("fieldRef", source.field_ref.is_some()),
        ("resourceFieldRef", source.resource_field_ref.is_some()),
    ];
    exactly_one(path, &kinds, faults);
    if let Some(field) = &source.field_ref
        && !is_pod_field(&field.field_path)
    {
        let message = format!(
            "{:?} is no field that a variable can have: {}, metadata.labels['KEY'], metadata.annotations['KEY']",
            field.field_path,
            POD_FIELDS.join(", ")
        );
        faults.push(Fault::new(format!("{path}.fieldRef.fieldPath"), message));
    }
}

fn is_pod_field(path: &str) -> bool {
    let of_a_map = ["metadata.labels['", "metadata.annotations['"].iter().any(|map| {
        path.strip_prefix(map)
            .is_some_and(|key| key.len() > 2 && key.ends_with("']"))
    });
    POD_FIELDS.contains(&path) || of_a_map
}

/// Adds a fault for each entry of the list at `path` that is no source of variables.
pub(super) fn check_env_from(path: &str, sources: &[EnvFromSpec], faults: &mut Vec<Fault>) {
    for (i, source) in sources.iter().enumerate() {
        let path = format!("{path}[{i}]");
        let kinds = [
            ("secretRef", source.secret_ref.is_some()),
            ("configMapRef", source.config_map_ref.is_some()),
        ];
        exactly_one(&path, &kinds, faults);
        let prefix = source.prefix.as_deref().unwrap_or_default();
        if prefix.starts_with(OWN) {
            let message = format!("{prefix}: names that begin with {OWN} are the tuner's own");
            faults.push(Fault::new(format!("{path}.prefix"), message));
        }
    }
}

/// A fault for each variable whose value only a cluster can look up.
pub fn unknown_on_one_machine(trial: &TrialSpec) -> Vec<Fault> {
    let variables = trial
        .env
        .iter()
        .enumerate()
        .filter(|(_, var)| var.value_from.is_some());
    let variables = variables.map(|(i, var)| {
        let message = format!(
            "one machine has neither pods nor secrets to look {} up in: write its value here, or leave it out and set it in \
             the environment of tuning run, which its trials inherit",
            var.name
        );
        Fault::new(format!("spec.trial.env[{i}].valueFrom"), message)
    });
    let all = (0..trial.env_from.len()).map(|i| {
        let message = "one machine has no secrets and config maps: set their variables in the environment of tuning run, which its \
                       trials inherit, and leave this out";
        Fault::new(format!("spec.trial.envFrom[{i}]"), message)
    });
    variables.chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults(env: Value, env_from: Value) -> Vec<String> {
        let mut faults = Vec::new();
        let env: Vec<EnvVar> = serde_json::from_value(env).unwrap();
        check_env("env", &env, &mut faults);
        let env_from: Vec<EnvFromSpec> = serde_json::from_value(env_from).unwrap();
        check_env_from("envFrom", &env_from, &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_has_one_place() {
        let key = json!({"name": "s", "key": "k"});
        for (env, says) in [
            (
                json!({"name": "TUNING_X"}),
                "env[0].name: TUNING_X: names that begin",
            ),
            (
                json!({"name": "a=b"}),
                "env[0].name: \"a=b\" is not the name of a variable",
            ),
            (
                json!({"name": "A", "value": "1", "valueFrom": {"secretKeyRef": key}}),
                "env[0]: a variable has value or valueFrom",
            ),
            (
                json!({"name": "A", "valueFrom": {}}),
                "env[0].valueFrom: says nothing: give exactly one of secretKeyRef",
            ),
            (
                json!({"name": "A", "valueFrom": {"secretKeyRef": key, "configMapKeyRef": key}}),
                "env[0].valueFrom: has secretKeyRef and configMapKeyRef at once",
            ),
            (
                json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.containers"}}}),
                "env[0].valueFrom.fieldRef.fieldPath: \"spec.containers\" is no field",
            ),
        ] {
            let found = faults(json!([env]), json!([]));
            assert!(
                found.len() == 1 && found[0].starts_with(says),
                "{says}: {found:?}"
            );
        }
        for (source, says) in [
            (
                json!({}),
                "envFrom[0]: says nothing: give exactly one of secretRef",
            ),
            (
                json!({"prefix": "TUNING_", "secretRef": {"name": "s"}}),
                "envFrom[0].prefix: TUNING_: names that begin",
            ),
        ] {
            let found = faults(json!([]), json!([source]));
            assert!(
                found.len() == 1 && found[0].starts_with(says),
                "{says}: {found:?}"
            );
        }
        for path in ["spec.nodeName", "metadata.labels['team']"] {
            let env = json!([{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}]);
            assert_eq!(faults(env, json!([{"configMapRef": {"name": "c"}}])), [""; 0]);
        }
    }
}
