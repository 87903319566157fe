//! Reads the log of a pod: while it runs, as it is printed; when it has ended, to its very end.
//!
//! Each byte is read once and forgotten. A log has any length, and its last value counts: nothing is read of it that begins
//! at its end, and nothing is left out of it but where it was lost before.

use super::cluster::{Cluster, LogStream};
use super::log_place::{LogPlace, Part};
use super::reported::{ReportedMetrics, keep_points};
use super::trouble::{Kind, Patience, Trouble};
use crate::metrics::{CurveRecorder, Lines, LogMetrics};
use crate::shell::lock;
use futures::io::AsyncBufReadExt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// A connection over which nothing comes for so long may be broken: it is made anew.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the rest of an ended pod's log is read.
const MAX_REST: Duration = Duration::from_secs(20);
/// How often the rest is asked for where that fails, and how long is waited in between.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// What is known of a pod's log.
#[derive(Debug)]
pub struct LogReader {
    place: LogPlace,
    lines: Lines,
    metrics: LogMetrics,
    recorder: CurveRecorder,
    objective: String,
    heard: ReportedMetrics,
    /// Bytes of the log that were read.
    n_bytes: u64,
}

impl LogReader {
    /// Nothing is known yet.
    pub fn new(metrics: LogMetrics, objective: &str) -> Self {
        Self {
            place: LogPlace::default(),
            lines: Lines::default(),
            metrics,
            recorder: CurveRecorder::new(objective),
            objective: objective.to_owned(),
            heard: ReportedMetrics::default(),
            n_bytes: 0,
        }
    }

    /// Takes what arrives next of the log; whether there is a value in it.
    fn feed(&mut self, piece: &[u8]) -> bool {
        let Self {
            place,
            lines,
            metrics,
            recorder,
            n_bytes,
            ..
        } = self;
        let mut is_news = false;
        place.feed(piece, |part| match part {
            Part::Text(text) => {
                *n_bytes += text.len() as u64;
                lines.feed(text, |line| is_news |= read(line, metrics, recorder));
            }
            Part::Loss => lines.forget(),
        });
        self.note(is_news)
    }

    /// The log has come to its end.
    fn finish(&mut self) {
        let Self {
            lines,
            metrics,
            recorder,
            ..
        } = self;
        let mut is_news = false;
        lines.finish(|line| is_news |= read(line, metrics, recorder));
        self.note(is_news);
    }

    fn note(&mut self, is_news: bool) -> bool {
        if is_news {
            self.heard.unread.clone_from(&self.recorder.unread);
            self.heard.is_outdated = self.recorder.is_outdated();
            self.heard.metrics.clone_from(&self.recorder.metrics);
            keep_points(&mut self.heard.points, self.recorder.take_news(), &self.objective);
        }
        is_news
    }
}

fn read(line: &str, metrics: &LogMetrics, recorder: &mut CurveRecorder) -> bool {
    let found = metrics.feed(line);
    let is_news = !found.is_empty();
    recorder.line(found);
    is_news
}

fn unread(why: &str) -> String {
    format!("it can't be read to its end: {why}")
}

/// The log of one pod, which a task follows and a reconciliation reads to its end.
#[derive(Clone)]
pub struct PodLog {
    cluster: Cluster,
    namespace: String,
    pod: String,
    reader: Arc<Mutex<LogReader>>,
}

/// Why a log is read no further.
struct Break {
    /// The API server's answer, if it gave one.
    code: Option<u16>,
    why: String,
}

impl PodLog {
    /// The log of a pod.
    pub fn new(cluster: Cluster, namespace: &str, pod: &str, reader: LogReader) -> Self {
        Self {
            cluster,
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            reader: Arc::new(Mutex::new(reader)),
        }
    }

    /// What the pod has told so far.
    pub fn heard(&self) -> ReportedMetrics {
        self.reader().heard.clone()
    }

    /// Follows the log until this is dropped. Calls `tell` at most once in an interval, with what is wrong and whether there
    /// are news: values, or another trouble.
    pub async fn follow(self, interval: Duration, tell: impl Fn(Option<Kind>, bool)) {
        let mut patience = Patience::new(interval);
        loop {
            if let Err(Break { why, .. }) = self.follow_once(interval, &mut patience, &tell).await {
                tracing::debug!(pod = %self.pod, %why, "a log is not followed for now");
                let kind = Kind::Log;
                let sentence = format!("its log can't be read for now: {why}");
                let is_news = patience.note(Some(&Trouble { kind, sentence }));
                self.reader().heard.trouble = patience.said();
                tell(Some(kind), is_news);
            }
            sleep(interval).await;
        }
    }

