//! Follows what running trials tell: a task for each pod, which asks its endpoint at intervals or follows its log.
//!
//! A task goes on for as long as its pod is there and runs, by what the watch says: an address outlives its pod, and may be
//! somebody else's afterwards. What was heard stays until the pass over its job needs it no more.

use super::attempt_state;
use super::cluster::Cluster;
use super::endpoint::{self, Endpoint};
use super::follow_log::{LogReader, PodLog};
use super::prometheus_server::{NoAnswer, PrometheusServer, RangeQuery};
use super::reported::{ReportedMetrics, drop_oldest, keep_points};
use super::settings::Settings;
use super::stores::{Owner, Stores};
use super::telemetry::Telemetry;
use super::trouble::{Kind, Patience, Trouble};
use super::wake::Wake;
use crate::metrics::{CurveRecorder, LogMetrics, TrialReading};
use crate::shell::lock;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long what was heard of a pod that is silent is kept at most, as long as the pod itself is remembered.
const MEMORY: Duration = Duration::from_secs(300);

/// Where a pod's metrics are read.
#[derive(Clone, Debug)]
pub enum MetricsSource {
    /// At its own endpoint.
    Endpoint(Endpoint),
    /// In its log.
    Log(LogMetrics),
    /// On the Prometheus server of the operator's configuration.
    Server(RangeQuery),
}

/// A pod of a job's trial.
#[derive(Clone, Debug)]
pub struct TrialPod {
    /// The job.
    pub owner: Owner,
    /// The pod's name.
    pub name: String,
    /// Identifies it: another one may come to have its name.
    pub uid: String,
}

/// All pods that are followed.
#[derive(Clone)]
pub struct Scrapers {
    cluster: Cluster,
    http: reqwest::Client,
    interval: Duration,
    prometheus: Option<PrometheusServer>,
    telemetry: Telemetry,
    wake: Wake,
    stores: Stores,
    pods: Arc<Mutex<HashMap<String, Followed>>>,
}

struct Followed {
    owner: Owner,
    told: Told,
    task: JoinHandle<()>,
    /// Since when it was found to follow nothing any more.
    silent_since: Option<Instant>,
}

