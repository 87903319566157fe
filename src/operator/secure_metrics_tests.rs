//! Real TLS on this machine, with an API server that is played: it allows the token `reader` and nobody else.

use super::*;
use http::Method;
use kube::client::Body;
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio_rustls::TlsConnector;

/// An endpoint with a certificate of its own, where the page is `the page`.
async fn endpoint() -> SocketAddr {
    let _ = default_provider().install_default();
    let api = tower::service_fn(|request: Request<Body>| async move {
        let is_token = request.uri().path().ends_with("/tokenreviews");
        let body = request.into_body().collect_bytes().await.unwrap();
        let asked: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let status = if is_token {
            let name = asked["spec"]["token"].as_str().unwrap();
            json!({"authenticated": name != "stranger", "user": {"username": name}})
        } else {
            json!({"allowed": asked["spec"]["user"] == "reader"})
        };
        let body = json!({"metadata": {}, "spec": asked["spec"], "status": status}).to_string();
        Ok::<_, Infallible>(Response::new(Body::from(body.into_bytes())))
    });
    let settings = SecureMetrics::new("127.0.0.1:0".parse().unwrap(), None).unwrap();
    let client = kube::Client::new(api, "default");
    start(&settings, client, || "the page".into()).await.unwrap()
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true);
    builder.build().unwrap()
}

/// Status, what else a client goes by, and the text.
async fn ask(address: SocketAddr, method: Method, path: &str, token: &str) -> (u16, String, String) {
    let url = format!("https://{address}{path}");
    let request = client().request(method, url).header("authorization", token);
    let response = request.send().await.unwrap();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
    let heading = header("www-authenticate")
        .or(header("allow"))
        .or(header("content-type"));
    let (status, heading) = (response.status().as_u16(), heading.unwrap().to_owned());
    (status, heading, response.text().await.unwrap())
}

#[tokio::test]
async fn the_page_is_for_whom_the_api_server_allows_and_nobody_else() {
    let address = endpoint().await;
    let answer = ask(address, Method::GET, "/metrics", "Bearer reader").await;
    assert_eq!(answer, (200, PAGE.into(), "the page".into()));
    let answer = ask(address, Method::HEAD, "/metrics?a=b", "Bearer reader").await;
    assert_eq!(answer, (200, PAGE.into(), String::new()));
    let plain = "text/plain; charset=utf-8";
    for (method, path, token, status, heading) in [
        (Method::GET, "/metrics", "Bearer stranger", 401, "Bearer"),
        (Method::GET, "/metrics", "Basic cmVhZGVyOg==", 401, "Bearer"),
        (Method::GET, "/metrics", "", 401, "Bearer"),
        (Method::HEAD, "/metrics", "", 401, "Bearer"),
        (Method::GET, "/metrics", "Bearer somebody", 403, plain),
        (Method::POST, "/metrics", "Bearer reader", 405, "GET, HEAD"),
        (Method::GET, "/", "Bearer reader", 404, plain),
        (Method::GET, "/metrics/", "Bearer reader", 404, plain),
        (Method::GET, "/healthz", "Bearer reader", 404, plain),
    ] {
        let case = format!("{method} {path} {token}");
        let (said, head, text) = ask(address, method, path, token).await;
        assert_eq!((said, head.as_str()), (status, heading), "{case}");
        assert!(!text.contains("the page"), "{case}");
    }
    let (_, _, why) = ask(address, Method::GET, "/metrics", "Bearer somebody").await;
    assert!(why.starts_with("somebody may not get /metrics"), "{why}");
}

#[tokio::test]
async fn who_is_silent_or_broken_holds_nobody() {
    let address = endpoint().await;
    // More than there is room for, each in the middle of something.
    let mut silent = Vec::new();
    for i in 0..2 * MAX_CLIENTS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let beginning: &[u8] = match i % 4 {
            0 => b"",
            1 => b"\x16",
            2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            _ => &[0xff; 64],
        };
        let _ = stream.write_all(beginning).await;
        silent.push(stream);
    }
    let asked = ask(address, Method::GET, "/metrics", "Bearer reader");
    let answer = timeout(Duration::from_secs(3), asked).await.unwrap();
    assert_eq!(answer.0, 200);
}

#[tokio::test]
async fn who_speaks_in_the_clear_is_told_so() {
    let address = endpoint().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer reader\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 400 ") && answer.ends_with("this port speaks HTTPS\n"));
    assert_eq!(
        ask(address, Method::GET, "/metrics", "Bearer reader").await.0,
        200
    );
}

#[tokio::test]
async fn a_head_without_an_end_is_not_read_to_it() {
    let address = endpoint().await;
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let verifier = Arc::new(Anybody);
    config.dangerous().set_certificate_verifier(verifier);
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    let header = format!("A: {}\r\n", "a".repeat(1000));
    let mut sent = 0;
    while sent < 1000 && stream.write_all(header.as_bytes()).await.is_ok() {
        sent += 1;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(
        sent < 1000 || answer.starts_with(b"HTTP/1.1 431 "),
        "all of a megabyte was taken"
    );
    assert_eq!(
        ask(address, Method::GET, "/metrics", "Bearer reader").await.0,
        200
    );
}

/// Believes any certificate.
#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
