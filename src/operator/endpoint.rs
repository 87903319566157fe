//! The metrics page of a running pod, asked once.

use super::trouble::{Kind, Trouble, causes};
use crate::metrics::{self, Exposition};
use crate::shell;
use std::net::IpAddr;
use std::time::Duration;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a page is not, whatever can be read in it.
const OTHER_CONTENT: [&str; 4] = [
    "text/html",
    "application/json",
    "application/xhtml+xml",
    "application/vnd.google.protobuf",
];

/// Where a pod's page is, at whatever address the pod has.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Port of the endpoint.
    pub port: u16,
    /// Path of the page.
    pub path: String,
}

/// A client for pods' pages, each of which is read at this interval. It speaks no TLS, so it needs no certificates, and is
/// never sent elsewhere.
pub fn client(interval: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        // Over a connection that waits for longer its pod is not asked any more.
        .pool_idle_timeout(2 * interval)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
}

impl Endpoint {
    /// What the page says now.
    ///
    /// # Errors
    /// Why it can't be read.
    pub async fn page(&self, http: &reqwest::Client, ip: IpAddr) -> Result<Exposition, Trouble> {
        let host = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let url = format!("http://{host}:{}{}", self.port, self.path);
        let failed = |error: reqwest::Error| self.failed(&error);
        let response = http.get(url).send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            let why = format!("the answer is {status}: is its path spec.metrics.prometheus.path?");
            return Err(self.trouble(Kind::HttpStatus, &why));
        }
        let content = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content = content.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content.split(';').next().unwrap_or_default().trim().to_owned();
        if let Some(other) = OTHER_CONTENT.iter().find(|o| o.eq_ignore_ascii_case(&media_type)) {
            return Err(self.not_metrics(&format!("the answer is {other}")));
        }
        let body = shell::body(response, metrics::MAX_EXPOSITION_BYTES)
            .await
            .map_err(failed)?;
        let body = body.ok_or_else(|| {
            let max = metrics::MAX_EXPOSITION_BYTES >> 20;
            let why = format!("it is longer than {max} MiB: serve fewer series");
            self.trouble(Kind::TooLong, &why)
        })?;
        let page = metrics::parse(&body);
        let page = page.map_err(|why| self.trouble(Kind::TooLong, &why.to_string()))?;
        if page.samples().is_empty() && page.n_malformed() > 0 {
            return Err(self.not_metrics("no line of it is a sample"));
        }
        Ok(page)
    }

    fn not_metrics(&self, what: &str) -> Trouble {
        let why = format!("{what}: the program has to serve the Prometheus text format there");
        self.trouble(Kind::NotMetrics, &why)
    }

    fn failed(&self, error: &reqwest::Error) -> Trouble {
        let is_refused = causes(error)
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .any(|cause| cause.kind() == std::io::ErrorKind::ConnectionRefused);
        if is_refused {
            let why = "the connection is refused: the program has to listen on all addresses (0.0.0.0), at the port of \
                       spec.metrics.prometheus.port";
            return self.trouble(Kind::ConnectionRefused, why);
        }
        if error.is_timeout() {
            let why = format!(
                "no answer within {} s: see whether a NetworkPolicy keeps the operator's pods out, and whether the program is too \
                 busy to answer",
                TIMEOUT.as_secs()
            );
            return self.trouble(Kind::Timeout, &why);
        }
        // Only the last cause: those before may name the address.
        let cause = causes(error).last().map(ToString::to_string);
        self.trouble(Kind::Unreachable, &cause.unwrap_or_default())
    }

    /// What may be a secret in the path, its query, stays out of it.
    fn trouble(&self, kind: Kind, why: &str) -> Trouble {
        let path = self.path.split(['?', '#']).next().unwrap_or_default();
        let port = self.port;
        Trouble {
            kind,
            sentence: format!("its metrics page (port {port}, path {path}) can't be read: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
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
                Some(
                    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".into(),
                ),
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
}
