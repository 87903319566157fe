//! /metrics over HTTPS, for those whom the API server knows and whom it allows.
//!
//! No client waits for another: each connection is one request, with a few seconds for all of it, and where too many come the
//! oldest gives way.

use super::certificates::Certificates;
use super::metrics_access::{Decision, Decisions, PATH, bearer_token};
use super::reviews::Reviews;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// What a client has for handshake, request and answer. A scrape takes 10 s at most where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of a request's head. A token has some kilobytes.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// Clients at once.
const MAX_CLIENTS: usize = 64;

/// What is said to who speaks HTTP without TLS.
const IN_THE_CLEAR: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nthis port speaks HTTPS\n";

/// The kind of text that Prometheus reads.
pub const PAGE: &str = "text/plain; version=0.0.4";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where /metrics is served over HTTPS, and how.
#[derive(Clone, Debug)]
pub struct SecureMetrics {
    /// The address.
    pub listen: SocketAddr,
    /// How long a permission of the API server's holds.
    pub allowed_for: Duration,
    /// How long a refusal does.
    pub refused_for: Duration,
    certificates: Arc<Certificates>,
}

impl SecureMetrics {
    /// At this address, with the certificate in `tls.crt` and its key in `tls.key` of this folder, read again for each handshake;
    /// `None`: with a self-signed one, made here.
    ///
    /// # Errors
    /// A sentence that names the flag, the file and the cure.
    pub fn new(listen: SocketAddr, certificates: Option<PathBuf>) -> Result<Self, String> {
        Ok(Self {
            listen,
            allowed_for: Duration::from_secs(60),
            refused_for: Duration::from_secs(10),
            certificates: Arc::new(Certificates::new(certificates)?),
        })
    }

    /// TLS 1.2 and 1.3. No session is resumed: whoever comes again sees the certificate of now.
    fn tls(&self) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.certificates.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// What every connection needs.
struct Endpoint<P> {
    tls: TlsAcceptor,
    reviews: Reviews,
    page: P,
}

/// Serves `page` until the process ends; the answer is the address that was taken.
pub async fn start<P>(settings: &SecureMetrics, client: kube::Client, page: P) -> std::io::Result<SocketAddr>
where
    P: Fn() -> String + Send + Sync + 'static,
{
    let tls = settings.tls().map_err(std::io::Error::other)?;
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let decisions = Decisions::new(settings.allowed_for, settings.refused_for);
    let endpoint = Endpoint {
        tls: TlsAcceptor::from(Arc::new(tls)),
        reviews: Reviews::new(client, decisions),
        page,
    };
    tokio::spawn(accept(listener, Arc::new(endpoint)));
    Ok(address)
}

async fn accept<P>(listener: TcpListener, endpoint: Arc<Endpoint<P>>)
where
    P: Fn() -> String + Send + Sync + 'static,
{
    let mut clients = JoinSet::new();
    let mut oldest_first = VecDeque::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // No descriptor is free: one will be once a client's time is over.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        while clients.try_join_next().is_some() {}
        oldest_first.retain(|client: &tokio::task::AbortHandle| !client.is_finished());
        if oldest_first.len() >= MAX_CLIENTS
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        let endpoint = endpoint.clone();
        oldest_first.push_back(clients.spawn(async move {
            // A client that went away or took too long is its own affair.
            let _ = timeout(PATIENCE, endpoint.serve(client)).await;
        }));
    }
}

impl<P: Fn() -> String + Send + Sync> Endpoint<P> {
    async fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut first = [0];
        client.peek(&mut first).await?;
        // A TLS connection begins with the byte 22, one in the clear with GET.
        if first[0].is_ascii_alphabetic() {
            // What is not read would take the answer away; what else comes is not waited for.
            let _some = client.read(&mut [0; 4096]).await?;
            client.write_all(IN_THE_CLEAR).await?;
            return client.shutdown().await;
        }
        let stream = self.tls.accept(client).await?;
        let service = service_fn(|request: Request<Incoming>| async move {
            Ok::<_, Infallible>(self.respond(&request).await)
        });
        let connection = http1::Builder::new()
            .keep_alive(false)
            .half_close(true)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        connection.await.map_err(std::io::Error::other)
    }

    /// What stands in a request's body is never read.
    async fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != PATH {
            return said(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
        }
        // Whoever may get the page may ask for its head, too.
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = said(StatusCode::METHOD_NOT_ALLOWED, "ask with GET\n");
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let decision = match bearer_token(request.headers()) {
            Some(token) => self.reviews.decide(token).await,
            None => Decision::Unauthenticated,
        };
        match decision {
            Decision::Allowed => text(StatusCode::OK, PAGE, (self.page)()),
            Decision::Unauthenticated => {
                let why = "a token that this cluster knows is needed, as in Authorization: Bearer TOKEN\n";
                let mut response = said(StatusCode::UNAUTHORIZED, why);
                response
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Decision::Forbidden(user) => {
                let why = format!(
                    "{user} may not get /metrics: bind it to a ClusterRole with nonResourceURLs [/metrics], verbs [get]\n"
                );
                text(StatusCode::FORBIDDEN, TEXT, why)
            }
            Decision::Undecided => {
                let why = "the API server can't be asked who may get /metrics: the operator's log says why\n";
                said(StatusCode::INTERNAL_SERVER_ERROR, why)
            }
        }
    }
}

fn said(status: StatusCode, sentence: &'static str) -> Response<Full<Bytes>> {
    text(status, TEXT, sentence.into())
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
#[path = "secure_metrics_tests.rs"]
mod tests;
