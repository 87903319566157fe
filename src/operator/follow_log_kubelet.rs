//! A kubelet that serves the log of one pod, over connections that break where they are told to.

use super::*;

/// The longest part of a line that a container runtime writes at once.
pub(super) const RECORD: usize = 16 << 10;

/// How a connection goes.
#[derive(Clone, Copy)]
pub(super) enum Connection {
    /// All that there is, in pieces of this size.
    Whole(usize),
    /// So many bytes, then an error.
    Breaks(usize),
    /// So many bytes, then an end like any other.
    Ends(usize),
    /// All that there is, and then silence.
    Stays,
    /// No connection, but this code.
    Refused(u16),
}

/// Serves the log of one pod.
#[derive(Clone)]
pub(super) struct Kubelet {
    /// Second, and a part of a line.
    pub(super) records: Arc<Vec<(i64, Vec<u8>)>>,
    /// How the next connections go; the last one counts for those that follow, too.
    pub(super) next: Arc<Mutex<VecDeque<Connection>>>,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    /// How many connections are open.
    pub(super) open: Arc<AtomicUsize>,
}

impl Kubelet {
    /// Lines with the seconds at which they were printed, cut into records as a container runtime does.
    pub(super) fn new(lines: &[(i64, String)], connections: &[Connection]) -> Self {
        let mut records = Vec::new();
        for (second, line) in lines {
            let line = format!("{line}\n").into_bytes();
            records.extend(line.chunks(RECORD).map(|part| (*second, part.to_vec())));
        }
        Self {
            records: Arc::new(records),
            next: Arc::new(Mutex::new(connections.iter().copied().collect())),
            asked: Arc::default(),
            open: Arc::default(),
        }
    }

    /// As k8s.io/cri-client/pkg/logs has it.
    pub(super) fn text(&self, since: Option<Timestamp>) -> Vec<u8> {
        let (mut text, mut is_new_line) = (Vec::new(), true);
        for (second, part) in self.records.iter() {
            let time = Timestamp::from_second(1_800_000_000 + second).unwrap();
            if since.is_none_or(|since| time >= since) {
                if is_new_line {
                    text.extend_from_slice(format!("{time} ").as_bytes());
                }
                text.extend_from_slice(part);
            }
            is_new_line = part.ends_with(b"\n");
        }
        text
    }

    pub(super) fn cluster(&self) -> Cluster {
        let client = Client::new(self.clone(), "team");
        Cluster::new(client, Telemetry::new().unwrap(), Fence::default())
    }

    pub(super) fn log(&self) -> PodLog {
        PodLog::new(self.cluster(), "team", "pod", LogReader::new(metrics(), "f1"))
    }
}

impl tower::Service<Request<Body>> for Kubelet {
    type Response = Response<Wire>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Wire>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = request.uri().to_string();
        let value = |name: &str| {
            let mut pairs = asked.split(['?', '&']).filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.replace("%3A", ":"))
        };
        assert_eq!(value("timestamps").as_deref(), Some("true"));
        let text = self.text(value("sinceTime").map(|since| since.parse().unwrap()));
        self.asked.lock().unwrap().push(asked);
        let mut next = self.next.lock().unwrap();
        let connection = if next.len() > 1 {
            next.pop_front()
        } else {
            next.front().copied()
        };
        let connection = connection.unwrap();
        let (code, text) = match connection {
            Connection::Refused(code) => (
                code,
                format!("{{\"message\": \"no\", \"code\": {code}}}").into_bytes(),
            ),
            Connection::Breaks(n) | Connection::Ends(n) => (200, text[..n.min(text.len())].to_vec()),
            Connection::Whole(_) | Connection::Stays => (200, text),
        };
        self.open.fetch_add(1, Ordering::SeqCst);
        let wire = Wire {
            text: text.into(),
            connection,
            open: self.open.clone(),
        };
        std::future::ready(Ok(Response::builder().status(code).body(wire).unwrap()))
    }
}

/// What comes over a connection.
pub(super) struct Wire {
    pub(super) text: Bytes,
    pub(super) connection: Connection,
    pub(super) open: Arc<AtomicUsize>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl http_body::Body for Wire {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let size = match self.connection {
            Connection::Whole(size) => size,
            _ => 8 << 10,
        };
        let n = size.min(self.text.len());
        match (n, self.connection) {
            (0, Connection::Breaks(_)) => Poll::Ready(Some(Err(std::io::Error::other("broken")))),
            (0, Connection::Stays) => Poll::Pending,
            (0, _) => Poll::Ready(None),
            _ => Poll::Ready(Some(Ok(Frame::data(self.text.split_to(n))))),
        }
    }
}
