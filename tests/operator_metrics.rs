//! /metrics over HTTPS: who gets the page, on a real API server with real service accounts, and by a real Prometheus.
#![cfg(feature = "operator")]

#[path = "common/accounts.rs"]
mod accounts;
#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/readers.rs"]
mod readers;

use accounts::token;
use cluster::{Operator, Space, block_on, until};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, DeleteParams};
use readers::{Folder, Program, Reader, bind, free_port, let_read, role_of_the_chart};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tuning_operator::operator::SecureMetrics;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tuning-operator");
/// How long permissions and refusals hold here.
const HOLDS: Duration = Duration::from_secs(2);

/// A namespace whose operators serve their metrics at this port.
async fn space(name: &str, folder: &Folder) -> (Space, u16) {
    let (mut space, port) = (Space::new(name).await, free_port());
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let mut secure = SecureMetrics::new(address, Some(folder.0.clone())).unwrap();
    (secure.allowed_for, secure.refused_for) = (HOLDS, Duration::from_millis(200));
    space.secure_metrics = Some(secure);
    (space, port)
}

fn reviews(operator: &Operator) -> usize {
    operator
        .log()
        .iter()
        .filter(|line| line.ends_with("/tokenreviews"))
        .count()
}

#[test]
fn who_may_get_the_page_is_the_api_servers_to_say() {
    block_on(async {
        let folder = Folder::new("access");
        let ca = folder.certify();
        let (space, port) = space("metrics-access", &folder).await;
        let reader = Reader::new(port, &ca);
        let operator = space.operator();
        let prometheus = token(&space, "prometheus", None).await;
        let for_another = token(&space, "for-another", Some("vault")).await;
        reader.until(403, &prometheus).await;
        let binding = let_read(&space, "prometheus").await;
        reader.until(200, &prometheus).await;
        let (_, page) = reader.get(Some(&prometheus)).await.unwrap();
        assert!(page.contains("\ntuning_operator_leader "), "{page}");
        let (claims, signature) = prometheus.rsplit_once('.').unwrap();
        let forged = format!("{claims}.{}", signature.chars().rev().collect::<String>());
        for stranger in [
            None,
            Some("nobody"),
            Some(forged.as_str()),
            Some(for_another.as_str()),
        ] {
            let (status, text) = reader.get(stranger).await.unwrap();
            assert_eq!(status, 401, "{stranger:?}: {text}");
            assert!(!text.contains("tuning_operator_leader"));
        }
        let (begin, before) = (Instant::now(), reviews(&operator));
        assert!(before > 0, "no review is seen here");
        for _ in 0..50 {
            assert_eq!(reader.get(Some(&prometheus)).await.unwrap().0, 200);
        }
        let asked = reviews(&operator) - before;
        let most = 1 + begin.elapsed().as_secs() / HOLDS.as_secs();
        assert!(
            asked as u64 <= most,
            "50 requests with one token made {asked} reviews"
        );
        // A permission that is taken back ends.
        let bindings: Api<ClusterRoleBinding> = Api::all(space.client.clone());
        let taken = DeleteParams::default();
        bindings.delete(&binding, &taken).await.unwrap();
        reader.until(403, &prometheus).await;
        let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
        accounts.delete("prometheus", &taken).await.unwrap();
        reader.until(401, &prometheus).await;
    });
}

#[test]
fn nobody_is_let_in_while_the_api_server_does_not_answer() {
    block_on(async {
        let folder = Folder::new("cut-off");
        let ca = folder.certify();
        let (space, port) = space("metrics-cut-off", &folder).await;
        let (reader, cut) = (Reader::new(port, &ca), Arc::new(AtomicBool::new(false)));
        let prometheus = token(&space, "prometheus", None).await;
        let_read(&space, "prometheus").await;
        let _operator = space.operator_cut_off_by(cut.clone(), None);
        reader.until(200, &prometheus).await;
        cut.store(true, Ordering::SeqCst);
        tokio::time::sleep(HOLDS).await;
        let both = tokio::join!(reader.get(Some(&prometheus)), reader.get(Some("nobody")));
        for (status, text) in [both.0.unwrap(), both.1.unwrap()] {
            assert_eq!(status, 500, "{text}");
            assert!(text.starts_with("the API server can't be asked"), "{text}");
        }
        assert_eq!(
            reader.get(None).await.unwrap().0,
            401,
            "nobody need be asked about that"
        );
        cut.store(false, Ordering::SeqCst);
        reader.until(200, &prometheus).await;
    });
}

#[test]
fn a_certificate_that_is_replaced_is_shown_to_the_next_who_comes() {
    block_on(async {
        let folder = Folder::new("replaced");
        let first = folder.certify();
        let (space, port) = space("metrics-replaced", &folder).await;
        let _operator = space.operator();
        let before = Reader::new(port, &first);
        before.until(401, "nobody").await;
        let after = Reader::new(port, &folder.certify());
        assert_eq!(after.get(None).await.unwrap().0, 401);
        assert_eq!(
            before.get(None).await,
            None,
            "the old authority vouches for nothing any more"
        );
    });
}

