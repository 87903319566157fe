//! What every reconciliation works with.

use super::cluster::Cluster;
use super::events::Events;
use super::health::Health;
use super::lease::Candidate;
use super::listen::Listeners;
use super::prometheus_server::PrometheusServer;
use super::sight;
use super::slim::Slim;
use super::telemetry::Telemetry;
use super::thinker::Thinker;
use super::warnings::Warnings;
use crate::tuning::Retry;
use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How the operator is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own image, in which checkpoints are removed.
    pub image: String,
    /// Image of the built-in fine-tuner.
    pub trainer_image: String,
    /// The only namespace that is looked after; `None`: all.
    pub namespace: Option<String>,
    /// Reconciliations at once.
    pub concurrency: u16,
    /// Time between two readings of a trial's metrics.
    pub scrape_interval: Duration,
    /// The Prometheus server that `spec.metrics.promQuery` is about; `None`: such jobs are refused.
    pub prometheus: Option<PrometheusServer>,
    /// How long after a pod should have been gone its node counts as lost, and its trial is started elsewhere.
    pub lost_node_after: SignedDuration,
    /// What is borne of nodes that would not run a trial.
    pub retry: Retry,
    /// How long trials may wait for something, none of them running, before a person is called: the job is Stalled.
    pub stalled_after: SignedDuration,
    /// How long the removal of checkpoints may take before a job goes without it.
    pub cleanup_patience: Duration,
    /// Where /metrics, /healthz and /readyz are served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Who stands for election; `None`: this operator is the only one.
    pub candidate: Option<Candidate>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            image: concat!("tuning-operator/operator:", env!("CARGO_PKG_VERSION")).into(),
            trainer_image: concat!("tuning-operator/trainer:", env!("CARGO_PKG_VERSION")).into(),
            namespace: None,
            concurrency: 32,
            scrape_interval: Duration::from_secs(5),
            prometheus: None,
            lost_node_after: SignedDuration::from_mins(5),
            retry: Retry::default(),
            stalled_after: SignedDuration::from_mins(5),
            cleanup_patience: Duration::from_secs(300),
            listen: None,
            candidate: None,
        }
    }
}

/// Copies of what is in the cluster, kept up to date by watches.
#[derive(Clone)]
pub struct Stores {
    /// TuningJobs, as they are: one that can't be decoded spoils no other.
    pub jobs: Store<DynamicObject>,
    /// Trials, by the job that they name.
    pub trials: Index<DynamicObject>,
    /// Their Kubernetes Jobs.
    pub kube_jobs: Index<Job>,
    /// Their pods.
    pub pods: Index<Pod>,
    /// Pods that are gone, as they were at last: their end may not have been looked at yet.
    pub departed: Departed,
}

impl Stores {
    /// Nothing but jobs is known yet.
    pub fn new(jobs: Store<DynamicObject>) -> Self {
        Self {
            jobs,
            trials: Index::default(),
            kube_jobs: Index::default(),
            pods: Index::default(),
            departed: Departed::default(),
        }
    }
}

/// How long a pod that is gone is remembered.
const MEMORY: Duration = Duration::from_secs(300);

/// Pods that are gone, for as long as somebody may still have to look at how they ended.
#[derive(Clone, Default)]
pub struct Departed(Arc<Mutex<VecDeque<Gone>>>);

struct Gone {
    since: Instant,
    owner: Owner,
    pod: Arc<Pod>,
}

impl Departed {
    /// Remembers a pod for a while, and of it what tells how it ended.
    pub fn put(&self, owner: &Owner, mut pod: Pod) {
        if !sight::has_exited(&pod) {
            return;
        }
        pod.slim();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while all.front().is_some_and(|gone| gone.since.elapsed() > MEMORY) {
            all.pop_front();
        }
        all.push_back(Gone {
            since: Instant::now(),
            owner: owner.clone(),
            pod: Arc::new(pod),
        });
    }

    /// Those of a job, in the order in which they went.
    pub fn of(&self, owner: &Owner) -> Vec<Arc<Pod>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.iter().filter(|gone| gone.owner == *owner);
        own.map(|gone| gone.pod.clone()).collect()
    }
}

