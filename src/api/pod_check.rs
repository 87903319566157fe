//! What a schema can't see about a trial's pod: keys of labels and annotations, and which claims are used.

use super::fault::{Fault, exactly_one};
use super::{Resources, TrialSpec};
use std::collections::BTreeMap;

/// Keys that say whose a pod is: the tuner's own, and the Job controller's.
const OWN_PREFIXES: [&str; 2] = ["tuning-operator.io", "batch.kubernetes.io"];
const OWN_LABELS: [&str; 3] = ["app.kubernetes.io/managed-by", "controller-uid", "job-name"];
/// Labels by which Kueue would take the pod, and not its Job, for what it admits.
const QUEUE_PREFIX: &str = "kueue.x-k8s.io";

/// Adds a fault for everything about the pod that Kubernetes, or the tuner, would not have.
pub(super) fn check_pod(trial: &TrialSpec, faults: &mut Vec<Fault>) {
    check_labels(&trial.pod_labels, faults);
    check_annotations(&trial.pod_annotations, faults);
    for (i, claim) in trial.resource_claims.iter().enumerate() {
        let path = format!("spec.trial.resourceClaims[{i}]");
        let kinds = [
            ("resourceClaimName", claim.resource_claim_name.is_some()),
            (
                "resourceClaimTemplateName",
                claim.resource_claim_template_name.is_some(),
            ),
        ];
        exactly_one(&path, &kinds, faults);
        if !is_name(&claim.name) {
            faults.push(no_name(format!("{path}.name"), &claim.name));
        }
        if trial.resource_claims[..i].iter().any(|c| c.name == claim.name) {
            let message = format!("{:?} is the name of an earlier claim", claim.name);
            faults.push(Fault::new(format!("{path}.name"), message));
        }
    }
    check_claims("spec.trial.resources", trial.resources.as_ref(), trial, faults);
}

/// Adds a fault for each claim that a container uses and its pod does not have.
pub(super) fn check_claims(
    path: &str,
    resources: Option<&Resources>,
    trial: &TrialSpec,
    faults: &mut Vec<Fault>,
) {
    for (i, used) in resources.into_iter().flat_map(|r| &r.claims).enumerate() {
        if !trial.resource_claims.iter().any(|c| c.name == used.name) {
            let message = format!("{:?} is no claim of spec.trial.resourceClaims", used.name);
            faults.push(Fault::new(format!("{path}.claims[{i}].name"), message));
        }
    }
}

fn check_labels(labels: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    for (key, value) in labels {
        let path = format!("spec.trial.podLabels[{key:?}]");
        if let Some(mut fault) = key_fault(&path, key) {
            if prefix(key) == Some(QUEUE_PREFIX) {
                fault.message += ": queueName and queuePriorityClassName are the fields for it";
            }
            faults.push(fault);
        } else if !(value.is_empty() || value.len() <= 63 && is_qualified(value)) {
            let message = format!(
                "{value:?} is no value of a label: letters, digits, '-', '_' and '.', at most 63, the first and the last a letter or digit"
            );
            faults.push(Fault::new(path, message));
        }
    }
}

fn check_annotations(annotations: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    for key in annotations.keys() {
        let path = format!("spec.trial.podAnnotations[{key:?}]");
        // Kueue's annotations are wishes of the pod's, such as for a topology.
        faults.extend(key_fault(&path, key).filter(|_| prefix(key) != Some(QUEUE_PREFIX)));
    }
}

fn key_fault(path: &str, key: &str) -> Option<Fault> {
    let domain = prefix(key);
    if OWN_LABELS.contains(&key) || domain.is_some_and(|d| OWN_PREFIXES.contains(&d) || d == QUEUE_PREFIX) {
        return Some(Fault::new(
            path,
            "is not a person's to set: it says whose the pod is",
        ));
    }
    let name = key.split_once('/').map_or(key, |(_, name)| name);
    let is_sound = domain.is_none_or(|d| d.len() <= 253 && !d.is_empty() && d.split('.').all(is_name))
        && (1..=63).contains(&name.len())
        && is_qualified(name);
    (!is_sound).then(|| {
        let message =
            "is no key: write NAME or DOMAIN/NAME, the name of letters, digits, '-', '_' and '.', at most 63";
        Fault::new(path, message)
    })
}

fn prefix(key: &str) -> Option<&str> {
    key.split_once('/').map(|(domain, _)| domain)
}

fn is_qualified(text: &str) -> bool {
    let at_ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    at_ends(text.chars().next())
        && at_ends(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Whether something in a pod may be called so.
pub(super) fn is_name(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(sound) && name.ends_with(sound) && name.chars().all(|c| sound(c) || c == '-')
}

/// What is said of a name that nothing in a pod may have.
pub(super) fn no_name(path: String, name: &str) -> Fault {
    let message = format!("{name:?}: use lower-case letters, digits and '-', no '-' at either end");
    Fault::new(path, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults(trial: Value) -> Vec<String> {
        let mut faults = Vec::new();
        check_pod(&serde_json::from_value(trial).unwrap(), &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_says_whose_a_pod_is_is_nobodys_to_set() {
        for key in [
            "tuning-operator.io/trial",
            "batch.kubernetes.io/job-name",
            "job-name",
            "app.kubernetes.io/managed-by",
        ] {
            for field in ["podLabels", "podAnnotations"] {
                let found = faults(json!({field: {key: "x"}}));
                let place = format!("spec.trial.{field}[{key:?}]: is not a person's to set");
                assert!(found.len() == 1 && found[0].starts_with(&place), "{found:?}");
            }
        }
        let found = faults(json!({"podLabels": {"kueue.x-k8s.io/queue-name": "q"}}));
        assert!(found[0].contains("queueName"), "{found:?}");
        let wish = json!({"kueue.x-k8s.io/podset-preferred-topology": "rack"});
        assert_eq!(faults(json!({"podAnnotations": wish})), [""; 0]);
    }

    #[test]
    fn keys_and_values_are_what_kubernetes_takes() {
        let long = "x".repeat(64);
        for (labels, is_sound) in [
            (
                json!({"team": "nlp", "example.org/cost": "", "a.b_c-d": "1.5"}),
                true,
            ),
            (json!({"": "x"}), false),
            (json!({"a b": "x"}), false),
            (json!({"/a": "x"}), false),
            (json!({"Example.org/a": "x"}), false),
            (json!({"a/b/c": "x"}), false),
            (json!({"a": "two words"}), false),
            (json!({"a": long}), false),
        ] {
            let found = faults(json!({"podLabels": labels}));
            assert_eq!(found.is_empty(), is_sound, "{labels}: {found:?}");
        }
    }

    #[test]
    fn a_claim_is_there_once_and_used_by_its_name() {
        let claim = json!({"name": "gpu", "resourceClaimTemplateName": "t"});
        for (trial, says) in [
            (
                json!({"resourceClaims": [{"name": "gpu"}]}),
                "spec.trial.resourceClaims[0]: says nothing",
            ),
            (
                json!({"resourceClaims": [claim, claim]}),
                "spec.trial.resourceClaims[1].name: \"gpu\" is the name of an earlier claim",
            ),
            (
                json!({"resourceClaims": [claim], "resources": {"claims": [{"name": "gpus"}]}}),
                "spec.trial.resources.claims[0].name: \"gpus\" is no claim",
            ),
        ] {
            let found = faults(trial);
            assert!(
                found.len() == 1 && found[0].starts_with(says),
                "{says}: {found:?}"
            );
        }
    }
}
