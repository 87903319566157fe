//! What the operator must be allowed to do in each namespace that it looks after, and whether it is.

use super::scope::Place;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};

/// Some verbs on one kind of object.
pub struct Right {
    group: &'static str,
    /// The kind in the plural; a part of it after a slash.
    resource: &'static str,
    verbs: &'static [&'static str],
}

const fn right(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right {
        group,
        resource,
        verbs,
    }
}

/// Everything that the operator does in a namespace of TuningJobs: the rules of the chart's role.
pub const RIGHTS: [Right; 11] = [
    right(
        "tuning-operator.io",
        "tuningjobs",
        &["list", "watch", "patch", "delete"],
    ),
    right(
        "tuning-operator.io",
        "trials",
        &["get", "list", "watch", "create", "patch"],
    ),
    right("tuning-operator.io", "tuningjobs/status", &["update"]),
    right("tuning-operator.io", "trials/status", &["update"]),
    right("batch", "jobs", &["list", "watch", "create", "delete"]),
    right("", "pods", &["list", "watch", "delete"]),
    right("", "pods/log", &["get"]),
    right("events.k8s.io", "events", &["create", "patch"]),
    right("", "events", &["list"]),
    right("kueue.x-k8s.io", "workloads", &["list"]),
    // Of a namespace's own Leases and, for who looks after all namespaces, of all.
    right("coordination.k8s.io", "leases", &["list"]),
];

/// What is asked of the API server: each verb on each kind.
fn questions(place: &Place) -> Vec<ResourceAttributes> {
    let of = |right: &'static Right| {
        let (resource, part) = right.resource.split_once('/').unwrap_or((right.resource, ""));
        right.verbs.iter().map(move |verb| ResourceAttributes {
            group: Some(right.group.into()),
            resource: Some(resource.into()),
            subresource: (!part.is_empty()).then(|| part.into()),
            verb: Some((*verb).into()),
            namespace: place.clone(),
            ..ResourceAttributes::default()
        })
    };
    // Leases of other namespaces are not the business of who looks after a few.
    let wanted = |right: &&Right| place.is_none() || right.resource != "leases";
    RIGHTS.iter().filter(wanted).flat_map(of).collect()
}

/// How many rights there must be, and those that are missing, as `list pods`.
pub async fn missing(client: &Client, place: &Place) -> Result<(usize, Vec<String>), kube::Error> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let questions = questions(place);
    let n = questions.len();
    let mut missing = Vec::new();
    for attributes in questions {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes.clone()),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = reviews.create(&PostParams::default(), &review).await?;
        if !answer.status.is_some_and(|status| status.allowed) {
            missing.push(sentence(&attributes));
        }
    }
    Ok((n, missing))
}

fn sentence(asked: &ResourceAttributes) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let part = asked
        .subresource
        .as_ref()
        .map_or(String::new(), |part| format!("/{part}"));
    let group = asked.group.as_ref().filter(|group| !group.is_empty());
    let group = group.map_or(String::new(), |group| format!(".{group}"));
    format!("{} {}{group}{part}", text(&asked.verb), text(&asked.resource))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// The rules of the chart's first role, those of all namespaces included.
    fn chart() -> BTreeSet<String> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/charts/tuning-operator/templates/rbac.yaml"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let first = text.split("\n---").next().unwrap();
        let rules: Vec<&str> = first.lines().filter(|line| line.starts_with("  - {")).collect();
        let rules: Vec<Value> = serde_saphyr::from_str(&rules.join("\n")).unwrap();
        let words = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        let mut all = BTreeSet::new();
        for rule in &rules {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    all.insert(format!("{verb} {} {resource}", words(&rule["apiGroups"])[0]));
                }
            }
        }
        all
    }

    #[test]
    fn they_are_those_of_the_charts_role() {
        let of = |right: &Right| {
            let (group, resource) = (right.group, right.resource);
            right
                .verbs
                .iter()
                .map(move |verb| format!("{verb} {group} {resource}"))
        };
        let ours: BTreeSet<String> = RIGHTS.iter().flat_map(of).collect();
        assert_eq!(ours, chart());
    }

    #[test]
    fn a_missing_one_is_said_as_kubectl_says_it() {
        let all: Vec<String> = questions(&Some("a".into())).iter().map(sentence).collect();
        assert!(
            all.contains(&"update trials.tuning-operator.io/status".into()),
            "{all:?}"
        );
        assert!(all.contains(&"get pods/log".into()), "{all:?}");
        assert!(!all.iter().any(|said| said.contains("leases")), "{all:?}");
        assert_eq!(questions(&None).len(), all.len() + 1);
    }
}
