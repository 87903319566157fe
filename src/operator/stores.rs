//! Copies of what is in the cluster, by the TuningJob that it belongs to.

use super::attempt_state;
use super::cluster::job_resource;
use super::scope::Place;
use super::slim::Slim;
use crate::shell::lock;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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

    /// A TuningJob, if it is there.
    pub fn job(&self, owner: &Owner) -> Option<Arc<DynamicObject>> {
        let reference = ObjectRef::new_with(&owner.1, job_resource()).within(&owner.0);
        self.jobs.get(&reference)
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
        if !attempt_state::has_exited(&pod) {
            return;
        }
        pod.slim();
        let mut all = lock(&self.0);
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
        let all = lock(&self.0);
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

    /// Forgets everything there but these, after the whole list was read anew; the answer is what was forgotten.
    pub fn keep(&self, place: &Place, wanted: &HashSet<(Owner, String)>) -> Vec<(Owner, Arc<K>)> {
        let mut groups = self.lock();
        let mut gone = Vec::new();
        let is_there = |owner: &Owner| place.as_ref().is_none_or(|namespace| *namespace == owner.0);
        for (owner, group) in groups.iter_mut().filter(|(owner, _)| is_there(owner)) {
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
        lock(&self.0)
    }
}