    /// Follows the log over one connection.
    async fn follow_once(
        &self,
        interval: Duration,
        patience: &mut Patience,
        tell: &impl Fn(Option<Kind>, bool),
    ) -> Result<(), Break> {
        let mut stream = self.connect(true).await?;
        if patience.note(None) {
            self.reader().heard.trouble = None;
            tell(None, true);
        }
        let (mut is_untold, mut may_tell) = (false, Instant::now());
        let mut last = Instant::now();
        loop {
            tokio::select! {
                read = self.read_some(&mut stream) => match read? {
                    None => break,
                    Some(is_news) => {
                        is_untold |= is_news;
                        last = Instant::now();
                    }
                },
                () = sleep_until(may_tell), if is_untold => {
                    tell(None, true);
                    (is_untold, may_tell) = (false, Instant::now() + interval);
                }
                () = sleep_until(last + SILENCE) => break,
            }
        }
        if is_untold {
            tell(None, true);
        }
        Ok(())
    }

    /// Reads the rest of an ended pod's log.
    pub async fn rest(&self) -> ReportedMetrics {
        let trouble = match timeout(MAX_REST, self.read_rest()).await {
            Ok(trouble) => trouble,
            Err(_) => Some(format!(
                "it was not read to its end, which takes longer than {} s",
                MAX_REST.as_secs()
            )),
        };
        let mut reader = self.reader();
        if trouble.is_none() {
            // Otherwise the line that is not whole may be half a number.
            reader.finish();
        }
        ReportedMetrics {
            trouble,
            ..reader.heard.clone()
        }
    }

    /// Why there is nothing more to read, where that is not because all was read.
    async fn read_rest(&self) -> Option<String> {
        let mut attempt = 1;
        loop {
            let before = self.reader().n_bytes;
            let read = self.read_once().await;
            let has_more = self.reader().n_bytes > before;
            match read {
                // Where the kubelet's answer breaks off, the API server's ends like any other. So it is the end only where
                // asking once more brings nothing.
                Ok(()) if has_more => {
                    attempt = 1;
                    continue;
                }
                // Not even what was read before has come again.
                Ok(()) if !self.reader().place.has_caught_up() => {
                    if attempt == ATTEMPTS {
                        return Some(unread("what was read of it before is not there any more"));
                    }
                    sleep(BETWEEN_ATTEMPTS).await;
                }
                // The last line of a program may have no end; then nothing more comes.
                Ok(()) if attempt == 1 && !self.reader().place.is_between_lines() => {
                    sleep(BETWEEN_ATTEMPTS).await;
                }
                Ok(()) => return None,
                // There is no such pod, or it has no log.
                Err(Break {
                    code: Some(400 | 404),
                    why,
                }) => return Some(unread(&why)),
                Err(Break { why, .. }) if attempt == ATTEMPTS => return Some(unread(&why)),
                Err(_) => sleep(BETWEEN_ATTEMPTS).await,
            }
            attempt += 1;
        }
    }

    async fn read_once(&self) -> Result<(), Break> {
        let mut stream = self.connect(false).await?;
        while self.read_some(&mut stream).await?.is_some() {}
        Ok(())
    }

    async fn connect(&self, follow: bool) -> Result<LogStream, Break> {
        let since = self.reader().place.since();
        let answer = self.cluster.log(&self.namespace, &self.pod, since, follow).await;
        let stream = answer.map_err(|error| match error {
            kube::Error::Api(status) => Break {
                code: Some(status.code),
                why: status.message.clone(),
            },
            error => Break {
                code: None,
                why: error.to_string(),
            },
        })?;
        self.reader().place.connect();
        Ok(stream)
    }

    /// Reads what there is; whether there is a value in it, `None` at the end of the stream. Nothing is lost where this is
    /// dropped before its end.
    async fn read_some(&self, stream: &mut LogStream) -> Result<Option<bool>, Break> {
        let piece = stream.fill_buf().await;
        let piece = piece.map_err(|error| Break {
            code: None,
            why: error.to_string(),
        })?;
        if piece.is_empty() {
            return Ok(None);
        }
        let is_news = self.reader().feed(piece);
        let n = piece.len();
        stream.consume_unpin(n);
        Ok(Some(is_news))
    }

    fn reader(&self) -> MutexGuard<'_, LogReader> {
        lock(&self.reader)
    }
}

#[cfg(test)]
#[path = "follow_log_tests.rs"]
mod tests;
