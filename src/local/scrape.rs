//! Asks trials for their metrics while they run.

use crate::metrics::{self, TrialReading};
use crate::shell;
use std::time::Duration;

/// Time between two questions.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Asks once.
///
/// # Errors
/// Why nothing was read: a trial that does not answer, or answers something else.
pub(super) async fn scrape(
    client: &reqwest::Client,
    port: u16,
    path: &str,
    objective: &str,
) -> Result<TrialReading, String> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let response = client.get(url).send().await.map_err(|fault| {
        if fault.is_connect() {
            format!("nobody listened on port {port}, which it is told in TUNING_METRICS_PORT")
        } else {
            "it did not answer in time".to_owned()
        }
    })?;
    if !response.status().is_success() {
        return Err(format!("it answered HTTP {}", response.status().as_u16()));
    }
    let body = shell::body(response, metrics::MAX_EXPOSITION_BYTES).await;
    let body = body.map_err(|fault| format!("its answer broke off ({fault})"))?;
    let body = body.ok_or_else(|| {
        let mebibytes = metrics::MAX_EXPOSITION_BYTES >> 20;
        format!("its page is longer than the {mebibytes} MiB that are read")
    })?;
    let page = metrics::parse(&body).map_err(|fault| fault.to_string())?;
    if page.samples().is_empty() && page.n_malformed() > 0 {
        return Err("what it answered is no metrics page".into());
    }
    Ok(TrialReading::of(&page, &[objective]))
}

/// A client that gives up soon and is never sent elsewhere.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    // Built together with the operator, the client knows TLS, and then has to be told whose, though it never speaks it.
    #[cfg(feature = "operator")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    #[cfg(feature = "operator")]
    let builder = builder.tls_certs_only([]);
    builder.build()
}

/// A port that nothing listens on now. It lies below the range from which systems give ports to clients, so that none of
/// their connections, this program's own among them, takes it before the trial does.
pub(super) fn free_port(index: u32) -> std::io::Result<u16> {
    const FIRST: u32 = 20_000;
    const N: u32 = 12_000;
    let begin = std::process::id().wrapping_mul(7919).wrapping_add(index) % N;
    let candidates = (0..N).map(|i| (FIRST + (begin + i) % N) as u16);
    let free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    candidates
        .take(2000)
        .find(free)
        .ok_or_else(|| std::io::ErrorKind::AddrInUse.into())
}