/// Where a task leaves what it hears.
#[derive(Clone)]
enum Told {
    Pages(Arc<Mutex<ReportedMetrics>>),
    Log(Box<PodLog>),
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scrapers {
    /// Asks as often as the settings say, those who are in the stores; jobs with news are woken.
    pub fn new(
        cluster: Cluster,
        settings: &Settings,
        telemetry: Telemetry,
        wake: Wake,
        stores: Stores,
    ) -> reqwest::Result<Self> {
        Ok(Self {
            cluster,
            http: endpoint::client(settings.scrape_interval)?,
            interval: settings.scrape_interval,
            prometheus: settings.prometheus.clone(),
            telemetry,
            wake,
            stores,
            pods: Arc::default(),
        })
    }

    /// What a pod has told so far.
    pub fn heard(&self, pod_uid: &str) -> ReportedMetrics {
        match self.pods().get(pod_uid).map(|f| &f.told) {
            Some(Told::Pages(heard)) => lock(heard).clone(),
            Some(Told::Log(log)) => log.heard(),
            None => ReportedMetrics::default(),
        }
    }

    /// Follows a pod, if nobody does yet.
    pub fn follow(&self, who: &TrialPod, source: MetricsSource, objective: &str) {
        let mut pods = self.pods();
        // Of a pod that the watch does not show yet news will come.
        if pods.contains_key(&who.uid) || self.running(who).is_none() {
            return;
        }
        let followed = match source {
            MetricsSource::Log(metrics) => self.follow_log(who, LogReader::new(metrics, objective)),
            source => {
                let heard = Arc::new(Mutex::new(ReportedMetrics::default()));
                let (me, for_whom, objective) = (self.clone(), who.clone(), objective.to_owned());
                let told = Told::Pages(heard.clone());
                let work = async move { me.keep_asking(&for_whom, source, &objective, &heard).await };
                self.followed(who, told, work)
            }
        };
        pods.insert(who.uid.clone(), followed);
    }

    fn follow_log(&self, who: &TrialPod, reader: LogReader) -> Followed {
        let log = PodLog::new(self.cluster.clone(), &who.owner.0, &who.name, reader);
        let (telemetry, wake, owner) = (self.telemetry.clone(), self.wake.clone(), who.owner.clone());
        let tell = move |trouble: Option<Kind>, is_news: bool| {
            telemetry.scraped(trouble);
            if is_news {
                wake.job(&owner);
            }
        };
        let told = Told::Log(Box::new(log.clone()));
        self.followed(who, told, log.follow(self.interval, tell))
    }

    /// Starts a task that ends with its pod, if not by itself.
    fn followed(
        &self,
        who: &TrialPod,
        told: Told,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Followed {
        let (me, for_whom) = (self.clone(), who.clone());
        let task = async move {
            let _one = me.telemetry.scrapes();
            tokio::select! {
                () = work => {}
                () = me.until_gone(&for_whom) => {}
            }
        };
        Followed {
            owner: who.owner.clone(),
            told,
            task: tokio::spawn(task),
            silent_since: None,
        }
    }

    async fn until_gone(&self, who: &TrialPod) {
        while self.running(who).is_some() {
            tokio::time::sleep(self.interval).await;
        }
    }

    /// The pod, for as long as it runs and its job is there.
    fn running(&self, who: &TrialPod) -> Option<Arc<Pod>> {
        let pod = self.stores.pods.get(&who.owner, &who.name)?;
        let runs = !attempt_state::has_exited(&pod) && !attempt_state::is_over(&pod);
        let is_same = pod.metadata.uid.as_ref() == Some(&who.uid);
        (is_same && runs && self.stores.job(&who.owner).is_some()).then_some(pod)
    }

    /// Reads the log of a pod that has ended to its end, from where it was followed to. What can't be read has told what was
    /// heard before. What was heard stays until the pod is forgotten.
    pub async fn rest_of_log(
        &self,
        who: &TrialPod,
        metrics: &LogMetrics,
        objective: &str,
    ) -> ReportedMetrics {
        let followed = self.pods().remove(&who.uid);
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
            PodLog::new(self.cluster.clone(), &who.owner.0, &who.name, reader)
        };
        let log = log.unwrap_or_else(new);
        let heard = log.rest().await;
        let ended = Followed {
            owner: who.owner.clone(),
            told: Told::Log(Box::new(log)),
            task: tokio::spawn(async {}),
            silent_since: None,
        };
        self.pods().insert(who.uid.clone(), ended);
        heard
    }

    /// The jobs of whose pods something is remembered.
    pub fn owners(&self) -> Vec<Owner> {
        self.pods().values().map(|f| f.owner.clone()).collect()
    }

    /// Follows this pod no more, and forgets what it has told.
    pub fn forget(&self, pod_uid: &str) {
        self.pods().remove(pod_uid);
    }

    /// Follows of a job's pods these alone, and forgets what all others have told. Of other jobs it forgets what nobody has
    /// asked for in a long time.
    pub fn keep(&self, owner: &Owner, wanted: &[&str]) {
        self.pods().retain(|uid, followed| {
            if followed.owner == *owner {
                return wanted.contains(&uid.as_str());
            }
            if !followed.task.is_finished() {
                return true;
            }
            let since = followed.silent_since.get_or_insert_with(Instant::now);
            since.elapsed() < MEMORY
        });
    }

    fn pods(&self) -> MutexGuard<'_, HashMap<String, Followed>> {
        lock(&self.pods)
    }