#[test]
fn the_rights_of_the_charts_role_or_of_system_auth_delegator_suffice_and_without_them_nobody_is_let_in() {
    block_on(async {
        for name in ["metrics-chart", "metrics-delegator"] {
            let folder = Folder::new(name);
            let ca = folder.certify();
            let (mut space, port) = space(name, &folder).await;
            let prometheus = token(&space, "prometheus", None).await;
            let_read(&space, "prometheus").await;
            let me = format!("system:serviceaccount:{name}:operator");
            space.config.auth_info.impersonate = Some(me);
            let _operator = space.operator();
            let reader = Reader::new(port, &ca);
            reader.until(500, &prometheus).await;
            let role = match name {
                "metrics-chart" => role_of_the_chart(&space, "metrics-auth", "{apiGroups: ").await,
                _ => "system:auth-delegator".into(),
            };
            bind(&space, &role, "operator").await;
            reader.until(200, &prometheus).await;
        }
    });
}

/// Runs at this port until the test ends.
fn prometheus_server(config: &Path, folder: &Folder, port: u16) -> Program {
    let data = folder.0.join("data");
    let program = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error")
        .stdin(Stdio::null())
        .spawn();
    Program(program.unwrap())
}

#[test]
fn a_real_prometheus_scrapes_with_a_token_and_without_one_it_does_not() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        eprintln!("NOT CHECKED: there is no prometheus (Debian: apt-get install prometheus)");
        return;
    }
    block_on(async {
        let folder = Folder::new("prometheus");
        let ca = folder.certify();
        let (space, port) = space("metrics-prometheus", &folder).await;
        let _operator = space.operator();
        let prometheus = token(&space, "prometheus", None).await;
        let_read(&space, "prometheus").await;
        Reader::new(port, &ca).until(200, &prometheus).await;
        let (ca, credentials) = (folder.write("ca.crt", &ca), folder.write("token", &prometheus));
        let target = json!([{"targets": [format!("127.0.0.1:{port}")]}]);
        let scrape = |name, more: Value| {
            let mut config = json!({"job_name": name, "scheme": "https", "static_configs": target,
                "tls_config": {"ca_file": ca}});
            config
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            config
        };
        let known = json!({"authorization": {"credentials_file": credentials}});
        // JSON is YAML.
        let config = json!({"global": {"scrape_interval": "1s"},
            "scrape_configs": [scrape("known", known), scrape("unknown", json!({}))]});
        let config = folder.write("prometheus.yml", &config.to_string());
        let web = free_port();
        let _server = prometheus_server(&config, &folder, web);
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let value = async |query: &str| {
            let url = format!("http://127.0.0.1:{web}/api/v1/query");
            let url = reqwest::Url::parse_with_params(&url, [("query", query)]).unwrap();
            let answer = http.get(url).send().await.ok()?;
            let answer: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
            answer["data"]["result"][0]["value"][1]
                .as_str()
                .map(str::to_owned)
        };
        until("it scrapes", async || {
            value("up{job=\"known\"}").await.as_deref() == Some("1")
        })
        .await;
        until("it has tried", async || {
            value("up{job=\"unknown\"}").await.is_some()
        })
        .await;
        assert_eq!(value("up{job=\"unknown\"}").await.as_deref(), Some("0"));
        assert_eq!(value("count(tuning_operator_leader)").await.as_deref(), Some("1"));
    });
}

#[test]
fn the_program_names_the_flag_and_the_file_that_are_wrong() {
    let wrong = Command::new(PROGRAM)
        .args(["run", "--metrics-listen=127.0.0.1:0"])
        .arg("--metrics-certificates=/does/not/exist")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&wrong.stderr);
    let begins = "tuning-operator: --metrics-certificates: /does/not/exist/tls.crt can't be read";
    assert!(said.starts_with(begins), "{said}");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_program_serves_metrics_over_https_alone() {
    block_on(async {
        let (space, secure, plain) = (Space::new("metrics-program").await, free_port(), free_port());
        let log = Folder::new("program");
        let program = Command::new(PROGRAM)
            .arg("run")
            .arg(format!("--namespace={}", space.name))
            .arg(format!("--listen=127.0.0.1:{plain}"))
            .arg(format!("--metrics-listen=127.0.0.1:{secure}"))
            .env("KUBECONFIG", Space::kubeconfig())
            .stderr(std::fs::File::create(log.0.join("log")).unwrap())
            .spawn();
        let _program = Program(program.unwrap());
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_danger_accept_invalid_certs(true);
        let http = http.build().unwrap();
        let get = async |url: String| {
            let response = http.get(url).send().await.ok()?;
            Some((response.status().as_u16(), response.text().await.ok()?))
        };
        until("it is ready", async || {
            get(format!("http://127.0.0.1:{plain}/readyz"))
                .await
                .is_some_and(|(status, _)| status == 200)
        })
        .await;
        let why = format!("/metrics is served over HTTPS, at port {secure}\n");
        assert_eq!(
            get(format!("http://127.0.0.1:{plain}/metrics")).await,
            Some((404, why))
        );
        // Its certificate is its own.
        let reader = Reader {
            http: http.clone(),
            url: format!("https://127.0.0.1:{secure}/metrics"),
        };
        let prometheus = token(&space, "prometheus", None).await;
        assert_eq!(reader.get(None).await.unwrap().0, 401);
        reader.until(403, &prometheus).await;
        let_read(&space, "prometheus").await;
        reader.until(200, &prometheus).await;
        let text = std::fs::read_to_string(log.0.join("log")).unwrap();
        assert!(
            !text.contains(&prometheus) && text.contains("may not get /metrics"),
            "{text}"
        );
    });
}
