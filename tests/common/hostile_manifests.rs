//! TuningJobs that mean harm: what no operator may let through, by what it tries.

use serde_json::{Value, json};

/// A manifest that means harm.
pub struct Hostile {
    /// What it tries.
    pub family: &'static str,
    /// The field, as a JSON pointer into the manifest.
    pub field: &'static str,
    /// What stands there.
    pub value: Value,
}

/// All of them: none is a manifest that may run.
pub fn all() -> Vec<Hostile> {
    let mut all = urls();
    all.extend(questions());
    all.extend(expressions());
    all.extend(sizes());
    all.extend(control_characters());
    all.extend(volumes());
    all.extend(elsewhere());
    all.extend(unknown_fields());
    all
}

fn of(
    family: &'static str,
    field: &'static str,
    values: impl IntoIterator<Item = Value>,
) -> impl Iterator<Item = Hostile> {
    let values: Vec<Value> = values.into_iter().collect();
    values
        .into_iter()
        .map(move |value| Hostile { family, field, value })
}

fn texts(family: &'static str, field: &'static str, values: &[&str]) -> impl Iterator<Item = Hostile> {
    of(family, field, values.iter().map(|text| json!(text)))
}

fn urls() -> Vec<Hostile> {
    let paths = [
        "http://evil.example/metrics",
        "https://kubernetes.default/api",
        "@evil.example/",
        "evil.example:80/",
        "file:///etc/shadow",
        "metrics",
        "\\\\evil.example",
        " /metrics",
        "\n/metrics",
        "",
    ];
    let metrics = paths.map(|path| json!({"prometheus": {"path": path}}));
    of("URLs", "/spec/metrics", metrics).collect()
}

fn questions() -> Vec<Hostile> {
    let names = [
        "f1{namespace=\"kube-system\"}",
        "f1} or vector(1) #",
        "{__name__=~\".+\"}",
        "f1 or secret",
        "f1[365d]",
        "f1 offset 1y",
        "sum(f1)",
        "f1\n",
        "f1{}",
        "label_replace(up,\"a\",\"b\",\"c\",\".*\")",
        "1f1",
        "f\u{ff11}",
        "__name__ ",
        "",
    ];
    let labels = [
        json!({"namespace": "kube-system"}),
        json!({"pod": "other"}),
        json!({"__name__": "secret"}),
        json!({"a\"}": "b"}),
        json!({"a=\"b\",c": "d"}),
        json!({"a b": "c"}),
        json!({"": "b"}),
        json!({"a\n": "b"}),
    ];
    let named = names.map(|name| json!({"promQuery": {"metric": name}}));
    let labelled = labels.map(|labels| json!({"promQuery": {"metric": "f1", "labels": labels}}));
    of("PromQL", "/spec/metrics", named.into_iter().chain(labelled)).collect()
}

fn expressions() -> Vec<Hostile> {
    let bombs = [
        "f1=((((a{1000}){1000}){1000}){1000})".to_owned(),
        format!("f1=({})", "(a?){500}".repeat(100)),
        format!("f1=({}", "(".repeat(3000)),
        "f1=(\\p{L}{5000}{5000})".into(),
        "f1=(?=x)(.)".into(),
        "f1=(.)\\1".into(),
        "f1=(?<!a)(.)".into(),
        "f1=[0-9".into(),
        "no group".into(),
        "x".repeat(100_000),
    ];
    let logs = bombs.map(|bomb| json!({"logs": {"definitions": [{"name": "f1", "regex": bomb}]}}));
    of("regular expressions", "/spec/metrics", logs).collect()
}

fn sizes() -> Vec<Hostile> {
    let sized = |field, values: Vec<Value>| of("sizes", field, values);
    let endless: Vec<Value> = (0..5000).map(|i| json!({"name": format!("m{i}")})).collect();
    let parameter = |i| json!({"name": format!("p{i}"), "double": {"min": 0.0, "max": 1.0}});
    let many: Vec<Value> = (0..10_000).map(parameter).collect();
    let megabyte = "x".repeat(1_000_000);
    let mut all: Vec<Hostile> =
        sized("/spec/metrics", vec![json!({"logs": {"definitions": endless}})]).collect();
    for field in [
        "/spec/objective/metric",
        "/spec/trial/container/image",
        "/spec/trial/queueName",
        "/spec/trial/serviceAccountName",
        "/spec/trial/priorityClassName",
        "/spec/trial/runtimeClassName",
        "/spec/parameters/0/name",
    ] {
        all.extend(sized(field, vec![json!(megabyte)]));
    }
    let env = [
        json!([{"name": "A", "value": megabyte}]),
        json!([{"name": megabyte, "value": ""}]),
    ];
    all.extend(sized("/spec/trial/env", env.to_vec()));
    all.extend(sized(
        "/spec/trial/container/args",
        vec![json!(vec!["x"; 100_000])],
    ));
    all.extend(sized(
        "/spec/budget/maxTrials",
        vec![json!(u64::MAX), json!(-1), json!(1e300)],
    ));
    all.extend(sized(
        "/spec/budget/parallelTrials",
        vec![json!(4_000_000_000_u64), json!(0)],
    ));
    let parameters = [
        json!(many),
        json!([{"name": "a", "categorical": {"values": vec!["x"; 100_000]}}]),
        json!([{"name": "a", "double": {"min": f64::MIN, "max": f64::MAX}}]),
    ];
    all.extend(sized("/spec/parameters", parameters.to_vec()));
    all
}

