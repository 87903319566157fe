//! Asks trials for their metrics while they run.

use crate::metrics::{self, TrialReading};
use crate::shell;
use std::time::Duration;

/// Time between two questions.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Asks once; `None` while the trial does not answer, or answers nothing that can be read.
pub(super) async fn scrape(
    client: &reqwest::Client,
    port: u16,
    path: &str,
    objective: &str,
) -> Option<TrialReading> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    let body = shell::body(response, metrics::MAX_EXPOSITION_BYTES)
        .await
        .ok()??;
    let page = metrics::parse(&body).ok()?;
    Some(TrialReading::of(&page, &[objective]))
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
