//! Real TLS on this machine, with a certificate authority of the test's own.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A Prometheus server that wants TLS and this token.
struct Server {
    url: Url,
    /// The authority that vouches for it, as PEM.
    ca: String,
    token: Arc<Mutex<&'static str>>,
    asked: Arc<Mutex<Vec<String>>>,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

async fn server() -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (authority, key) = (authority(), KeyPair::generate().unwrap());
    let params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        url: format!("https://{}/prefix/", listener.local_addr().unwrap())
            .parse()
            .unwrap(),
        ca: authority.pem(),
        token: Arc::new(Mutex::new("first")),
        asked: Arc::default(),
    };
    let (token, asked) = (server.token.clone(), server.asked.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Who does not believe the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = vec![0; 8192];
            let n = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..n]).into_owned();
            let wanted = format!("authorization: bearer {}\r\n", token.lock().unwrap());
            let (code, body) = match request.to_lowercase().contains(&wanted) {
                true => (
                    "200 OK",
                    r#"{"status": "success", "data": {"result": [{"values": [[1700000000, "0.5"], [1700000009, "0.75"]]}]}}"#,
                ),
                false => ("401 Unauthorized", "<html>who are you?</html>"),
            };
            asked.lock().unwrap().push(request);
            let answer = format!(
                "HTTP/1.1 {code}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    server
}

/// A file of the test's own, which goes with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tuning-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn ask(server: &PrometheusServer) -> Result<ReportedMetrics, NoAnswer> {
    let question = RangeQuery {
        selector: "{__name__=\"f1\"}".into(),
        since: Timestamp::from_second(1_700_000_000).unwrap(),
    };
    let until = Timestamp::from_second(1_700_000_010).unwrap();
    server.ask(&question, "f1", until, Duration::from_secs(5)).await
}

#[tokio::test]
async fn a_server_behind_tls_is_asked_with_the_token_that_its_file_has_now() {
    let server = server().await;
    let ca = File::new("ca-good", &server.ca);
    let token = File::new("token-good", "first\n");
    let client = PrometheusServer::new(server.url.clone(), Some(&ca.0), Some(token.0.clone())).unwrap();
    let heard = ask(&client).await.unwrap();
    assert_eq!(
        (heard.metrics["f1"], heard.points),
        (0.75, vec![(0, 0.5), (9, 0.75)])
    );
    let request = server.asked.lock().unwrap()[0].clone();
    assert!(
        request.starts_with("GET /prefix/api/v1/query_range?query="),
        "{request}"
    );

    // The token is replaced, first on the server's side.
    *server.token.lock().unwrap() = "second";
    let Err(NoAnswer::Unreachable(why)) = ask(&client).await else {
        panic!("the old token does")
    };
    assert!(
        why.contains("401") && why.contains("--prometheus-token-file"),
        "{why}"
    );
    assert!(!why.contains("first") && !format!("{client:?}").contains("first"));
    std::fs::write(&token.0, "second").unwrap();
    assert_eq!(ask(&client).await.unwrap().metrics["f1"], 0.75);

    std::fs::write(&token.0, "").unwrap();
    let n = server.asked.lock().unwrap().len();
    assert!(matches!(ask(&client).await, Err(NoAnswer::Unreachable(why)) if why.contains("is empty")));
    assert_eq!(
        server.asked.lock().unwrap().len(),
        n,
        "nobody is asked without a token"
    );
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_told_nothing() {
    let server = server().await;
    let token = File::new("token-unsent", "first");
    let other = File::new("ca-other", &authority().pem());
    // The system's authorities do not know it either.
    for ca in [Some(other.0.as_path()), None] {
        let client = PrometheusServer::new(server.url.clone(), ca, Some(token.0.clone())).unwrap();
        let Err(NoAnswer::Unreachable(why)) = ask(&client).await else {
            panic!("it is believed")
        };
        assert!(why.contains("certificate"), "{why}");
    }
    assert_eq!(server.asked.lock().unwrap().len(), 0);
}

#[test]
fn what_cannot_work_is_refused_by_the_name_of_its_flag() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (empty, text) = (File::new("empty", ""), File::new("text", "not a certificate"));
    let broken = File::new(
        "broken",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let (missing, token) = (PathBuf::from("/does/not/exist"), File::new("token", "t"));
    let (secure, plain) = ("https://prometheus.example", "http://prometheus.example");
    let cases: [(&str, Option<&Path>, Option<&Path>, &str); 9] = [
        (
            "ftp://prometheus.example",
            None,
            None,
            "--prometheus-url: it begins with ftp:",
        ),
        (
            secure,
            Some(&missing),
            None,
            "--prometheus-ca-file: /does/not/exist can't be read",
        ),
        (secure, Some(&empty.0), None, "--prometheus-ca-file: "),
        (secure, Some(&text.0), None, "--prometheus-ca-file: "),
        (secure, Some(&broken.0), None, "--prometheus-ca-file: "),
        (
            plain,
            Some(&text.0),
            None,
            "--prometheus-ca-file: --prometheus-url is not https",
        ),
        (
            secure,
            None,
            Some(&missing),
            "--prometheus-token-file: /does/not/exist can't be read",
        ),
        (secure, None, Some(&empty.0), "--prometheus-token-file: "),
        (
            plain,
            None,
            Some(&token.0),
            "--prometheus-token-file: whoever is on the way",
        ),
    ];
    for (url, ca, token, says) in cases {
        let refused = PrometheusServer::new(url.parse().unwrap(), ca, token.map(Path::to_owned));
        let why = refused.map(drop).unwrap_err();
        assert!(why.starts_with(says), "{url} {ca:?}: {why}");
    }
    // Beside the operator, in its own pod, nobody is on the way.
    for url in [
        "http://localhost:9090",
        "http://127.0.0.1:9090",
        "http://[::1]:9090",
    ] {
        PrometheusServer::new(url.parse().unwrap(), None, Some(token.0.clone())).unwrap();
    }
    PrometheusServer::new(plain.parse().unwrap(), None, None).unwrap();
}

#[test]
fn times_that_cannot_be_are_no_steps() {
    let points = [
        (100.0, 0.1),
        (160.0, 0.2),
        (1e300, 0.3),
        (f64::NAN, 0.4),
        (-1e300, 0.5),
    ];
    let heard = heard_of(&points, "f1", 100.0);
    assert_eq!(heard.points, [(0, 0.1), (60, 0.2), (0, 0.4), (0, 0.5)]);
    assert_eq!(heard.metrics["f1"], 0.5);
}