/// Objects by the TuningJob that they belong to, so that a reconciliation does not look through all of them.
#[derive(Clone)]
pub struct Index<K>(Arc<Mutex<Groups<K>>>);

type Groups<K> = HashMap<Owner, HashMap<String, Arc<K>>>;

/// Namespace and name of a TuningJob.
pub type Owner = (String, String);

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone> Index<K> {
    /// Adds or replaces an object.
    pub fn put(&self, owner: &Owner, name: &str, object: K) {
        self.lock()
            .entry(owner.clone())
            .or_default()
            .insert(name.to_owned(), Arc::new(object));
    }

    /// Removes an object.
    pub fn remove(&self, owner: &Owner, name: &str) {
        let mut groups = self.lock();
        if let Some(group) = groups.get_mut(owner) {
            group.remove(name);
            if group.is_empty() {
                groups.remove(owner);
            }
        }
    }

    /// Forgets everything but these, after the whole list was read anew; the answer is what was forgotten.
    pub fn keep(&self, wanted: &std::collections::HashSet<(Owner, String)>) -> Vec<(Owner, Arc<K>)> {
        let mut groups = self.lock();
        let mut gone = Vec::new();
        for (owner, group) in groups.iter_mut() {
            let all = group.extract_if(|name, _| !wanted.contains(&(owner.clone(), name.clone())));
            gone.extend(all.map(|(_, object)| (owner.clone(), object)));
        }
        groups.retain(|_, group| !group.is_empty());
        gone
    }

    /// One object of a job.
    pub fn get(&self, owner: &Owner, name: &str) -> Option<Arc<K>> {
        self.lock().get(owner)?.get(name).cloned()
    }

    /// The objects of a job.
    pub fn of(&self, owner: &Owner) -> Vec<Arc<K>> {
        self.lock()
            .get(owner)
            .map(|g| g.values().cloned().collect())
            .unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Groups<K>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What every reconciliation works with.
pub struct Context {
    /// How the operator is set up.
    pub settings: Settings,
    /// What is known of the cluster.
    pub stores: Stores,
    /// Everything that is written.
    pub cluster: Cluster,
    /// What running trials tell.
    pub listeners: Listeners,
    /// What people are told.
    pub events: Events,
    /// What the operator tells of itself.
    pub telemetry: Telemetry,
    /// Whether everything was listed once.
    pub ready: AtomicBool,
    /// When a trial's progress was last written; see `reconcile`.
    pub progress_written: Mutex<HashMap<String, Instant>>,
    /// Failed reconciliations in a row, by job.
    pub failures: Mutex<HashMap<Owner, u32>>,
    /// Version of each job after the operator's own last write.
    pub versions: Mutex<HashMap<Owner, u64>>,
    /// Where proposals are thought out.
    pub thinker: Thinker,
    /// Whether the watches work.
    pub health: Arc<Health>,
    /// What is complained of in events.
    pub warnings: Warnings,
    /// Places at work, given out in the order in which they are asked for.
    pub places: Semaphore,
}

impl Context {
    /// A job as the watch last told, unless that is older than what the operator itself has written: then the watch is
    /// about to bring news, and whatever were decided now would be a conflict.
    pub fn job_now(&self, owner: &Owner) -> Option<Arc<DynamicObject>> {
        let reference = ObjectRef::new_with(&owner.1, super::cluster::job_resource()).within(&owner.0);
        let Some(job) = self.stores.jobs.get(&reference) else {
            self.forget(owner);
            return None;
        };
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = version(&job)
            .zip(versions.get(owner))
            .is_some_and(|(seen, written)| seen < *written);
        (!is_old).then_some(job)
    }

    /// Notes that the operator has written a job.
    pub fn remember_write(&self, owner: &Owner, job: &DynamicObject) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.extend(version(job).map(|v| (owner.clone(), v)));
    }

    fn forget(&self, owner: &Owner) {
        self.thinker.forget(owner);
        self.listeners.keep(owner, &[]);
        self.versions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(owner);
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(owner);
    }
}

/// Versions of one kind are numbers that grow (Kubernetes API conventions, since 1.35).
fn version(object: &DynamicObject) -> Option<u64> {
    object.metadata.resource_version.as_ref()?.parse().ok()
}
