//! Plays a kubelet's log endpoint behind the real API server: what the logs of a node's pods hold, byte by byte.

use k8s_openapi::api::core::v1::Node;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Registers a node of this name, whose kubelet has `log` for each pod; every pod's first answer breaks off half-way.
pub async fn serve(client: &Client, name: &str, log: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let nodes: Api<Node> = Api::all(client.clone());
    let node = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Played", "message": ""}],
    }});
    let params = PatchParams::default();
    nodes
        .patch_status(name, &params, &Patch::Merge(status))
        .await
        .unwrap();
    let (acceptor, log) = (acceptor(), Arc::new(log));
    let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, log, asked) = (acceptor.clone(), log.clone(), asked.clone());
            tokio::spawn(async move { answer(&acceptor, stream, &*log, &asked).await });
        }
    });
}

/// A certificate that nobody vouches for: an API server that is told no authority takes it.
fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn answer(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    log: &(impl Fn(&str) -> Vec<u8> + ?Sized),
    asked: &Mutex<HashMap<String, usize>>,
) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut request = vec![0; 8192];
    let n = stream.read(&mut request).await.ok()?;
    let request = String::from_utf8_lossy(&request[..n]).into_owned();
    // GET /containerLogs/NAMESPACE/POD/CONTAINER?...
    let pod = request.strip_prefix("GET /containerLogs/")?.split('/').nth(1)?;
    let body = log(pod);
    let n_before = {
        let mut asked = asked.lock().unwrap();
        let n = asked.entry(pod.to_owned()).or_default();
        *n += 1;
        *n - 1
    };
    let sent = if n_before == 0 {
        &body[..body.len() / 2]
    } else {
        &body[..]
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(sent).await.ok()?;
    stream.shutdown().await.ok()
}
