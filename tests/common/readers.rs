//! Those who read an operator's metrics over HTTPS: certificates, service accounts with tokens and rights, a client.

use super::cluster::{Space, within};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, PostParams};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Child;

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tuning-metrics-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Puts a certificate for 127.0.0.1 here; the answer is the authority that vouches for it, as PEM.
    pub fn certify(&self) -> String {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let (key, params) = (
            KeyPair::generate().unwrap(),
            CertificateParams::new(vec!["127.0.0.1".into()]),
        );
        let certificate = params.unwrap().signed_by(&key, &authority).unwrap();
        self.write("tls.crt", &certificate.pem());
        self.write("tls.key", &key.serialize_pem());
        authority.pem()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Binds a ClusterRole to a service account under this name.
pub async fn bind(space: &Space, role: &str, account: &str) -> String {
    let name = format!("{}-{account}", space.name);
    let binding: ClusterRoleBinding = from(json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": space.name}]}));
    let api = Api::all(space.client.clone());
    api.create(&PostParams::default(), &binding).await.unwrap();
    name
}

/// Makes a ClusterRole of the chart's template under a name of the test's own: its rules are those that begin so.
pub async fn role_of_the_chart(space: &Space, name: &str, rules_begin: &str) -> String {
    let template = include_str!("../../charts/tuning-operator/templates/metricsroles.yaml");
    let lines = template.lines().filter_map(|line| line.strip_prefix("  - "));
    let rules = lines.filter(|line| line.starts_with(rules_begin));
    let rules: Vec<Value> = rules.map(|rule| serde_saphyr::from_str(rule).unwrap()).collect();
    assert!(
        !rules.is_empty(),
        "the chart has no rule that begins with {rules_begin}"
    );
    let name = format!("{}-{name}", space.name);
    let role: ClusterRole = from(json!({"metadata": {"name": name}, "rules": rules}));
    let api = Api::all(space.client.clone());
    api.create(&PostParams::default(), &role).await.unwrap();
    name
}

/// Lets a service account get /metrics, as the chart's ClusterRole for readers does.
pub async fn let_read(space: &Space, account: &str) -> String {
    let role = role_of_the_chart(space, "metrics-reader", "{nonResourceURLs: ").await;
    bind(space, &role, account).await
}

/// A client that believes this authority alone.
#[derive(Clone)]
pub struct Reader {
    pub http: reqwest::Client,
    pub url: String,
}

impl Reader {
    pub fn new(port: u16, ca: &str) -> Self {
        let ca = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
        Self {
            http: http.build().unwrap(),
            url: format!("https://127.0.0.1:{port}/metrics"),
        }
    }

    /// Status and text; `None` where there is no connection.
    pub async fn get(&self, token: Option<&str>) -> Option<(u16, String)> {
        let request = self.http.get(&self.url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    pub async fn until(&self, status: u16, token: &str) {
        within(30, &format!("the answer is {status}"), async || {
            self.get(Some(token))
                .await
                .is_some_and(|(said, _)| said == status)
        })
        .await;
    }
}

/// A program that ends with the test.
pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
