//! Does another operator look after the same jobs?
//!
//! Replicas of one release share a Lease, so of them one works. Operators with a Lease of their own work beside each other, which
//! is right where they look after different namespaces. Where they look after the same one both would decide on each job: their
//! writes exclude each other, so nothing is run twice, but where their settings differ they undo each other's work. Each of
//! them says so, because only a person knows which of the two is meant to go.

use super::lease::{LABEL, NAME, SCOPE_ANNOTATION};
use super::scope::Scope;
use super::settings::Candidate;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::{Client, Error, ResourceExt};
use std::collections::BTreeSet;
use std::time::Duration;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(60);
/// A Lease whose holder has renewed it within so many of its durations is held.
const PATIENCE: i64 = 4;

/// Looks for others again and again, and says of each once that it is there.
pub async fn watch(client: Client, own: Candidate) {
    let mut said = BTreeSet::new();
    loop {
        match leases(&client, &own).await {
            Ok(leases) => {
                let found = overlapping(&own, &leases, Timestamp::now());
                for sentence in found.difference(&said) {
                    tracing::warn!("{sentence}");
                }
                said = found;
            }
            Err(error) => tracing::debug!(%error, "the Leases of other operators could not be listed"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The Leases of all operators that can be seen. Who looks after some namespaces may be allowed to see no more than its own.
async fn leases(client: &Client, own: &Candidate) -> Result<Vec<Lease>, Error> {
    let params = ListParams::default().labels(&format!("{LABEL}={NAME}"));
    if own.scope.is_all()
        && let Ok(everywhere) = Api::<Lease>::all(client.clone()).list(&params).await
    {
        return Ok(everywhere.items);
    }
    let here: Api<Lease> = Api::namespaced(client.clone(), &own.namespace);
    Ok(here.list(&params).await?.items)
}

/// A sentence for each other operator at work that looks after a namespace which is also ours.
fn overlapping(own: &Candidate, leases: &[Lease], now: Timestamp) -> BTreeSet<String> {
    let others = leases.iter().filter(|lease| {
        let is_own = lease.namespace().as_ref() == Some(&own.namespace) && lease.name_any() == own.name;
        !is_own && is_held(lease, now)
    });
    let sentence = |lease: &Lease| {
        let theirs = lease.annotations().get(SCOPE_ANNOTATION);
        let theirs = Scope::from_annotation(theirs.map_or("", String::as_str));
        let shared = own.scope.shared(&theirs)?;
        Some(format!(
            "two operators look after {shared}: this one and the holder of Lease {}/{}; let each look after namespaces of its own \
             (--namespace, the chart's namespaces), or uninstall one",
            lease.namespace().unwrap_or_default(),
            lease.name_any()
        ))
    };
    others.filter_map(sentence).collect()
}

/// Whether somebody holds it, as far as clocks can be believed: a wrong one costs a warning, no more.
pub fn is_held(lease: &Lease, now: Timestamp) -> bool {
    let Some(spec) = &lease.spec else { return false };
    let has_holder = spec.holder_identity.as_ref().is_some_and(|h| !h.is_empty());
    let duration = i64::from(spec.lease_duration_seconds.unwrap_or(15));
    let renewed = spec.renew_time.as_ref().map(|t| t.0);
    has_holder && renewed.is_some_and(|at| now.duration_since(at).as_secs() <= PATIENCE * duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn candidate(scope: Option<&str>) -> Candidate {
        Candidate {
            namespace: "tuning".into(),
            name: "ours".into(),
            scope: Scope::from_annotation(scope.unwrap_or_default()),
            identity: "a".into(),
            duration: Duration::from_secs(15),
        }
    }

    fn lease(name: &str, scope: &str, holder: &str, renewed: &str) -> Lease {
        let lease = json!({
            "metadata": {"name": name, "namespace": "tuning", "annotations": {SCOPE_ANNOTATION: scope}},
            "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15},
        });
        serde_json::from_value(lease).unwrap()
    }

    fn said(own: Option<&str>, lease: Lease) -> Option<String> {
        overlapping(&candidate(own), &[lease], NOW.parse().unwrap()).pop_first()
    }

    #[test]
    fn who_looks_after_the_same_namespace_is_named() {
        let recent = "2026-01-01T00:00:55.000000Z";
        for (own, theirs, shared) in [
            (None, "", "every namespace"),
            (Some("a"), "", "namespace a"),
            (None, "a", "namespace a"),
            (Some("a"), "a", "namespace a"),
            (Some("a,b,c"), "b,c", "namespaces b, c"),
        ] {
            let said = said(own, lease("theirs", theirs, "b", recent)).unwrap();
            assert!(
                said.starts_with(&format!("two operators look after {shared}: "))
                    && said.contains("tuning/theirs"),
                "{said}"
            );
        }
        assert_eq!(said(Some("a"), lease("theirs", "b", "b", recent)), None);
    }

    #[test]
    fn neither_oneself_nor_who_is_gone_is_another() {
        let recent = "2026-01-01T00:00:55.000000Z";
        assert_eq!(said(None, lease("ours", "", "b", recent)), None);
        assert_eq!(said(None, lease("theirs", "", "", recent)), None);
        let old = "2025-12-31T23:00:00.000000Z";
        assert_eq!(said(None, lease("theirs", "", "b", old)), None);
    }
}
