//! The operator's own endpoints: /metrics, /healthz, /readyz.

use super::context::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Serves until the process ends.
pub async fn start(address: SocketAddr, context: Arc<Context>) -> std::io::Result<()> {
    let (metrics, readiness) = (context.clone(), context);
    let page = move || {
        let context = metrics.clone();
        async move {
            let jobs = context.stores.jobs.state();
            context.telemetry.counted(jobs.len(), &trials_by_phase(&jobs));
            (
                [(CONTENT_TYPE, "text/plain; version=0.0.4")],
                context.telemetry.page(),
            )
        }
    };
    let ready = move || {
        let is_ready = readiness.ready.load(Ordering::Relaxed);
        async move {
            match is_ready {
                true => (StatusCode::OK, "ok"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "not everything is listed yet"),
            }
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(page));
    let listener = tokio::net::TcpListener::bind(address).await?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the operator's own endpoints are gone");
        }
    });
    Ok(())
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
