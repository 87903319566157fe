//! Wires watches, reconciliations and the operator's own endpoints together.

use super::cluster::{Cluster, job_resource, trial_resource};
use super::context::{Context, Departed, Index, Owner, Settings, Stores};
use super::events::Events;
use super::lease::{self, Fence};
use super::listen::Listeners;
use super::neighbours;
use super::reconcile::{self, Error};
use super::slim::Slim;
use super::telemetry::Telemetry;
use super::thinker::{Thinker, Wakes};
use super::trouble::chain;
use super::wake::Wake;
use super::{JOB_LABEL, serve};
use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Controller, WatchStreamExt};
use kube::{Client, ResourceExt};
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// Longest time that one reconciliation may take.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest wait after repeated failures.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// Why the operator can't begin, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its metrics could not be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Its HTTP client could not be set up.
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// It has no way to the cluster.
    #[error("Kubernetes client: {0}")]
    Client(#[from] kube::Error),
    /// A thread could not be had.
    #[error("thread: {0}")]
    Thread(std::io::Error),
    /// Its address is taken.
    #[error("{0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// Another replica may lead now: this one must not go on.
    #[error("the Lease could not be renewed in time: another replica may lead now")]
    LeaseLost,
}

/// Makes a client of the cluster for the runtime in which it is called.
pub type Connect = Arc<dyn Fn() -> Result<Client, kube::Error> + Send + Sync>;

/// Looks after TuningJobs until `stop` is done.
pub async fn run(
    connect: Connect,
    settings: Settings,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) -> Result<(), StartError> {
    let fence = Fence::default();
    let (controller, context, watches) = set_up(connect()?, &settings, &fence)?;
    if let Some(address) = settings.listen {
        serve::start(address, context.clone())
            .await
            .map_err(|e| StartError::Listen(address, e))?;
    }
    let stop = stop.shared();
    // Whatever is decided before everything was listed once would be decided half blind.
    tokio::select! {
        () = stop.clone() => return Ok(()),
        _ = futures::future::join_all(watches.listed) => {}
    }
    // Who stands by is ready too: it takes over without delay.
    context.ready.store(true, Ordering::Relaxed);
    let leadership = match &settings.candidate {
        None => None,
        Some(candidate) => tokio::select! {
            () = stop.clone() => return Ok(()),
            leadership = lease::elected(connect.clone(), candidate, &fence) => Some(leadership?),
        },
    };
    context.telemetry.leads(true);
    let _looks = match settings.candidate.clone() {
        Some(own) => Some(AbortOnDrop(tokio::spawn(neighbours::watch(connect()?, own)))),
        None => None,
    };
    let lost = leadership.as_ref().map(lease::Leadership::lost);
    let lost = futures::future::OptionFuture::from(lost).then(|lost| async move {
        match lost {
            Some(()) => (),
            None => std::future::pending().await,
        }
    });
    tracing::info!("all kinds are listed, reconciling");
    let work = controller
        .reconcile_on(watches.wake.stream().map(|owner| reference(&owner)))
        .graceful_shutdown_on(stop)
        .run(guarded, error_policy, context.clone())
        .for_each(|_| async {});
    tokio::select! {
        () = work => {}
        () = lost => return Err(StartError::LeaseLost),
    }
    context.telemetry.leads(false);
    if let Some(leadership) = leadership {
        leadership.release().await;
    }
    Ok(())
}

/// A task that ends with the operator that began it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches of what belongs to TuningJobs.
struct Watches {
    /// One for each kind, done once everything was listed.
    listed: [oneshot::Receiver<()>; 3],
    /// Jobs to look at.
    wake: Wake,
}

fn set_up(
    client: Client,
    settings: &Settings,
    fence: &Fence,
) -> Result<(Controller<DynamicObject>, Arc<Context>, Watches), StartError> {
    let telemetry = Telemetry::new()?;
    let cluster = Cluster::new(client.clone(), telemetry.clone(), fence.clone());
    let namespace = &settings.namespace;
    let wake = Wake::new(telemetry.clone());
    let jobs = dynamic(&client, namespace, &job_resource());
    let (jobs, controller) = follow_jobs(jobs);
    let stores = Stores {
        jobs,
        trials: Index::default(),
        kube_jobs: Index::default(),
        pods: Index::default(),
        departed: Departed::default(),
    };
    let trials = dynamic(&client, namespace, &trial_resource());
    let (kube_jobs, pods) = (typed::<Job>(&client, namespace), typed::<Pod>(&client, namespace));
    let departed = stores.departed.clone();
    let listed = [
        follow(
            trials,
            stores.trials.clone(),
            wake.clone(),
            owner_of_trial,
            |_, _| {},
        ),
        follow(
            kube_jobs,
            stores.kube_jobs.clone(),
            wake.clone(),
            owner_by_label,
            |_, _| {},
        ),
        follow(
            pods,
            stores.pods.clone(),
            wake.clone(),
            owner_by_label,
            move |owner, pod| departed.put(owner, pod),
        ),
    ];
    let context = Context {
        listeners: Listeners::new(
            cluster.clone(),
            settings,
            telemetry.clone(),
            wake.clone(),
            stores.clone(),
        )?,
        cluster,
        stores,
        events: Events::new(client, fence.clone()),
        telemetry,
        ready: AtomicBool::new(false),
        progress_written: Default::default(),
        failures: Default::default(),
        versions: Default::default(),
        warnings: Default::default(),
        thinker: Thinker::new(wakes(&wake)),
        places: Semaphore::new(settings.concurrency.into()),
        settings: settings.clone(),
    };
    Ok((controller, Arc::new(context), Watches { listed, wake }))
}

