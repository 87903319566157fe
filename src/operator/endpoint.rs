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
        let failed = |error: reqwest::Error| self.failed(&error);
        let response = http.get(self.url(ip)).send().await.map_err(failed)?;
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

    /// Its address. The path begins with a slash, which ends the host: nothing in it names another.
    fn url(&self, ip: IpAddr) -> String {
        let host = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        format!("http://{host}:{}{}", self.port, self.path)
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
#[path = "endpoint_tests.rs"]
mod tests;
