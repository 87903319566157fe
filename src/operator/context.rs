//! What every reconciliation works with.

use super::cluster::Cluster;
use super::events::Events;
use super::health::Health;
use super::listed::Listed;
use super::queue::Queues;
use super::scrapers::Scrapers;
use super::settings::Settings;
use super::stores::{Owner, Stores};
use super::telemetry::Telemetry;
use super::thinker::Thinker;
use super::warnings::Warnings;
use crate::shell::lock;
use kube::api::DynamicObject;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::Semaphore;

/// What every reconciliation works with.
pub struct Context {
    /// How the operator is set up.
    pub settings: Settings,
    /// What is known of the cluster.
    pub stores: Stores,
    /// Everything that is written.
    pub cluster: Cluster,
    /// What running trials tell.
    pub scrapers: Scrapers,
    /// What people are told.
    pub events: Events,
    /// What the operator tells of itself.
    pub telemetry: Telemetry,
    /// What was listed in full.
    pub listed: Arc<Listed>,
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
    /// What queues say of Jobs that they have not admitted.
    pub queues: Queues,
    /// Places at work, given out in the order in which they are asked for.
    pub places: Semaphore,
}

impl Context {
    /// A job as the watch last told, unless that is older than what the operator itself has written: then the watch is
    /// about to bring news, and whatever were decided now would be a conflict.
    pub fn job_now(&self, owner: &Owner) -> Option<Arc<DynamicObject>> {
        let job = self.stores.job(owner)?;
        let versions = lock(&self.versions);
        let is_old = version(&job)
            .zip(versions.get(owner))
            .is_some_and(|(seen, written)| seen < *written);
        (!is_old).then_some(job)
    }

    /// Notes that the operator has written a job.
    pub fn remember_write(&self, owner: &Owner, job: &DynamicObject) {
        let mut versions = lock(&self.versions);
        versions.extend(version(job).map(|v| (owner.clone(), v)));
    }

    /// Forgets the jobs that are gone. No pass does: there is none over a job that is not there.
    pub fn forget_gone(&self) {
        let mut known: HashSet<Owner> = lock(&self.versions).keys().cloned().collect();
        known.extend(lock(&self.failures).keys().cloned());
        known.extend(self.thinker.owners());
        known.extend(self.scrapers.owners());
        let gone = known.iter().filter(|owner| self.stores.job(owner).is_none());
        gone.for_each(|owner| self.forget(owner));
    }

    fn forget(&self, owner: &Owner) {
        self.thinker.forget(owner);
        self.scrapers.keep(owner, &[]);
        lock(&self.versions).remove(owner);
        lock(&self.failures).remove(owner);
    }
}

/// Versions of one kind are numbers that grow (Kubernetes API conventions, since 1.35).
fn version(object: &DynamicObject) -> Option<u64> {
    object.metadata.resource_version.as_ref()?.parse().ok()
}
