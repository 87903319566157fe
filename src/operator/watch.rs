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
mod tests {
    use super::*;
    use crate::operator::telemetry::Telemetry;
    use k8s_openapi::api::core::v1::Pod;
    use std::sync::Mutex;

    fn pod(name: &str, job: &str) -> Pod {
        let metadata = serde_json::json!({"name": name, "namespace": "team", "labels": {JOB_LABEL: job}});
        serde_json::from_value(serde_json::json!({"metadata": metadata})).unwrap()
    }

    fn expired() -> watcher::Error {
        let gone = kube::core::Status::failure("too old resource version", "Expired").with_code(410);
        watcher::Error::WatchError(gone.boxed())
    }

    #[tokio::test]
    async fn what_went_while_a_watch_was_broken_departs_and_wakes_its_job() {
        let telemetry = Telemetry::new().unwrap();
        let wake = Wake::new(telemetry.clone());
        let mut woken = wake.stream();
        let health = Arc::new(Health::new(telemetry));
        let follower = Follower { wake, health };
        let (index, gone) = (Index::default(), Arc::new(Mutex::new(Vec::new())));
        let departed = gone.clone();
        let (send, events) = futures::channel::mpsc::unbounded();
        let listed = follower.follow(
            "Pod",
            events,
            index.clone(),
            owner_by_label,
            move |owner, pod: Pod| {
                departed.lock().unwrap().push((owner.1.clone(), pod.name_any()));
            },
        );
        let list = |pods: &[Pod]| {
            let all = pods.iter().cloned().map(Event::InitApply);
            for event in std::iter::once(Event::Init).chain(all).chain([Event::InitDone]) {
                send.unbounded_send(Ok(event)).unwrap();
            }
        };
        list(&[pod("a-0001-x", "a"), pod("b-0001-x", "b")]);
        listed.await.unwrap();
        for _ in 0..2 {
            woken.next().await.unwrap();
        }
        send.unbounded_send(Err(expired())).unwrap();
        list(&[]);
        let mut jobs = [woken.next().await.unwrap().1, woken.next().await.unwrap().1];
        jobs.sort();
        assert_eq!(jobs, ["a", "b"]);
        let mut gone = std::mem::take(&mut *gone.lock().unwrap());
        gone.sort();
        assert_eq!(
            gone,
            [
                ("a".into(), "a-0001-x".into()),
                ("b".into(), "b-0001-x".to_string())
            ]
        );
        assert!(index.of(&("team".into(), "a".into())).is_empty());
    }
}
