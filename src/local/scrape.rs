//! Asks trials for their metrics while they run.

use crate::metrics::{self, TrialReading};
use std::time::Duration;

/// Time between two questions.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Longest answer that is read.
const LONGEST: usize = metrics::MAX_EXPOSITION_BYTES;

/// Asks once; `None` while the trial does not answer, or answers nothing that can be read.
pub async fn scrape(
    client: &reqwest::Client,
    port: u16,
    path: &str,
    objective: &str,
) -> Option<TrialReading> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let mut response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return None;
        }
    }
    let page = metrics::parse(&String::from_utf8_lossy(&body)).ok()?;
    Some(TrialReading::of(&page, &[objective]))
}

/// A client that gives up soon and is never sent elsewhere.
pub fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// A port that nothing listens on now.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}
