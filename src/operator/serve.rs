//! The operator's own endpoints: /healthz and /readyz in the clear, /metrics there or else over HTTPS.

use super::conditions::PHASES;
use super::context::Context;
use super::secure_metrics;
use super::start::{Connect, StartError};
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Serves what the settings say until the process ends.
///
/// # Errors
/// An address is taken.
pub async fn start(context: &Arc<Context>, connect: &Connect) -> Result<(), StartError> {
    let settings = &context.settings;
    if let Some(address) = settings.listen {
        let taken = |error| StartError::Listen(address, error);
        in_the_clear(address, context).await.map_err(taken)?;
    }
    if let Some(secure) = &settings.secure_metrics {
        let (metrics, taken) = (context.clone(), |error| StartError::Listen(secure.listen, error));
        let address = secure_metrics::start(secure, connect()?, move || page(&metrics)).await;
        tracing::info!(address = %address.map_err(taken)?, "/metrics is served over HTTPS");
    }
    Ok(())
}

async fn in_the_clear(address: SocketAddr, context: &Arc<Context>) -> std::io::Result<()> {
    let (metrics, liveness, readiness) = (context.clone(), context.clone(), context.clone());
    let metrics = move || {
        let elsewhere = metrics.settings.secure_metrics.as_ref();
        let answer = match elsewhere.map(|secure| secure.listen.port()) {
            Some(port) => {
                let why = format!("/metrics is served over HTTPS, at port {port}\n");
                (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", why)
            }
            None => (StatusCode::OK, secure_metrics::PAGE, page(&metrics)),
        };
        async move { (answer.0, [(CONTENT_TYPE, answer.1)], answer.2) }
    };
    // Who stands by is ready too: it takes over without delay.
    let ready = move || {
        let unlisted = readiness.listed.complaint();
        let complaint = readiness.health.complaint(Instant::now()).or(unlisted);
        async move { answer(complaint) }
    };
    // A new start mends a watch that has ended, and not one that the API server refuses.
    let alive = move || {
        let ended = liveness.health.ended();
        async move { answer(ended.map(|watched| format!("{watched} has ended"))) }
    };
    let router = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    let listener = tokio::net::TcpListener::bind(address).await?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the operator's own endpoints are gone");
        }
    });
    Ok(())
}

/// The metrics as they are now.
fn page(context: &Context) -> String {
    context.health.count(Instant::now());
    let jobs = context.stores.jobs.state();
    context
        .telemetry
        .counted(jobs.len(), &jobs_by_phase(&jobs), &trials_by_phase(&jobs));
    context.telemetry.page()
}

/// Well, or why not.
fn answer(complaint: Option<String>) -> (StatusCode, String) {
    match complaint {
        None => (StatusCode::OK, "ok".into()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Jobs by phase, as their statuses say it: each phase, so that one that nobody is in any more goes back to 0.
fn jobs_by_phase(jobs: &[Arc<kube::api::DynamicObject>]) -> Vec<(&'static str, u32)> {
    let phase_of = |job: &Arc<kube::api::DynamicObject>| {
        let phase = job.data.get("status")?.get("phase")?.as_str()?;
        PHASES.into_iter().find(|known| *known == phase)
    };
    let found: Vec<&str> = jobs.iter().filter_map(phase_of).collect();
    let count = |phase: &str| found.iter().filter(|found| **found == phase).count() as u32;
    PHASES.into_iter().map(|phase| (phase, count(phase))).collect()
}

/// Trials by phase, as the jobs' statuses count them.
fn trials_by_phase(jobs: &[Arc<kube::api::DynamicObject>]) -> Vec<(&'static str, u32)> {
    let phases = [
        "queued",
        "running",
        "succeeded",
        "earlyStopped",
        "failed",
        "cancelled",
    ];
    let sum = |phase: &str| {
        let n =
            |job: &Arc<kube::api::DynamicObject>| job.data.get("status")?.get("trials")?.get(phase)?.as_u64();
        jobs.iter().filter_map(n).sum::<u64>() as u32
    };
    phases.into_iter().map(|phase| (phase, sum(phase))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn jobs_are_counted_by_phase_and_a_phase_without_jobs_is_0() {
        let job = |status| {
            let object = json!({"metadata": {"name": "j"}, "status": status});
            Arc::new(serde_json::from_value(object).unwrap())
        };
        let stalled = json!({"phase": "Stalled"});
        let jobs = [
            job(stalled.clone()),
            job(stalled),
            job(json!({"phase": "Running"})),
            job(json!({})),
        ];
        let counts: Vec<(&str, u32)> = jobs_by_phase(&jobs).into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counts, [("Running", 1), ("Stalled", 2)]);
        assert_eq!(jobs_by_phase(&[]).len(), PHASES.len());
    }
}
