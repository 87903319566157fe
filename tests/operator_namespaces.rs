//! An operator for a list of namespaces, with the chart's Role in each and nothing else.
#![cfg(feature = "operator")]

#[path = "common/accounts.rs"]
mod accounts;
#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Space, block_on, f1, manifest, until};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding};
use kube::api::{Api, DeleteParams, PostParams};
use kube::config::AuthInfo;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;
use tuning_operator::operator::{Candidate, Scope};

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
    bind(space, namespace, "operator").await;
}

/// The service account of `space` has a Role of `namespace`.
async fn bind(space: &Space, namespace: &str, role: &str) {
    let binding = json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": space.name}],
    });
    let binding: RoleBinding = serde_json::from_value(binding).unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(space.client.clone(), namespace);
    bindings.create(&PostParams::default(), &binding).await.unwrap();
}

/// Operators of this space reach the API server as a service account of it, with this token.
async fn as_service_account(space: &mut Space) -> String {
    let token = accounts::token(space, "operator", None).await;
    space.config.auth_info = AuthInfo {
        token: Some(token.clone().into()),
        ..AuthInfo::default()
    };
    token
}

/// The operator's own Lease is in `space`, and so is the Role for it.
async fn may_hold_a_lease(space: &Space) {
    let role = json!({
        "metadata": {"name": "lease"},
        "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "list", "get", "update"]}],
    });
    let roles: Api<Role> = Api::namespaced(space.client.clone(), &space.name);
    roles
        .create(&PostParams::default(), &serde_json::from_value(role).unwrap())
        .await
        .unwrap();
    bind(space, &space.name, "lease").await;
}

fn candidate(space: &Space) -> Option<Candidate> {
    Some(Candidate {
        namespace: space.name.clone(),
        name: "tuner".into(),
        scope: space.scope.clone(),
        identity: "one".into(),
        duration: Duration::from_secs(15),
    })
}

/// What `tuning-operator check` finds with the operator's own token, and whether all is well.
fn check(space: &Space, token: &str) -> (bool, String) {
    let text = std::fs::read_to_string(Space::kubeconfig()).unwrap();
    let mut kubeconfig: Value = serde_saphyr::from_str(&text).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": token});
    let path = std::env::temp_dir().join(format!("kubeconfig-{}", std::process::id()));
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tuning-operator"))
        .args([
            "check",
            "--lease-name=tuner",
            "--lease-namespace",
            &space.name,
            "--namespace",
        ])
        .arg(space.scope.annotation())
        .env("KUBECONFIG", &path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
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

fn check_names_what_is_missing(space: &Space, token: &str) {
    let (well, said) = check(space, token);
    assert!(!well, "{said}");
    for line in [
        "ok      CRDs: TuningJob and Trial are served",
        "FAILED  rights in namespace names-later: 23 of 23 are missing: list tuningjobs.tuning-operator.io, ",
        "ok      rights in namespace names-other: all 23",
        "ok      Lease names-one/tuner: one looks after namespaces names-later, names-one, names-other",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

async fn check_finds_all(space: &Space, token: &str) {
    let (well, said) = check(space, token);
    assert!(well, "{said}");
    let leases: Api<Lease> = Api::namespaced(space.client.clone(), &space.name);
    let owners = leases
        .get("tuner")
        .await
        .unwrap()
        .metadata
        .owner_references
        .unwrap();
    let owners: Vec<_> = owners
        .iter()
        .map(|o| (o.kind.as_str(), o.name.as_str()))
        .collect();
    assert_eq!(
        owners,
        [("ServiceAccount", "operator")],
        "it would outlive its release"
    );
}

#[test]
fn one_without_a_role_is_named_and_keeps_no_other_waiting() {
    block_on(async {
        let (mut one, other) = (Space::new("names-one").await, Space::new("names-other").await);
        let later = Space::new("names-later").await;
        let token = as_service_account(&mut one).await;
        one.scope = Scope::of([&one, &other, &later].map(|space| space.name.clone()));
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        one.listen = Some(free);
        for space in [&one, &other] {
            may_work_in(&one, &space.name).await;
        }
        may_hold_a_lease(&one).await;
        let players = [&one, &other, &later].map(|space| space.play(|_, rate, _| Play::reports(f1(rate))));
        // Jobs of one name, in namespaces with and without an operator that may see them.
        for space in [&one, &other, &later] {
            space.apply(&manifest("job", 3, 1)).await.unwrap();
        }
        let operator = one.operator_with(usize::MAX, candidate(&one));
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
        check_names_what_is_missing(&one, &token);
        may_work_in(&one, &later.name).await;
        later.complete("job").await;
        until("it is ready", async || readiness(free).ends_with("ok")).await;
        check_finds_all(&one, &token).await;

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
