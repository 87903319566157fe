//! The operator's own endpoints: /metrics, /healthz, /readyz.

use super::context::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Serves until the process ends.
pub async fn start(address: SocketAddr, context: Arc<Context>) -> std::io::Result<()> {
    let (metrics, liveness, readiness) = (context.clone(), context.clone(), context);
    let page = move || {
        let context = metrics.clone();
        async move {
            context.health.count(Instant::now());
            let jobs = context.stores.jobs.state();
            context.telemetry.counted(jobs.len(), &trials_by_phase(&jobs));
            (
                [(CONTENT_TYPE, "text/plain; version=0.0.4")],
                context.telemetry.page(),
            )
        }
    };
    let ready = move || {
        let is_listed = readiness.ready.load(Ordering::Relaxed);
        let not_listed = (!is_listed).then(|| "not everything is listed yet".to_owned());
        let complaint = readiness.health.complaint(Instant::now()).or(not_listed);
        async move { answer(complaint) }
    };
    // A new start mends a watch that has ended, and not one that the API server refuses.
    let alive = move || {
        let ended = liveness.health.ended();
        async move { answer(ended.map(|kind| format!("the watch of {kind}s has ended"))) }
    };
    let router = Router::new()
        .route("/healthz", get(alive))
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

/// Well, or why not.
fn answer(complaint: Option<String>) -> (StatusCode, String) {
    match complaint {
        None => (StatusCode::OK, "ok".into()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
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