/// TuningJobs as they are kept, and who is told of each change to one.
fn follow_jobs(api: Api<DynamicObject>) -> (Store<DynamicObject>, Controller<DynamicObject>) {
    let writer = Writer::<DynamicObject>::new(job_resource());
    let store = writer.as_reader();
    let events = watcher(api, watcher::Config::default()).modify(Slim::slim);
    let changes = events.reflect(writer).applied_objects();
    let controller = Controller::for_stream_with(changes, store.clone(), job_resource());
    (store, controller)
}

fn dynamic(client: &Client, namespace: &Option<String>, resource: &ApiResource) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn typed<K>(client: &Client, namespace: &Option<String>) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Which TuningJob an object belongs to.
type OwnerOf<K> = fn(&K) -> Option<Owner>;

fn owner_of_trial(trial: &DynamicObject) -> Option<Owner> {
    let job = trial.data.get("spec")?.get("job")?.as_str()?;
    Some((trial.namespace()?, job.to_owned()))
}

fn owner_by_label<K: ResourceExt>(object: &K) -> Option<Owner> {
    Some((object.namespace()?, object.labels().get(JOB_LABEL)?.clone()))
}

/// Keeps an index up to date and wakes the jobs concerned; what is gone is handed to `depart`. The answer is done once
/// everything was listed.
fn follow<K>(
    api: Api<K>,
    index: Index<K>,
    wake: Wake,
    owner_of: OwnerOf<K>,
    depart: impl Fn(&Owner, K) + Send + 'static,
) -> oneshot::Receiver<()>
where
    K: kube::Resource + Slim + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let (done, listed) = oneshot::channel();
    let mut done = Some(done);
    // Trials carry no label when a person makes them; Jobs and pods always do.
    let is_trial = std::any::type_name::<K>() == std::any::type_name::<DynamicObject>();
    let config = if is_trial {
        watcher::Config::default()
    } else {
        watcher::Config::default().labels(JOB_LABEL)
    };
    tokio::spawn(async move {
        let mut events = watcher(api, config).default_backoff().boxed();
        let mut seen = HashSet::new();
        loop {
            let event = match events.try_next().await {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a watch was interrupted");
                    continue;
                }
            };
            match event {
                Event::Init => seen.clear(),
                Event::InitApply(object) => {
                    if let Some(owner) = owner_of(&object) {
                        seen.insert((owner, object.name_any()));
                    }
                    put(&index, object, &wake, owner_of);
                }
                Event::InitDone => {
                    index.keep(&seen);
                    if let Some(done) = done.take() {
                        let _ = done.send(());
                    }
                }
                Event::Apply(object) => put(&index, object, &wake, owner_of),
                Event::Delete(object) => {
                    if let Some(owner) = owner_of(&object) {
                        index.remove(&owner, &object.name_any());
                        depart(&owner, object);
                        wake.job(&owner);
                    }
                }
            }
        }
    });
    listed
}

fn put<K: kube::Resource + Clone + Slim>(
    index: &Index<K>,
    mut object: K,
    wake: &Wake,
    owner_of: OwnerOf<K>,
) {
    object.slim();
    if let Some(owner) = owner_of(&object) {
        let name = object.meta().name.clone().unwrap_or_default();
        index.put(&owner, &name, object);
        wake.job(&owner);
    }
}

/// Has a job looked at.
fn wakes(wake: &Wake) -> Wakes {
    let wake = wake.clone();
    Arc::new(move |owner| wake.job(owner))
}

fn reference(owner: &Owner) -> ObjectRef<DynamicObject> {
    ObjectRef::new_with(&owner.1, job_resource()).within(&owner.0)
}

/// A reconciliation that neither hangs nor takes the others down with it.
///
/// The controller is not told how many may work at once: of those who wait it takes any one next, and under load some
/// would wait for minutes. Here the first to come is the first to go.
async fn guarded(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Error> {
    let owner = (object.namespace().unwrap_or_default(), object.name_any());
    let waiting = context.telemetry.waits();
    let _place = context.places.acquire().await;
    drop(waiting);
    let Some(object) = context.job_now(&owner) else {
        return Ok(Action::await_change());
    };
    let begin = Instant::now();
    let pass = AssertUnwindSafe(reconcile::reconcile(object, context.clone())).catch_unwind();
    let result = match tokio::time::timeout(LONGEST, pass).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Err(Error::Panic(text.unwrap_or_default()))
        }
        Err(_) => Err(Error::Timeout(LONGEST)),
    };
    context
        .telemetry
        .reconciled(if result.is_ok() { "ok" } else { "error" }, begin.elapsed());
    if result.is_ok() {
        context
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&owner);
    }
    result
}

/// Waits longer with each failure in a row.
fn error_policy(object: Arc<DynamicObject>, error: &Error, context: Arc<Context>) -> Action {
    let owner = (object.namespace().unwrap_or_default(), object.name_any());
    context.telemetry.failed(error.kind());
    let mut failures = context.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let n = failures.entry(owner.clone()).or_default();
    *n += 1;
    let wait = Duration::from_millis(250 << (*n).min(10)).min(LONGEST_BACKOFF);
    let error = chain(error);
    tracing::warn!(
        namespace = owner.0,
        job = owner.1,
        error,
        failures = *n,
        "reconciliation failed"
    );
    Action::requeue(wait)
}
