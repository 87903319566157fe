//! On which nodes may a trial's pod run? Pure.

use crate::api::TrialSpec;
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PreferredSchedulingTerm, Toleration,
};

/// The greatest weight that a preference can have.
const MAX_WEIGHT: i32 = 100;

/// A pod's affinity that prefers any node to these. Where there is no other one, they are tried again.
pub fn away_from(affinity: Option<Affinity>, nodes: &[String]) -> Option<Affinity> {
    if nodes.is_empty() {
        return affinity;
    }
    // One requirement for each: the API server accepts a single name in a requirement on a field. All of them have to hold.
    let other_than = |node: &String| NodeSelectorRequirement {
        key: "metadata.name".into(),
        operator: "NotIn".into(),
        values: Some(vec![node.clone()]),
    };
    let preference = PreferredSchedulingTerm {
        weight: MAX_WEIGHT,
        preference: NodeSelectorTerm {
            match_fields: Some(nodes.iter().map(other_than).collect()),
            match_expressions: None,
        },
    };
    let mut affinity = affinity.unwrap_or_default();
    let node_affinity = affinity.node_affinity.get_or_insert_with(NodeAffinity::default);
    node_affinity
        .preferred_during_scheduling_ignored_during_execution
        .get_or_insert_default()
        .push(preference);
    Some(affinity)
}

/// A manifest's affinity as Kubernetes knows it; the error is a sentence.
pub fn affinity(written: &crate::api::Affinity) -> Result<Affinity, String> {
    let written = serde_json::Value::Object(written.0.clone());
    let read: Affinity = serde_json::from_value(written.clone()).map_err(|e| e.to_string())?;
    // What was not understood is not there any more.
    match serde_json::to_value(&read) {
        Ok(again) if again == written => Ok(read),
        _ => Err(
            "has fields that no affinity of a pod has; kubectl explain pod.spec.affinity lists them".into(),
        ),
    }
}

/// The taints that a trial bears, as Kubernetes knows them.
pub fn tolerations(trial: &TrialSpec) -> Vec<Toleration> {
    // The variants are Kubernetes' own words.
    let toleration = |t: &crate::api::TolerationSpec| Toleration {
        key: t.key.clone(),
        operator: t.operator.as_ref().map(|o| format!("{o:?}")),
        value: t.value.clone(),
        effect: t.effect.as_ref().map(|e| format!("{e:?}")),
        toleration_seconds: t.toleration_seconds,
    };
    trial.tolerations.iter().map(toleration).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_the_manifest_asks_for_stays() {
        let own = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}});
        let own: Affinity = serde_json::from_value(own).unwrap();
        assert_eq!(away_from(Some(own.clone()), &[]), Some(own.clone()));
        assert_eq!(away_from(None, &[]), None);
        let both = away_from(Some(own), &["n1".into(), "n2".into()]);
        let both = serde_json::to_value(both).unwrap();
        let list = &both["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
        assert_eq!(list[0]["weight"], 1);
        let fields = &list[1]["preference"]["matchFields"];
        assert_eq!(
            fields[1],
            json!({"key": "metadata.name", "operator": "NotIn", "values": ["n2"]})
        );
    }

    #[test]
    fn an_affinity_with_fields_that_none_has_is_refused() {
        let read = |v: Value| affinity(&serde_json::from_value(v).unwrap());
        assert!(read(json!({"nodeAffinity": {}})).is_ok());
        assert!(
            read(json!({"nodeAfinity": {}}))
                .unwrap_err()
                .contains("kubectl explain")
        );
    }
}
