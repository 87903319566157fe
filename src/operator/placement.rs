//! On which nodes may a trial's pod run? Pure.

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PreferredSchedulingTerm,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
}