fn control_characters() -> Vec<Hostile> {
    const FAMILY: &str = "control characters";
    let parameters = [
        "a\0",
        "a\nb",
        "a\u{1b}[2J",
        "a\u{202e}",
        "a b",
        "a=b",
        "$(a)",
        "../a",
        "a/b",
    ];
    let images = ["", " ", "a\nb", "a\0b", "a b", "\u{1b}[31mred"];
    let jobs = ["a\nb", "../a", "a/b", "A", "-a", "a_b", "\u{430}", "a\u{202e}b"];
    let variables = [
        "A=B",
        "A\0",
        "",
        "TUNING_PARAM_X",
        "TUNING_OUTPUT_DIR",
        "TUNING_CHECKPOINT_DIR",
    ];
    let env = variables.map(|name| json!([{"name": name, "value": "x"}]));
    texts(FAMILY, "/spec/parameters/0/name", &parameters)
        .chain(texts(FAMILY, "/spec/trial/container/image", &images))
        .chain(texts(FAMILY, "/metadata/name", &jobs))
        .chain(of(FAMILY, "/spec/trial/env", env))
        .collect()
}

fn volumes() -> Vec<Hostile> {
    let volumes = [
        json!({"name": "v", "mountPath": "/v", "hostPath": {"path": "/"}}),
        json!({"name": "v", "mountPath": "/v", "nfs": {"server": "evil.example", "path": "/"}}),
        json!({"name": "v", "mountPath": "/v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}),
        json!({"name": "v", "mountPath": "v", "emptyDir": {}}),
        json!({"name": "v", "emptyDir": {}}),
        json!({"name": "tuning-contract", "mountPath": "/v", "emptyDir": {}}),
        json!({"name": "v", "mountPath": "/v", "emptyDir": {}, "secret": {"secretName": "s"}}),
        json!({"name": "v", "mountPath": "/v", "persistentVolumeClaim": {"claimName": "other-namespace/claim"}}),
        json!({"name": "v", "mountPath": "/v", "secret": {"secretName": "kube-system/bootstrap-token"}}),
        json!({"name": "v", "mountPath": "/v", "configMap": {"name": "../kube-root-ca.crt"}}),
    ];
    of(
        "volumes",
        "/spec/trial/volumes",
        volumes.map(|volume| json!([volume])),
    )
    .collect()
}

fn elsewhere() -> Vec<Hostile> {
    const FAMILY: &str = "other namespaces' names";
    let mut all = Vec::new();
    for field in [
        "/spec/trial/serviceAccountName",
        "/spec/trial/queueName",
        "/spec/trial/priorityClassName",
        "/spec/trial/runtimeClassName",
    ] {
        all.extend(texts(
            FAMILY,
            field,
            &["kube-system/default", "a b", "a\n", "../x"],
        ));
    }
    all.extend(texts(
        FAMILY,
        "/spec/trial/checkpointVolume",
        &["none", "../x", ""],
    ));
    let selectors = [
        json!({"a": "b c"}),
        json!({"a/b/c": "d"}),
        json!({"": "x"}),
        json!({"a": "x".repeat(64)}),
    ];
    all.extend(of(FAMILY, "/spec/trial/nodeSelector", selectors));
    all
}

fn unknown_fields() -> Vec<Hostile> {
    let fields = [
        ("/spec/trial/hostNetwork", json!(true)),
        ("/spec/trial/hostPID", json!(true)),
        ("/spec/trial/privileged", json!(true)),
        ("/spec/trial/container/privileged", json!(true)),
        ("/spec/trial/podSpec", json!({"hostNetwork": true})),
        ("/spec/trial/podTemplate", json!({"spec": {}})),
        ("/spec/trial/container/lifecycle", json!({})),
        ("/spec/trial/nodeName", json!("node-1")),
        ("/spec/namespace", json!("kube-system")),
        ("/spec/trial/command", json!(["/bin/sh", "-c", "id"])),
        // What the fields that are there may not say.
        (
            "/spec/trial/containerSecurityContext",
            json!({"privileged": true}),
        ),
        (
            "/spec/trial/env",
            json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "../s", "key": "k"}}}]),
        ),
        (
            "/spec/trial/envFrom",
            json!([{"secretRef": {"name": "kube-system/s"}}]),
        ),
        (
            "/spec/trial/podLabels",
            json!({"tuning-operator.io/trial": "other-0001"}),
        ),
        ("/spec/trial/podLabels", json!({"a b": "c"})),
        (
            "/spec/trial/podAnnotations",
            json!({"tuning-operator.io/parameters": "{}"}),
        ),
        (
            "/spec/trial/initContainers",
            json!([{"name": "trial", "image": "x"}]),
        ),
        (
            "/spec/trial/initContainers",
            json!([{"name": "a", "image": "x", "securityContext": {"privileged": true}}]),
        ),
        (
            "/spec/trial/initContainers",
            json!([{"name": "a", "image": "x", "volumeMounts": [{"name": "none", "mountPath": "/v"}]}]),
        ),
    ];
    fields
        .into_iter()
        .flat_map(|(field, value)| of("powers", field, [value]))
        .collect()
}

impl Hostile {
    /// The manifest of this name with it.
    pub fn in_manifest(&self, mut manifest: Value) -> Value {
        let (parent, key) = self.field.rsplit_once('/').unwrap();
        let parent = manifest.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = self.value.clone(),
            parent => parent[key] = self.value.clone(),
        }
        manifest
    }

    /// In few words.
    pub fn label(&self) -> String {
        let value = self.value.to_string();
        let cut = value.floor_char_boundary(80);
        format!("{} = {}", self.field, &value[..cut])
    }
}
