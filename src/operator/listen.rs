//! Follows what running trials tell: a task for each pod, which asks its endpoint at intervals or follows its log.

use super::cluster::Cluster;
use super::context::Settings;
use super::follow_log::{LogReader, PodLog};
use super::telemetry::Telemetry;
use crate::metrics::{self, Listener, LogMetrics, TrialReading};
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::reflector::ObjectRef;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

/// What a Prometheus server is called in messages.
const SERVER: &str = "the Prometheus server of the operator's configuration";
/// Most points that are remembered of one attempt.
const MOST_POINTS: usize = 400;

/// What an attempt has told so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The last value of every metric.
    pub metrics: BTreeMap<String, f64>,
    /// The objective by step, in the order of its measurement.
    pub points: Vec<(u64, f64)>,
    /// Training steps done.
    pub step: Option<u64>,
    /// Training steps in all.
    pub total_steps: Option<u64>,
    /// Why nothing can be heard.
    pub trouble: Option<String>,
}

/// Why a Prometheus server has told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It may answer later.
    Unreachable(String),
    /// It has answered, and will not say otherwise later.
    Unfit(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Unfit(why) => f.write_str(why),
        }
    }
}

/// Where a pod's metrics are read.
#[derive(Clone, Debug)]
pub enum Ear {
    /// At its own endpoint.
    Endpoint {
        /// The pod's own address, never one that a user wrote.
        ip: IpAddr,
        /// Port of the endpoint.
        port: u16,
        /// Path of the page.
        path: String,
    },
    /// In its log.
    Log {
        /// Namespace of the pod.
        namespace: String,
        /// Its name.
        pod: String,
        /// What to look for.
        metrics: LogMetrics,
    },
    /// On the Prometheus server of the operator's configuration.
    Server(Question),
}

/// What a Prometheus server is asked about a pod.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which series.
    pub selector: String,
    /// When the pod began: the steps of the curve are counted from here.
    pub since: Timestamp,
}

/// All pods that are followed.
#[derive(Clone)]
pub struct Listeners {
    cluster: Cluster,
    http: reqwest::Client,
    interval: Duration,
    prometheus: Option<reqwest::Url>,
    telemetry: Telemetry,
    wake: UnboundedSender<ObjectRef<DynamicObject>>,
    pods: Arc<Mutex<HashMap<String, Followed>>>,
}

struct Followed {
    told: Told,
    task: JoinHandle<()>,
}

