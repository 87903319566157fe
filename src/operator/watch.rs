//! Copies of what is in the cluster, kept up to date, and who is woken by a change.

use super::JOB_LABEL;
use super::cluster::job_resource;
use super::health::Health;
use super::slim::Slim;
use super::stores::{Index, Owner};
use super::wake::Wake;
use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::reflector::{Store, store::Writer};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Controller, WatchStreamExt};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::oneshot;

/// TuningJobs as they are kept, and who is told of each change to one.
pub fn jobs(
    api: Api<DynamicObject>,
    health: Arc<Health>,
) -> (Store<DynamicObject>, Controller<DynamicObject>) {
    let writer = Writer::<DynamicObject>::new(job_resource());
    let store = writer.as_reader();
    let events = watcher(api, watcher::Config::default())
        .modify(Slim::slim)
        .inspect(move |event| health.saw("TuningJob", event));
    let changes = events.reflect(writer).applied_objects();
    let controller = Controller::for_stream_with(changes, store.clone(), job_resource());
    (store, controller)
}

/// Which TuningJob an object belongs to.
pub type OwnerOf<K> = fn(&K) -> Option<Owner>;

/// By the job that it names.
pub fn owner_of_trial(trial: &DynamicObject) -> Option<Owner> {
    let job = trial.data.get("spec")?.get("job")?.as_str()?;
    Some((trial.namespace()?, job.to_owned()))
}

/// By its label.
pub fn owner_by_label<K: ResourceExt>(object: &K) -> Option<Owner> {
    Some((object.namespace()?, object.labels().get(JOB_LABEL)?.clone()))
}

/// What becomes of the news of a watch.
#[derive(Clone)]
pub struct Follower {
    /// Who is woken.
    pub wake: Wake,
    /// Where it is noted whether the watch works.
    pub health: Arc<Health>,
}

impl Follower {
    /// Keeps an index up to date and wakes the jobs concerned; what is gone is handed to `depart`. The answer is done once
    /// everything was listed.
    pub fn follow<K>(
        &self,
        kind: &'static str,
        events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
        index: Index<K>,
        owner_of: OwnerOf<K>,
        depart: impl Fn(&Owner, K) + Send + 'static,
    ) -> oneshot::Receiver<()>
    where
        K: kube::Resource + Slim + Clone + Send + Sync + 'static,
    {
        let (done, listed) = oneshot::channel();
        let mut done = Some(done);
        let me = self.clone();
        tokio::spawn(async move {
            // Said too where this task ends by a panic.
            let _ends = me.health.watches(kind);
            let mut events = std::pin::pin!(events);
            let mut seen = HashSet::new();
            while let Some(event) = events.next().await {
                me.health.saw(kind, &event);
                let Ok(event) = event else { continue };
                match event {
                    Event::Init => seen.clear(),
                    Event::InitApply(object) => {
                        if let Some(owner) = owner_of(&object) {
                            seen.insert((owner, object.name_any()));
                        }
                        me.put(&index, object, owner_of);
                    }
                    Event::InitDone => {
                        // Nobody else tells of what went while the watch was broken.
                        for (owner, object) in index.keep(&seen) {
                            depart(&owner, K::clone(&object));
                            me.wake.job(&owner);
                        }
                        done.take().map(|done| done.send(()));
                    }
                    Event::Apply(object) => me.put(&index, object, owner_of),
                    Event::Delete(object) => {
                        if let Some(owner) = owner_of(&object) {
                            index.remove(&owner, &object.name_any());
                            depart(&owner, object);
                            me.wake.job(&owner);
                        }
                    }
                }
            }
        });
        listed
    }

    fn put<K: kube::Resource + Clone + Slim>(&self, index: &Index<K>, mut object: K, owner_of: OwnerOf<K>) {
        object.slim();
        if let Some(owner) = owner_of(&object) {
            let name = object.meta().name.clone().unwrap_or_default();
            index.put(&owner, &name, object);
            self.wake.job(&owner);
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
