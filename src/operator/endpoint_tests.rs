//! Unit tests of `endpoint`.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What becomes of one question that gets this answer; without one, the connection stays open.
async fn asked(answer: Option<String>) -> Result<Exposition, Trouble> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        match answer {
            Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
            None => std::future::pending().await,
        }
    });
    let endpoint = Endpoint {
        port,
        path: "/metrics?token=secret".into(),
    };
    let page = endpoint
        .page(&client(Duration::from_secs(1)).unwrap(), [127, 0, 0, 1].into())
        .await;
    server.abort();
    page
}

fn ok(content: &str, body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

#[tokio::test]
async fn every_failure_is_said_in_its_own_words() {
    let long = format!("{}\n", "a".repeat(metrics::MAX_EXPOSITION_BYTES));
    let cases = [
        (None, Kind::Timeout, "NetworkPolicy"),
        (
            Some("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into()),
            Kind::HttpStatus,
            "404 Not Found",
        ),
        (
            Some("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".into()),
            Kind::HttpStatus,
            "302",
        ),
        (
            ok("text/html; charset=utf-8", "<html>\nf1 0.5\n"),
            Kind::NotMetrics,
            "text/html",
        ),
        (
            ok("text/plain", "it works\nreally well\n"),
            Kind::NotMetrics,
            "no line",
        ),
        (ok("text/plain", &long), Kind::TooLong, "1 MiB"),
        (
            Some("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nf1".into()),
            Kind::Unreachable,
            "",
        ),
    ];
    for (answer, kind, says) in cases {
        let trouble = asked(answer).await.unwrap_err();
        assert_eq!(trouble.kind, kind, "{trouble:?}");
        let sentence = &trouble.sentence;
        assert!(
            sentence.contains(says) && sentence.contains("path /metrics)"),
            "{sentence}"
        );
        assert!(
            !sentence.contains("secret") && !sentence.contains("127.0.0.1"),
            "{sentence}"
        );
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoint = Endpoint {
        port: closed.port(),
        path: "/metrics".into(),
    };
    let trouble = endpoint
        .page(&client(Duration::from_secs(1)).unwrap(), closed.ip())
        .await
        .unwrap_err();
    assert_eq!(trouble.kind, Kind::ConnectionRefused);
    assert!(trouble.sentence.contains("0.0.0.0"), "{}", trouble.sentence);
}

#[tokio::test]
async fn a_page_is_read_whatever_it_is_called_and_an_empty_one_is_none_to_complain_of() {
    for content in ["text/plain; version=0.0.4", "application/openmetrics-text", ""] {
        let page = asked(ok(content, "f1 0.5\nnonsense\n")).await.unwrap();
        assert_eq!(page.value("f1", &[]), Some(0.5));
    }
    assert!(asked(ok("text/plain", "# nothing yet\n")).await.is_ok());
}

/// What a manifest may hold as a path (it begins with a slash, api::check) and a page's address is made of.
const HOSTILE_PATHS: [&str; 40] = [
    "/",
    "//",
    "//evil.example/metrics",
    "///evil.example",
    "/@evil.example",
    "/@evil.example:80/metrics",
    "/:80@evil.example/",
    "/.evil.example",
    "/\\evil.example\\x",
    "/\\\\evil.example",
    "/%2f%2fevil.example",
    "/%40evil.example",
    "/..",
    "/../../../etc/passwd",
    "/%2e%2e/%2e%2e/",
    "/..%2f..%2f",
    "/metrics\r\nHost: evil.example",
    "/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /",
    "/metrics\nX: y",
    "/\t@evil.example",
    "/\0",
    "/metrics\0.evil.example",
    "/#@evil.example",
    "/#//evil.example",
    "/?@evil.example",
    "/?url=http://169.254.169.254/latest/meta-data",
    "/http://169.254.169.254/",
    "/https:evil.example",
    "/file:///etc/shadow",
    "/\u{ff0f}\u{ff0f}evil.example",
    "/\u{202e}elpmaxe.live",
    "/\u{2100}evil",
    "/[::1]/",
    "/]evil",
    "/%",
    "/%zz",
    "/%00",
    "/$(params.x)",
    "/{}",
    "/\u{7f}",
];

#[test]
fn no_path_leads_to_another_host() {
    let addresses: [IpAddr; 2] = ["10.1.2.3".parse().unwrap(), "fd00::7".parse().unwrap()];
    for path in HOSTILE_PATHS {
        let endpoint = Endpoint {
            port: 9090,
            path: path.into(),
        };
        for ip in addresses {
            // What can't be parsed is not asked for.
            let Ok(url) = reqwest::Url::parse(&endpoint.url(ip)) else {
                continue;
            };
            let host = url.host_str().unwrap().trim_matches(['[', ']']).parse::<IpAddr>();
            assert_eq!(
                (url.scheme(), host, url.port()),
                ("http", Ok(ip), Some(9090)),
                "{path:?}"
            );
            assert!(url.username().is_empty() && url.password().is_none(), "{path:?}");
            let line = format!("{}{}", url.path(), url.query().unwrap_or_default());
            assert!(line.chars().all(|c| c.is_ascii_graphic()), "{path:?}: {line:?}");
        }
    }
}
