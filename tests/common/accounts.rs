//! Service accounts with tokens, to do what a program in a pod does.

use super::cluster::Space;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde_json::json;

/// A new service account's token; without an audience it is for the API server.
pub async fn token(space: &Space, account: &str, audience: Option<&str>) -> String {
    let api: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
    let params = PostParams::default();
    let object = serde_json::from_value(json!({"metadata": {"name": account}})).unwrap();
    api.create(&params, &object).await.unwrap();
    let audiences: Vec<&str> = audience.into_iter().collect();
    let request = json!({"metadata": {}, "spec": {"audiences": audiences, "expirationSeconds": 3600}});
    let request = serde_json::from_value(request).unwrap();
    let made = api
        .create_token_request(account, &params, &request)
        .await
        .unwrap();
    made.status.unwrap().token.unwrap()
}
