//! An operator for a list of namespaces, with the chart's Role in each and nothing else.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Space, block_on, f1, manifest, until};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding};
use kube::api::{Api, DeleteParams, PostParams};
use kube::config::AuthInfo;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use tuning_operator::operator::Scope;

/// The rules of the chart's Role: what its template says before any branch.
fn rules() -> Vec<PolicyRule> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/charts/tuning-operator/templates/rbac.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let rules: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "rules:")
        .skip(1)
        .take_while(|line| !line.contains("{{"))
        .collect();
    let rules: Vec<PolicyRule> = serde_saphyr::from_str(&rules.join("\n")).unwrap();
    assert!(rules.len() > 5, "{rules:?}");
    rules
}

/// The service account of `space` may work in `namespace`, as the chart has it.
async fn may_work_in(space: &Space, namespace: &str) {
    let role: Role =
        serde_json::from_value(json!({"metadata": {"name": "operator"}, "rules": rules()})).unwrap();
    let roles: Api<Role> = Api::namespaced(space.client.clone(), namespace);
    roles.create(&PostParams::default(), &role).await.unwrap();
    let binding = json!({
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": space.name}],
    });
    let binding: RoleBinding = serde_json::from_value(binding).unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(space.client.clone(), namespace);
    bindings.create(&PostParams::default(), &binding).await.unwrap();
}

/// Operators of this space reach the API server as a service account of it.
async fn as_service_account(space: &mut Space) {
    let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
    let account = serde_json::from_value(json!({"metadata": {"name": "operator"}})).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let asked = TokenRequest::default();
    let answer = accounts
        .create_token_request("operator", &PostParams::default(), &asked)
        .await
        .unwrap();
    space.config.auth_info = AuthInfo {
        token: answer.status.unwrap().token.map(Into::into),
        ..AuthInfo::default()
    };
}

/// What `/readyz` says.
fn readiness(address: SocketAddr) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let asks = b"GET /readyz HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let _ = stream
        .write_all(asks)
        .and_then(|()| stream.read_to_string(&mut answer));
    answer
}

#[test]
fn one_without_a_role_is_named_and_keeps_no_other_waiting() {
    block_on(async {
        let (mut one, other) = (Space::new("names-one").await, Space::new("names-other").await);
        let later = Space::new("names-later").await;
        as_service_account(&mut one).await;
        one.scope = Scope::of([&one, &other, &later].map(|space| space.name.clone()));
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        one.listen = Some(free);
        for space in [&one, &other] {
            may_work_in(&one, &space.name).await;
        }
        let players = [&one, &other, &later].map(|space| space.play(|_, rate, _| Play::reports(f1(rate))));
        // Jobs of one name, in namespaces with and without an operator that may see them.
        for space in [&one, &other, &later] {
            space.apply(&manifest("job", 3, 1)).await.unwrap();
        }
        let operator = one.operator();
        for space in [&one, &other] {
            space.complete("job").await;
        }
        let said = readiness(free);
        assert!(
            said.contains("503")
                && said.ends_with(
                    "not everything is listed yet of namespace names-later (Jobs, Pods, Trials, TuningJobs)"
                ),
            "{said}"
        );
        assert!(
            later.sorted_trials().await.is_empty(),
            "it works where it has no role"
        );
        may_work_in(&one, &later.name).await;
        later.complete("job").await;
        until("it is ready", async || readiness(free).ends_with("ok")).await;

        // Each of the copies forgets what is gone, and nothing else.
        for space in [&one, &other] {
            space
                .jobs()
                .delete("job", &DeleteParams::default())
                .await
                .unwrap();
        }
        one.apply(&manifest("next", 2, 1)).await.unwrap();
        one.complete("next").await;
        assert_eq!(later.sorted_trials().await.len(), 3);
        let pods = players.map(|player| player.pods());
        assert_eq!(pods, [5, 3, 3], "a trial ran twice: {:#?}", operator.log());
    });
}
