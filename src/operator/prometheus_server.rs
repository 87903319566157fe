//! The Prometheus server of the operator's configuration: how it is reached, and what it knows of a pod.

use super::reported::ReportedMetrics;
use super::trouble::chain;
use crate::metrics;
use crate::shell;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, StatusCode, Url};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a Prometheus server is called in messages.
const SERVER: &str = "the Prometheus server of the operator's configuration";
/// Most points that are asked for: the status keeps fewer, and Prometheus answers with 11,000 at most.
const MAX_POINTS: usize = 400;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Why a Prometheus server has told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It may answer later.
    Unreachable(String),
    /// It has answered, and will not say otherwise later.
    Unfit(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Unfit(why) => f.write_str(why),
        }
    }
}

/// What a Prometheus server is asked about a pod.
#[derive(Clone, Debug)]
pub struct RangeQuery {
    /// Which series.
    pub selector: String,
    /// When the pod began: the steps of the curve are counted from here.
    pub since: Timestamp,
}

/// A Prometheus server.
#[derive(Clone, Debug)]
pub struct PrometheusServer {
    url: Url,
    http: reqwest::Client,
    token_file: Option<PathBuf>,
}

impl PrometheusServer {
    /// The server at this address, believed by the certificates of this file or else of the system, asked with the token in
    /// this file. Needs a TLS provider to be installed.
    ///
    /// # Errors
    /// A sentence that names the flag that is wrong.
    pub fn new(url: Url, ca_file: Option<&Path>, token_file: Option<PathBuf>) -> Result<Self, String> {
        let is_https = url.scheme() == "https";
        if !is_https && url.scheme() != "http" {
            let scheme = url.scheme();
            return Err(format!(
                "--prometheus-url: it begins with {scheme}:, not with http: or https:"
            ));
        }
        if token_file.is_some() && !is_https && !is_this_machine(&url) {
            let why = "--prometheus-token-file: whoever is on the way could read the token: give an https --prometheus-url";
            return Err(why.into());
        }
        if ca_file.is_some() && !is_https {
            return Err(
                "--prometheus-ca-file: --prometheus-url is not https, so no certificate is looked at".into(),
            );
        }
        let certificates = ca_file.map(certificates).transpose()?;
        let certificates = certificates.or((!is_https).then(Vec::new));
        let builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let builder = match certificates {
            Some(only) => builder.tls_certs_only(only),
            None => builder,
        };
        let http = builder.build().map_err(|error| match ca_file {
            Some(file) => format!("--prometheus-ca-file: {}: {}", file.display(), chain(&error)),
            None => format!(
                "--prometheus-url: the system's certificates can't be used: {}; name those to believe with --prometheus-ca-file",
                chain(&error)
            ),
        })?;
        let server = Self {
            url,
            http,
            token_file,
        };
        server
            .authorization()
            .map_err(|why| format!("--prometheus-token-file: {why}"))?;
        Ok(server)
    }

    /// Read anew each time: tokens of service accounts are replaced every hour or so.
    fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let Some(file) = &self.token_file else {
            return Ok(None);
        };
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name} can't be read: {error}"))?;
        let token = text.trim();
        if token.is_empty() {
            return Err(format!("{name} is empty"));
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| format!("{name}: what is in it is no token"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// All that it has of a pod up to a time, with steps of this length at least.
    ///
    /// # Errors
    /// A sentence: it can't be reached, refuses, or knows more than one such series.
    pub async fn ask(
        &self,
        question: &RangeQuery,
        objective: &str,
        until: Timestamp,
        least_step: Duration,
    ) -> Result<ReportedMetrics, NoAnswer> {
        let unreachable = |why: String| NoAnswer::Unreachable(format!("{SERVER}: {why}"));
        let silent = |error: reqwest::Error| unreachable(chain(&error.without_url()));
        let start = seconds(question.since);
        let authorization = self
            .authorization()
            .map_err(|why| unreachable(format!("its token: {why}")))?;
        let mut request = self.http.get(self.query(question, until, least_step));
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        // Prometheus gives its reason with these; anything else is said by what stands in between, or will pass.
        let is_its_own = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&status);
        if !status.is_success() && !is_its_own {
            return Err(unreachable(format!("it answers {status}{}", self.cure(status))));
        }
        let body = shell::body(response, metrics::MAX_ANSWER_BYTES)
            .await
            .map_err(silent)?;
        let body = body.ok_or_else(|| NoAnswer::Unfit(format!("{SERVER}: its answer is too long")))?;
        let points = metrics::series(&body).map_err(NoAnswer::Unfit)?;
        Ok(heard_of(&points, objective, start))
    }

    fn query(&self, question: &RangeQuery, until: Timestamp, least_step: Duration) -> Url {
        let (start, end) = (seconds(question.since), seconds(until));
        let step = ((end - start) / MAX_POINTS as f64)
            .max(least_step.as_secs_f64())
            .max(1.0);
        let mut url = self.url.clone();
        url.set_path(&format!(
            "{}/api/v1/query_range",
            self.url.path().trim_end_matches('/')
        ));
        url.query_pairs_mut()
            .append_pair("query", &question.selector)
            .append_pair("start", &format!("{start:.3}"))
            .append_pair("end", &format!("{:.3}", end.max(start)))
            .append_pair("step", &format!("{step:.3}"));
        url
    }

    fn cure(&self, status: StatusCode) -> &'static str {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.token_file.is_none() => {
                ": it wants to know who asks, see --prometheus-token-file"
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                ": the token of --prometheus-token-file does not do"
            }
            StatusCode::NOT_FOUND => ": is the path in --prometheus-url right?",
            _ => "",
        }
    }
}

/// Whether an address never leaves this machine or pod, such as that of a proxy beside the operator.
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |why: String| format!("--prometheus-ca-file: {}{why}", file.display());
    let text = std::fs::read(file).map_err(|error| wrong(format!(" can't be read: {error}")))?;
    let all = Certificate::from_pem_bundle(&text).map_err(|error| wrong(format!(": {}", chain(&error))))?;
    if all.is_empty() {
        return Err(wrong(
            ": there is no certificate in it (PEM, BEGIN CERTIFICATE)".into(),
        ));
    }
    Ok(all)
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

/// A series as a learning curve over the seconds since `start`: a value that stays is one point.
fn heard_of(points: &[(f64, f64)], objective: &str, start: f64) -> ReportedMetrics {
    let mut heard = ReportedMetrics::default();
    for (at, value) in points {
        let is_new = heard.points.last().is_none_or(|(_, last)| last != value);
        // A server's times are as little to be believed as a program's steps.
        let step = metrics::count((at - start).max(0.0).floor());
        heard
            .points
            .extend(step.filter(|_| is_new).map(|step| (step, *value)));
    }
    heard
        .metrics
        .extend(points.last().map(|(_, value)| (objective.to_owned(), *value)));
    heard
}

#[cfg(test)]
#[path = "prometheus_server_tests.rs"]
mod tests;