/// Where a task leaves what it hears.
#[derive(Clone)]
enum Told {
    Pages(Arc<Mutex<Heard>>),
    Log(Box<PodLog>),
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listeners {
    /// Asks as often as the settings say; who is to look when there is news goes to `wake`.
    pub fn new(
        cluster: Cluster,
        settings: &Settings,
        telemetry: Telemetry,
        wake: UnboundedSender<ObjectRef<DynamicObject>>,
    ) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(3))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            cluster,
            http,
            interval: settings.scrape_interval,
            prometheus: settings.prometheus.clone(),
            telemetry,
            wake,
            pods: Arc::default(),
        })
    }

    /// What a pod has told so far.
    pub fn heard(&self, pod_uid: &str) -> Heard {
        match self.pods().get(pod_uid).map(|f| &f.told) {
            Some(Told::Pages(heard)) => heard.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Some(Told::Log(log)) => log.heard(),
            None => Heard::default(),
        }
    }

    /// Follows a pod, if nobody does yet.
    pub fn follow(&self, pod_uid: &str, ear: Ear, objective: &str, job: ObjectRef<DynamicObject>) {
        let mut pods = self.pods();
        if pods.contains_key(pod_uid) {
            return;
        }
        // The pods of these are gone.
        pods.retain(|_, followed| !followed.task.is_finished());
        let followed = match ear {
            Ear::Log {
                namespace,
                pod,
                metrics,
            } => self.follow_log(&namespace, &pod, LogReader::new(metrics, objective), job),
            ear => {
                let heard = Arc::new(Mutex::new(Heard::default()));
                let (me, objective) = (self.clone(), objective.to_owned());
                Followed {
                    told: Told::Pages(heard.clone()),
                    task: tokio::spawn(me.keep_asking(ear, objective, job, heard)),
                }
            }
        };
        pods.insert(pod_uid.to_owned(), followed);
    }

    fn follow_log(
        &self,
        namespace: &str,
        pod: &str,
        reader: LogReader,
        job: ObjectRef<DynamicObject>,
    ) -> Followed {
        let log = PodLog::new(self.cluster.clone(), namespace, pod, reader);
        let (telemetry, wake) = (self.telemetry.clone(), self.wake.clone());
        let tell = move |is_well| {
            telemetry.scraped(is_well);
            if is_well {
                let _ = wake.send(job.clone());
            }
        };
        Followed {
            told: Told::Log(Box::new(log.clone())),
            task: tokio::spawn(log.follow(self.interval, tell)),
        }
    }

    /// Reads the log of a pod that has ended to its end, from where it was followed to. What can't be read has told what was
    /// heard before. What was heard stays until the pod is forgotten.
    pub async fn rest_of_log(
        &self,
        pod_uid: &str,
        namespace: &str,
        pod: &str,
        metrics: &LogMetrics,
        objective: &str,
    ) -> Heard {
        let followed = self.pods().remove(pod_uid);
        let log = match followed {
            Some(mut followed) => {
                followed.task.abort();
                // Not before it has ended: both read on from the same place.
                let _ = (&mut followed.task).await;
                match &followed.told {
                    Told::Log(log) => Some(PodLog::clone(log)),
                    Told::Pages(_) => None,
                }
            }
            None => None,
        };
        let new = || {
            let reader = LogReader::new(metrics.clone(), objective);
            PodLog::new(self.cluster.clone(), namespace, pod, reader)
        };
        let log = log.unwrap_or_else(new);
        let heard = log.rest().await;
        let ended = Followed {
            told: Told::Log(Box::new(log)),
            task: tokio::spawn(async {}),
        };
        self.pods().insert(pod_uid.to_owned(), ended);
        heard
    }

    /// Follows these pods of a job no more.
    pub fn forget(&self, pod_uid: &str) {
        self.pods().remove(pod_uid);
    }

    fn pods(&self) -> MutexGuard<'_, HashMap<String, Followed>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_asking(
        self,
        ear: Ear,
        objective: String,
        job: ObjectRef<DynamicObject>,
        heard: Arc<Mutex<Heard>>,
    ) {
        let mut listener = Listener::new(&objective);
        loop {
            if let Ear::Server(question) = &ear {
                let answer = self.ask_server(question, &objective, Timestamp::now()).await;
                self.telemetry.scraped(answer.is_ok());
                match answer {
                    Ok(news) => {
                        *heard.lock().unwrap_or_else(PoisonError::into_inner) = news;
                        let _ = self.wake.send(job.clone());
                    }
                    Err(why) => tracing::warn!(job = %job, %why, "a Prometheus server told nothing"),
                }
                tokio::time::sleep(self.interval).await;
                continue;
            }
            let answered = self.ask(&ear, &mut listener, &objective).await;
            self.telemetry.scraped(answered.is_some());
            let news = listener.take_news();
            {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.metrics.clone_from(&listener.metrics);
                heard.step = listener.progress.step;
                heard.total_steps = listener.progress.total_steps;
                keep_points(&mut heard.points, news, &objective);
            }
            // The reconciliation holds back what is not worth a write.
            if answered.is_some() {
                let _ = self.wake.send(job.clone());
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn ask(&self, ear: &Ear, listener: &mut Listener, objective: &str) -> Option<()> {
        match ear {
            Ear::Endpoint { ip, port, path } => {
                let host = match ip {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                };
                let page = self.page(&format!("http://{host}:{port}{path}")).await?;
                let page = metrics::parse(&page).ok()?;
                listener.page(TrialReading::of(&page, &[objective]));
            }
            Ear::Log { .. } | Ear::Server(_) => return None,
        }
        Some(())
    }

    /// All that a Prometheus server has of a pod up to a time.
    ///
    /// # Errors
    /// A sentence: it can't be reached, refuses, or knows more than one such series.
    pub async fn ask_server(
        &self,
        question: &Question,
        objective: &str,
        until: Timestamp,
    ) -> Result<Heard, NoAnswer> {
        let silent = |why: reqwest::Error| NoAnswer::Unreachable(format!("{SERVER}: {}", why.without_url()));
        let unset = || NoAnswer::Unreachable(format!("{SERVER}: none is configured"));
        let server = self.prometheus.as_ref().ok_or_else(unset)?;
        let seconds = |t: Timestamp| t.as_duration().as_secs_f64();
        let (start, end) = (seconds(question.since), seconds(until));
        // Prometheus answers with 11,000 points at most; the status keeps fewer.
        let step = ((end - start) / MOST_POINTS as f64)
            .max(self.interval.as_secs_f64())
            .max(1.0);
        let mut url = server.clone();
        url.set_path(&format!(
            "{}/api/v1/query_range",
            server.path().trim_end_matches('/')
        ));
        url.query_pairs_mut()
            .append_pair("query", &question.selector)
            .append_pair("start", &format!("{start:.3}"))
            .append_pair("end", &format!("{:.3}", end.max(start)))
            .append_pair("step", &format!("{step:.3}"));
        let mut response = self.http.get(url).send().await.map_err(silent)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silent)? {
            body.extend_from_slice(&chunk);
            if body.len() > metrics::MAX_ANSWER_BYTES {
                return Err(NoAnswer::Unfit(format!("{SERVER}: its answer is too long")));
            }
        }
        let points = metrics::series(&String::from_utf8_lossy(&body)).map_err(NoAnswer::Unfit)?;
        Ok(heard_of(&points, objective, start))
    }

    async fn page(&self, url: &str) -> Option<String> {
        let mut response = self.http.get(url).send().await.ok()?.error_for_status().ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > metrics::MAX_EXPOSITION_BYTES {
                return None;
            }
        }
        Some(String::from_utf8_lossy(&body).into_owned())
    }
}

/// A series as a learning curve over the seconds since `start`: a value that stays is one point.
fn heard_of(points: &[(f64, f64)], objective: &str, start: f64) -> Heard {
    let mut heard = Heard::default();
    for (at, value) in points {
        if heard.points.last().is_none_or(|(_, last)| last != value) {
            heard.points.push(((at - start).max(0.0) as u64, *value));
        }
    }
    heard
        .metrics
        .extend(points.last().map(|(_, value)| (objective.to_owned(), *value)));
    heard
}

/// Adds the objective's new points to those that are remembered.
pub fn keep_points(points: &mut Vec<(u64, f64)>, news: Vec<metrics::Point>, objective: &str) {
    let value = |p: metrics::Point| Some((p.step, *p.metrics.get(objective)?));
    points.extend(news.into_iter().filter_map(value));
    let excess = points.len().saturating_sub(MOST_POINTS);
    points.drain(..excess);
}
