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
    let mut all = Vec::new();
    let mut add = |family, field, values: Vec<Value>| {
        all.extend(values.into_iter().map(|value| Hostile { family, field, value }));
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
    let metrics = |kind: &str, field: &str, values: &[&str]| -> Vec<Value> {
        values.iter().map(|value| json!({kind: {field: value}})).collect()
    };
    let no_paths = [
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
    add("URLs", "/spec/metrics", metrics("prometheus", "path", &no_paths));
    let no_names = [
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
    add(
        "PromQL",
        "/spec/metrics",
        metrics("promQuery", "metric", &no_names),
    );
    let no_labels = [
        json!({"namespace": "kube-system"}),
        json!({"pod": "other"}),
        json!({"__name__": "secret"}),
        json!({"a\"}": "b"}),
        json!({"a=\"b\",c": "d"}),
        json!({"a b": "c"}),
        json!({"": "b"}),
        json!({"a\n": "b"}),
    ];
    let labelled = no_labels
        .iter()
        .map(|labels| json!({"promQuery": {"metric": "f1", "labels": labels}}));
    add("PromQL", "/spec/metrics", labelled.collect());
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
    let logs = bombs
        .iter()
        .map(|bomb| json!({"logs": {"definitions": [{"name": "f1", "regex": bomb}]}}));
    add("regular expressions", "/spec/metrics", logs.collect());
    let endless: Vec<Value> = (0..5000).map(|i| json!({"name": format!("m{i}")})).collect();
    add(
        "sizes",
        "/spec/metrics",
        vec![json!({"logs": {"definitions": endless}})],
    );

    let megabyte = "x".repeat(1_000_000);
    for field in [
        "/spec/objective/metric",
        "/spec/trial/container/image",
        "/spec/trial/queueName",
        "/spec/trial/serviceAccountName",
        "/spec/trial/priorityClassName",
        "/spec/trial/runtimeClassName",
        "/spec/parameters/0/name",
    ] {
        add("sizes", field, vec![json!(megabyte)]);
    }
    add(
        "sizes",
        "/spec/trial/env",
        vec![
            json!([{"name": "A", "value": megabyte}]),
            json!([{"name": megabyte, "value": ""}]),
        ],
    );
    add(
        "sizes",
        "/spec/trial/container/args",
        vec![json!(vec!["x"; 100_000])],
    );
    add(
        "sizes",
        "/spec/budget/maxTrials",
        vec![json!(u64::MAX), json!(-1), json!(1e300)],
    );
    add(
        "sizes",
        "/spec/budget/parallelTrials",
        vec![json!(4_000_000_000_u64), json!(0)],
    );
    add(
        "sizes",
        "/spec/parameters",
        vec![
            json!(
                (0..10_000)
                    .map(|i| json!({"name": format!("p{i}"), "double": {"min": 0.0, "max": 1.0}}))
                    .collect::<Vec<_>>()
            ),
            json!([{"name": "a", "categorical": {"values": vec!["x"; 100_000]}}]),
            json!([{"name": "a", "double": {"min": f64::MIN, "max": f64::MAX}}]),
        ],
    );

    add(
        "control characters",
        "/spec/parameters/0/name",
        texts(&[
            "a\0",
            "a\nb",
            "a\u{1b}[2J",
            "a\u{202e}",
            "a b",
            "a=b",
            "$(a)",
            "../a",
            "a/b",
        ]),
    );
    add(
        "control characters",
        "/spec/trial/container/image",
        texts(&["", " ", "a\nb", "a\0b", "a b", "\u{1b}[31mred"]),
    );
    add(
        "control characters",
        "/metadata/name",
        texts(&["a\nb", "../a", "a/b", "A", "-a", "a_b", "\u{430}", "a\u{202e}b"]),
    );
    let names = [
        "A=B",
        "A\0",
        "",
        "TUNING_PARAM_X",
        "TUNING_OUTPUT_DIR",
        "TUNING_CHECKPOINT_DIR",
    ];
    let env = names.iter().map(|name| json!([{"name": name, "value": "x"}]));
    add("control characters", "/spec/trial/env", env.collect());

    let hostile_volumes = [
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
    add(
        "volumes and namespaces",
        "/spec/trial/volumes",
        hostile_volumes.iter().map(|volume| json!([volume])).collect(),
    );
    for field in [
        "/spec/trial/serviceAccountName",
        "/spec/trial/queueName",
        "/spec/trial/priorityClassName",
        "/spec/trial/runtimeClassName",
    ] {
        add(
            "volumes and namespaces",
            field,
            texts(&["kube-system/default", "a b", "a\n", "../x"]),
        );
    }
    add(
        "volumes and namespaces",
        "/spec/trial/checkpointVolume",
        texts(&["none", "../x", ""]),
    );
    let selectors = [
        json!({"a": "b c"}),
        json!({"a/b/c": "d"}),
        json!({"": "x"}),
        json!({"a": "x".repeat(64)}),
    ];
    add(
        "volumes and namespaces",
        "/spec/trial/nodeSelector",
        selectors.to_vec(),
    );

    for (field, value) in [
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
    ] {
        add("fields that are not there", field, vec![value]);
    }
    all
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
