//! Copies of what is in the cluster, kept up to date, and who is woken by a change.

use super::JOB_LABEL;
use super::cluster::job_resource;
use super::health::{Health, Watched};
use super::listed::{JOBS, Listed};
use super::scope::Place;
use super::slim::Slim;
use super::stores::{Index, Owner};
use super::union::Union;
use super::wake::Wake;
use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Controller, WatchStreamExt};
use std::collections::HashSet;
use std::sync::Arc;

/// Keeps up the TuningJobs of these places, and says who is told of each change to one.
pub fn jobs(
    places: Vec<(Place, Api<DynamicObject>)>,
    writer: Writer<DynamicObject>,
    health: &Arc<Health>,
    listed: Arc<Listed>,
) -> Controller<DynamicObject> {
    let store = writer.as_reader();
    let events = places.into_iter().map(|(place, api)| {
        let (health, kind) = (health.clone(), JOBS);
        let watched = Watched { kind, place };
        // Each waits for itself after an error: what the controller sees of one, it waits for with all.
        let events = watcher(api, watcher::Config::default()).default_backoff();
        let told = events.modify(Slim::slim).filter_map(move |event| {
            health.saw(&watched, &event);
            std::future::ready(event.ok().map(|event| (watched.place.clone(), event)))
        });
        told.boxed()
    });
    let mut union = Union::default();
    let changes = futures::stream::select_all(events).flat_map(move |(place, event)| {
        let is_whole = matches!(event, Event::InitDone);
        let gone = |owner: &Owner| DynamicObject::new(&owner.1, &job_resource()).within(&owner.0);
        let changes = union.take(&place, event, gone);
        if is_whole {
            listed.done(JOBS, &place);
        }
        futures::stream::iter(changes)
    });
    // The controller may look at what is there from the start: whether it is all, it asks of each namespace.
    let begin = futures::stream::iter([Event::Init, Event::InitDone]);
    let changes = begin.chain(changes).map(Ok).reflect(writer).applied_objects();
    Controller::for_stream_with(changes, store, job_resource())
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
    /// Where it is noted that everything was listed.
    pub listed: Arc<Listed>,
}

impl Follower {
    /// Keeps an index up to date and wakes the jobs concerned; what is gone is handed to `depart`.
    pub fn follow<K>(
        &self,
        watched: Watched,
        events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
        index: Index<K>,
        owner_of: OwnerOf<K>,
        depart: impl Fn(&Owner, K) + Send + 'static,
    ) where
        K: kube::Resource + Slim + Clone + Send + Sync + 'static,
    {
        let me = self.clone();
        tokio::spawn(async move {
            // Said too where this task ends by a panic.
            let _ends = me.health.watches(&watched);
            let mut events = std::pin::pin!(events);
            let mut seen = HashSet::new();
            while let Some(event) = events.next().await {
                me.health.saw(&watched, &event);
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
                        for (owner, object) in index.keep(&watched.place, &seen) {
                            depart(&owner, K::clone(&object));
                            me.wake.job(&owner);
                        }
                        me.listed.done(watched.kind, &watched.place);
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
