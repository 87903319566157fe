//! To whom the Lease belongs: the operator's service account. Where a release is uninstalled, the account goes with it, and the garbage
//! collector then takes the Lease, which nobody else would.

use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use kube::api::{Api, PostParams};
use std::time::Duration;

/// How long to wait for the answer: whose the Lease is matters less than that somebody holds it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The service account as which a client works, if it is one of the Lease's namespace.
pub async fn owner(client: &Client, namespace: &str) -> Option<OwnerReference> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let asked = SelfSubjectReview::default();
    let answer = tokio::time::timeout(PATIENCE, reviews.create(&PostParams::default(), &asked)).await;
    match answer {
        Ok(Ok(answer)) => reference(&answer.status?.user_info?, namespace),
        Ok(Err(error)) => {
            tracing::debug!(%error, "who this is can't be asked: the Lease stays when the release is uninstalled");
            None
        }
        Err(_) => None,
    }
}

/// An owner has to be in the namespace of what it owns.
fn reference(user: &UserInfo, namespace: &str) -> Option<OwnerReference> {
    let account = user.username.as_ref()?.strip_prefix("system:serviceaccount:")?;
    let (its_namespace, name) = account.split_once(':')?;
    if its_namespace != namespace {
        return None;
    }
    Some(OwnerReference {
        api_version: "v1".into(),
        kind: "ServiceAccount".into(),
        name: name.to_owned(),
        uid: user.uid.clone().filter(|uid| !uid.is_empty())?,
        ..OwnerReference::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_account_beside_it_owns_the_lease() {
        let user = |name: &str, uid: &str| UserInfo {
            username: Some(name.into()),
            uid: Some(uid.into()),
            ..UserInfo::default()
        };
        let account = "system:serviceaccount:tuning:operator";
        let owner = reference(&user(account, "u-1"), "tuning").unwrap();
        assert_eq!((owner.name.as_str(), owner.uid.as_str()), ("operator", "u-1"));
        for (name, uid, namespace) in [
            (account, "u-1", "elsewhere"),
            (account, "", "tuning"),
            ("ada", "u-2", "tuning"),
        ] {
            assert_eq!(reference(&user(name, uid), namespace), None, "{name}");
        }
    }
}
