//! A layer under an operator's client that counts its writes, and lets it die after one of them.

use super::lagging::Lagging;
use http::{Method, Request, Response};
use kube::client::Body;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tower::{Layer, Service};

/// Counts writes, and lets the operator die after one of them.
#[derive(Clone)]
pub struct Counting {
    pub writes: Arc<AtomicUsize>,
    pub log: Arc<Mutex<Vec<(Instant, String)>>>,
    pub dead: Arc<Notify>,
    pub limit: usize,
    /// How late watches bring what they bring.
    pub lag: Duration,
    /// Nothing is answered any more.
    pub cut: Arc<AtomicBool>,
}

#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    layer: Counting,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        let layer = self.clone();
        Counted { inner, layer }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
    S::Error: Send + 'static,
{
    type Response = Response<Lagging<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Lagging<B>>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_watch = request.uri().query().is_some_and(|q| q.contains("watch=true"));
        let lag = if is_watch { self.layer.lag } else { Duration::ZERO };
        let is_posted = request.method() != Method::GET;
        // Reviews are questions.
        let is_write = is_posted && !request.uri().path().ends_with("reviews");
        let line = format!("{} {}", request.method(), request.uri().path());
        let number = if is_write {
            self.layer.writes.fetch_add(1, Ordering::SeqCst) + 1
        } else {
            0
        };
        if is_posted {
            self.layer.log.lock().unwrap().push((Instant::now(), line));
        }
        let (answer, layer) = (self.inner.call(request), self.layer.clone());
        Box::pin(async move {
            if number > layer.limit || layer.cut.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            let answer = answer.await;
            if number == layer.limit {
                layer.dead.notify_one();
                return std::future::pending().await;
            }
            answer.map(|answer| answer.map(|body| Lagging::new(body, lag)))
        })
    }
}