    async fn keep_asking(
        &self,
        who: &TrialPod,
        source: MetricsSource,
        objective: &str,
        heard: &Mutex<ReportedMetrics>,
    ) {
        let mut recorder = CurveRecorder::new(objective);
        let mut patience = Patience::new(self.interval);
        while let Some(pod) = self.running(who) {
            let answer = match &source {
                MetricsSource::Endpoint(endpoint) => {
                    self.ask_pod(endpoint, &pod, &mut recorder, objective).await
                }
                MetricsSource::Server(query) => self.ask_about(query, objective).await,
                MetricsSource::Log(_) => return,
            };
            // By now it may have been somebody else who answered.
            if self.running(who).is_none() {
                return;
            }
            let trouble = answer.as_ref().err();
            self.telemetry.scraped(trouble.map(|t| t.kind));
            let has_changed = patience.note(trouble);
            if let (true, Some(why)) = (has_changed, patience.said()) {
                tracing::warn!(
                    namespace = who.owner.0,
                    pod = who.name,
                    why,
                    "a trial is not heard"
                );
            }
            let is_news = answer.is_ok();
            {
                let mut heard = lock(heard);
                if let Ok(news) = answer {
                    take_in(&mut heard, news);
                }
                heard.trouble = patience.said();
            }
            // The reconciliation holds back what is not worth a write.
            if is_news || has_changed {
                self.wake.job(&who.owner);
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn ask_pod(
        &self,
        endpoint: &Endpoint,
        pod: &Pod,
        recorder: &mut CurveRecorder,
        objective: &str,
    ) -> Result<News, Trouble> {
        // The pod's own address, never one that a user wrote.
        let ip = pod.status.as_ref().and_then(|s| s.pod_ip.as_ref()?.parse().ok());
        let nowhere = || Trouble {
            kind: Kind::Unreachable,
            sentence: "its pod has no address".into(),
        };
        let page = endpoint.page(&self.http, ip.ok_or_else(nowhere)?).await?;
        recorder.page(TrialReading::of(&page, &[objective]));
        let mut points = Vec::new();
        keep_points(&mut points, recorder.take_news(), objective);
        Ok(News::More(ReportedMetrics {
            metrics: recorder.metrics.clone(),
            points,
            step: recorder.progress.step,
            total_steps: recorder.progress.total_steps,
            trouble: None,
            unread: recorder.unread.clone(),
            is_outdated: false,
            last_read: Some(Timestamp::now()),
        }))
    }

    async fn ask_about(&self, query: &RangeQuery, objective: &str) -> Result<News, Trouble> {
        let answer = self.ask_server(query, objective, Timestamp::now()).await;
        answer.map(News::All).map_err(|why| Trouble {
            kind: Kind::PrometheusServer,
            sentence: why.to_string(),
        })
    }

    /// All that the Prometheus server has of a pod up to a time.
    ///
    /// # Errors
    /// A sentence: it can't be reached, refuses, or knows more than one such series.
    pub async fn ask_server(
        &self,
        query: &RangeQuery,
        objective: &str,
        until: Timestamp,
    ) -> Result<ReportedMetrics, NoAnswer> {
        let unset = || NoAnswer::Unreachable("no Prometheus server is configured".into());
        let server = self.prometheus.as_ref().ok_or_else(unset)?;
        server.ask(query, objective, until, self.interval).await
    }
}

/// What an answer adds.
enum News {
    /// Its points follow those before.
    More(ReportedMetrics),
    /// It has everything from the beginning.
    All(ReportedMetrics),
}

fn take_in(heard: &mut ReportedMetrics, news: News) {
    let (points, news) = match news {
        News::All(news) => (Vec::new(), news),
        News::More(news) => (std::mem::take(&mut heard.points), news),
    };
    let mut points = points;
    points.extend(&news.points);
    drop_oldest(&mut points);
    *heard = ReportedMetrics { points, ..news };
}

#[cfg(test)]
#[path = "scrapers_tests.rs"]
mod tests;
