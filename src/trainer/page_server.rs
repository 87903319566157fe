//! One page over HTTP, from a thread of its own.
//!
//! No client waits for another: each has a few seconds for all that it wants, and where too many come the oldest gives way, so
//! that whoever asks now is answered, however many are silent.

use super::{Failure, Result, threads};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Where the page is.
const PATH: &str = "/metrics";
const PAGE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What a client has to ask and to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a request's head; hyper takes no less.
const MAX_HEAD_BYTES: usize = 8 << 10;

/// Clients at once.
const MAX_CLIENTS: usize = 64;

/// Serves `page` at `/metrics` of this port for as long as the program runs, to IPv4 and to IPv6.
///
/// # Errors
/// The port is taken.
pub(super) fn serve(port: u16, page: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Result<()> {
    let listener = listen(port).map_err(|fault| {
        Failure::Port(format!(
            "metrics port {port}: it cannot be used ({fault}); set TUNING_METRICS_PORT to a free port, or to 0 for no \
             metrics"
        ))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(threads::none)?;
    let listener = {
        let _context = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(threads::none)?
    };
    let thread = std::thread::Builder::new().name("metrics".into());
    let thread = thread.spawn(move || runtime.block_on(accept(listener, Arc::new(page))));
    thread.map(drop).map_err(threads::none)
}

/// On every address of the machine: where there is no IPv6, of IPv4.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    match bind((Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(fault) if !matches!(fault.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
            bind((Ipv4Addr::UNSPECIFIED, port).into())
        }
        bound => bound,
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of the trial that had the port before may still be closing.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(MAX_CLIENTS as i32)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn accept(listener: tokio::net::TcpListener, page: Arc<impl Fn() -> Vec<u8> + Send + Sync + 'static>) {
    let mut clients: VecDeque<JoinHandle<()>> = VecDeque::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // No descriptor is free: one will be once a client's time is over.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        clients.retain(|task| !task.is_finished());
        if clients.len() == MAX_CLIENTS
            && let Some(oldest) = clients.pop_front()
        {
            oldest.abort();
        }
        clients.push_back(tokio::spawn(answer(client, Arc::clone(&page))));
    }
}

async fn answer(client: TcpStream, page: Arc<impl Fn() -> Vec<u8> + Send + Sync>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(request.method(), request.uri().path(), &*page);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(client), service);
    // A client that went away or took too long is its own affair.
    let _ = timeout(PATIENCE, connection).await;
}

/// What stands in a request's body is never read.
fn respond(method: &Method, path: &str, page: &impl Fn() -> Vec<u8>) -> Response<Full<Bytes>> {
    let (status, kind, body) = if path != PATH {
        let body = format!("the metrics are at {PATH}\n");
        (StatusCode::NOT_FOUND, TEXT, body.into())
    } else if method == Method::GET || method == Method::HEAD {
        (StatusCode::OK, PAGE, page())
    } else {
        (StatusCode::METHOD_NOT_ALLOWED, TEXT, b"ask with GET\n".to_vec())
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
#[path = "page_server_tests.rs"]
mod tests;
