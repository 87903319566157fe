//! What a trial's pod asks for, as Kubernetes has it. Pure.

use crate::api::{Quantity, ResourceClaimSpec, Resources};
use k8s_openapi::api::core::v1::{PodResourceClaim, ResourceClaim, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use std::collections::BTreeMap;

/// A quantity as Kubernetes writes it.
pub fn quantity(quantity: &Quantity) -> KubeQuantity {
    match quantity {
        Quantity::Number(n) => KubeQuantity(n.to_string()),
        Quantity::Text(text) => KubeQuantity(text.clone()),
    }
}

/// What a container asks for.
pub fn resources(resources: &Resources) -> ResourceRequirements {
    let quantities = |list: &BTreeMap<String, Quantity>| {
        let all: BTreeMap<String, KubeQuantity> =
            list.iter().map(|(name, q)| (name.clone(), quantity(q))).collect();
        (!all.is_empty()).then_some(all)
    };
    let claims = resources.claims.iter().map(|used| ResourceClaim {
        name: used.name.clone(),
        request: used.request.clone(),
    });
    ResourceRequirements {
        limits: quantities(&resources.limits),
        requests: quantities(&resources.requests),
        claims: (!resources.claims.is_empty()).then(|| claims.collect()),
    }
}

/// The devices that a pod claims; `None` where there are none.
pub fn pod_claims(claims: &[ResourceClaimSpec]) -> Option<Vec<PodResourceClaim>> {
    let claim = |claim: &ResourceClaimSpec| PodResourceClaim {
        name: claim.name.clone(),
        resource_claim_name: claim.resource_claim_name.clone(),
        resource_claim_template_name: claim.resource_claim_template_name.clone(),
    };
    (!claims.is_empty()).then(|| claims.iter().map(claim).collect())
}
