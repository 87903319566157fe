//! The CRDs: the schemas of the API's types, with what types can't say.

use crate::api::{Trial, TuningJob};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

/// A rule in CEL: where it stands (`[]` for the items of a list), what must hold, and the sentence for whoever breaks it.
type Rule = (&'static str, &'static str, &'static str);

/// Rules for TuningJobs. They stand here and not beside their fields: the types are the same without kube, whose derive would be needed.
const RULES: &[Rule] = &[
    (
        "spec/parameters[]",
        "[has(self.double), has(self.integer), has(self.categorical), has(self.discrete)].filter(x, x).size() == 1",
        "give exactly one of double, integer, categorical, discrete",
    ),
    (
        "spec/parameters[]/double",
        "self.min < self.max",
        "min must be below max",
    ),
    (
        "spec/parameters[]/double",
        "!has(self.scale) || self.scale != 'Log' || self.min > 0.0",
        "a Log scale needs min above 0",
    ),
    (
        "spec/parameters[]/double",
        "!has(self.scale) || self.scale != 'ReverseLog' || (self.min >= 0.0 && self.max < 1.0)",
        "a ReverseLog scale needs 0 <= min and max < 1",
    ),
    (
        "spec/parameters[]/integer",
        "self.min < self.max",
        "min must be below max",
    ),
    (
        "spec/parameters[]/integer",
        "!has(self.scale) || self.scale != 'Log' || self.min > 0",
        "a Log scale needs min above 0",
    ),
    (
        "spec/parameters[]/integer",
        "!has(self.scale) || self.scale != 'ReverseLog'",
        "an integer's scale is Linear or Log",
    ),
    (
        "spec/parameters[]/integer",
        "!has(self.step) || self.step > 0",
        "step must be above 0",
    ),
    (
        "spec/strategy",
        "[has(self.bayesian), has(self.random), has(self.sobol), has(self.grid), has(self.hyperband), has(self.asha)].filter(x, x).size() == 1",
        "give exactly one of bayesian, random, sobol, grid, hyperband, asha",
    ),
    (
        "spec/trial",
        "!has(self.command)",
        "command runs programs of one machine: on a cluster use container",
    ),
    (
        "spec/trial",
        "[has(self.bert), has(self.container), has(self.sagemaker)].filter(x, x).size() == 1",
        "give exactly one of bert, container and sagemaker",
    ),
    (
        "spec/trial/bert",
        "!has(self.learningRate) || self.learningRate > 0.0",
        "learningRate must be above 0",
    ),
    (
        "spec/trial/bert",
        "(!has(self.dropout) || self.dropout < 1.0) && (!has(self.labelSmoothing) || self.labelSmoothing < 1.0)",
        "dropout and labelSmoothing must be below 1",
    ),
    (
        "spec/trial/bert",
        "self.task != 'squad' || !has(self.maxLength) || self.maxLength >= 100",
        "squad needs a maxLength of at least 100",
    ),
    (
        "spec/trial/bert",
        "!has(self.warmupRatio) || !has(self.warmupSteps)",
        "warmupRatio and warmupSteps both say how long the warm-up is: remove one of them",
    ),
    (
        "spec/trial/bert",
        "!(self.task in ['squad', 'stsb']) || (!has(self.labelSmoothing) && !has(self.classWeights))",
        "labelSmoothing and classWeights are for tasks with classes: remove them",
    ),
    (
        "spec/trial/volumes[]",
        "[has(self.persistentVolumeClaim), has(self.configMap), has(self.secret), has(self.emptyDir)].filter(x, x).size() == 1",
        "give exactly one of persistentVolumeClaim, configMap, secret, emptyDir",
    ),
    (
        "spec/trial/volumes[]",
        "!has(self.mountPath) || self.mountPath.startsWith('/')",
        "mountPath must begin with /",
    ),
    (
        "spec/metrics",
        "[has(self.prometheus), has(self.promQuery), has(self.logs)].filter(x, x).size() == 1",
        "give exactly one of prometheus, promQuery and logs",
    ),
    (
        "spec/metrics/prometheus",
        "!has(self.path) || self.path.startsWith('/')",
        "path must begin with /",
    ),
    (
        "spec",
        "!has(self.earlyStopping) || !has(self.strategy) || !has(self.strategy.hyperband)",
        "hyperband stops trials by itself: remove earlyStopping, or choose another strategy",
    ),
    (
        "spec",
        "!has(self.earlyStopping) || !has(self.strategy) || !has(self.strategy.asha)",
        "asha stops trials by itself: remove earlyStopping, or choose another strategy",
    ),
    (
        "spec",
        "self.parameters == oldSelf.parameters",
        "parameters can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "self.trial == oldSelf.trial",
        "trial can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "has(self.strategy) == has(oldSelf.strategy) && (!has(self.strategy) || self.strategy == oldSelf.strategy)",
        "strategy can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "has(self.metrics) == has(oldSelf.metrics) && (!has(self.metrics) || self.metrics == oldSelf.metrics)",
        "metrics can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "has(self.warmStart) == has(oldSelf.warmStart) && (!has(self.warmStart) || self.warmStart == oldSelf.warmStart)",
        "warmStart can't change once the job exists: start another job",
    ),
    (
        "spec/objective",
        "self.metric == oldSelf.metric && self.goal == oldSelf.goal",
        "metric and goal can't change once the job exists: start another job for another question",
    ),
    (
        "spec/objective",
        "has(self.value) == has(oldSelf.value) && (!has(self.value) || self.value == oldSelf.value)",
        "value can't change once the job exists: start another job for another question",
    ),
    (
        "spec/budget",
        "self.maxTrials >= oldSelf.maxTrials",
        "maxTrials may grow, not shrink",
    ),
    (
        "spec/budget",
        "!has(self.maxFailedTrials) || has(oldSelf.maxFailedTrials) && self.maxFailedTrials >= oldSelf.maxFailedTrials",
        "maxFailedTrials may grow, not shrink",
    ),
    (
        "spec/budget",
        "!has(self.maxTrialsWithoutImprovement) || has(oldSelf.maxTrialsWithoutImprovement) && self.maxTrialsWithoutImprovement >= oldSelf.maxTrialsWithoutImprovement",
        "maxTrialsWithoutImprovement may grow, not shrink",
    ),
    (
        "spec/budget",
        "!has(self.maxGpuHours) || has(oldSelf.maxGpuHours) && self.maxGpuHours >= oldSelf.maxGpuHours",
        "maxGpuHours may grow, not shrink",
    ),
];

/// Rules for Trials.
const TRIAL_RULES: &[Rule] = &[
    (
        "spec",
        "self == oldSelf",
        "a trial's spec never changes: make another trial",
    ),
    (
        "",
        "has(self.spec.index) == has(self.spec.why) && has(self.spec.index) == self.metadata.name.matches('-[0-9]{4,}$')",
        "leave out index and why, and give a name that does not end in - and four digits: those are the operator's",
    ),
    (
        "",
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name: use lower-case letters, digits and '-', a letter first, at most 63 characters",
    ),
];

type Column = (&'static str, &'static str, &'static str, i32);

const COLUMNS: &[Column] = &[
    ("Phase", "string", ".status.phase", 0),
    ("Trials", "string", ".status.progress", 0),
    ("Running", "integer", ".status.trials.running", 0),
    ("Failed", "integer", ".status.trials.failed", 1),
    ("Best", "string", ".status.best.valueText", 0),
    ("Best-Point", "string", ".status.best.point", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", ".status.message", 1),
];

const TRIAL_COLUMNS: &[Column] = &[
    ("Phase", "string", ".status.phase", 0),
    ("Value", "string", ".status.valueText", 0),
    ("Point", "string", ".status.point", 0),
    ("Step", "integer", ".status.step", 0),
    ("Attempts", "integer", ".status.attempts", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", ".status.message", 1),
];

/// Both CRDs, as `crds/` and the chart have them.
pub fn crds() -> [CustomResourceDefinition; 2] {
    [
        finish(TuningJob::crd(), COLUMNS, RULES),
        finish(Trial::crd(), TRIAL_COLUMNS, TRIAL_RULES),
    ]
}

fn finish(crd: CustomResourceDefinition, columns: &[Column], rules: &[Rule]) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(&crd).unwrap_or_default();
    if let Some(schema) = value.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        for rule in rules {
            add_rule(schema, rule);
        }
        if let Some(parameters) = schema
            .pointer_mut("/properties/spec/properties/parameters")
            .filter(|p| p["type"] == "array")
        {
            parameters["x-kubernetes-list-type"] = json!("map");
            parameters["x-kubernetes-list-map-keys"] = json!(["name"]);
        }
        tidy(schema);
    }
    let mut crd: CustomResourceDefinition = serde_json::from_value(value).unwrap_or(crd);
    let column = |(name, type_, path, priority): &Column| CustomResourceColumnDefinition {
        name: (*name).into(),
        type_: (*type_).into(),
        json_path: (*path).into(),
        priority: (*priority > 0).then_some(*priority),
        ..CustomResourceColumnDefinition::default()
    };
    if let Some(version) = crd.spec.versions.first_mut() {
        version.additional_printer_columns = Some(columns.iter().map(column).collect());
    }
    crd
}

fn add_rule(schema: &mut Value, (path, rule, message): &Rule) {
    let mut at = schema;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        at = &mut at["properties"][part.trim_end_matches("[]")];
        if part.ends_with("[]") {
            at = &mut at["items"];
        }
    }
    debug_assert!(at.is_object(), "{path}");
    let rule = json!({"rule": rule, "message": message});
    match at["x-kubernetes-validations"].as_array_mut() {
        Some(rules) => rules.push(rule),
        None => at["x-kubernetes-validations"] = json!([rule]),
    }
}

/// Formats that Kubernetes does not know, and bounds for texts and lists without any, which CEL's budget needs.
fn tidy(schema: &mut Value) {
    if let Some(map) = schema.as_object_mut() {
        if map
            .get("format")
            .is_some_and(|f| f.as_str().is_some_and(|f| f.starts_with("uint")))
        {
            map.remove("format");
        }
        // A default written into the spec by the server is one that Git does not have.
        if map
            .get("default")
            .is_some_and(|d| !d.is_object() || d.get("type").is_none())
        {
            map.remove("default");
        }
        let kind = map
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if kind == "string"
            && !map.contains_key("maxLength")
            && !map.contains_key("enum")
            && !map.contains_key("format")
        {
            map.insert("maxLength".into(), json!(4096));
        }
        if kind == "array" && !map.contains_key("maxItems") {
            map.insert("maxItems".into(), json!(100));
        }
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(tidy),
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
