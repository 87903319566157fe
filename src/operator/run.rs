//! Wires watches, reconciliations and the operator's own endpoints together.

use super::cluster::{Cluster, job_resource, trial_resource};
use super::context::Context;
use super::error::Error;
use super::events::Events;
use super::fence::Fence;
use super::health::{Health, Watched};
use super::lease;
use super::listed::{CHILDREN, Listed};
use super::memory;
use super::neighbours;
use super::reconcile;
use super::scope::Place;
use super::scrapers::Scrapers;
use super::settings::Settings;
use super::start::{Connect, StartError};
use super::stores::{Owner, Stores};
use super::telemetry::Telemetry;
use super::thinker::{Thinker, Wakes};
use super::trouble::chain;
use super::wake::Wake;
use super::watch::{self, Follower};
use super::{JOB_LABEL, serve, served};
use crate::shell::lock;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, store::Writer};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{Controller, WatchStreamExt};
use kube::{Client, ResourceExt};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Longest time that one reconciliation may take.
const MAX_PASS: Duration = Duration::from_secs(60);
/// Time after which what is known of jobs that are gone is forgotten, and their memory given back.
const BETWEEN_TIDYINGS: Duration = Duration::from_secs(60);
/// Longest wait after repeated failures.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// Looks after TuningJobs until `stop` is done.
pub async fn run(
    connect: Connect,
    settings: Settings,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) -> Result<(), StartError> {
    let fence = Fence::default();
    let (controller, context, wake) = set_up(connect()?, &settings, &fence)?;
    serve::start(&context, &connect).await?;
    let stop = stop.shared();
    // Who knows of no trial yet could not work.
    tokio::select! {
        () = stop.clone() => return Ok(()),
        () = context.listed.begin() => {}
    }
    let leadership = match &settings.candidate {
        None => None,
        Some(candidate) => tokio::select! {
            () = stop.clone() => return Ok(()),
            leadership = lease::elected(connect.clone(), candidate, &fence) => Some(leadership?),
        },
    };
    let tidied = context.clone();
    let _tidies = AbortOnDrop(tokio::spawn(async move {
        loop {
            tokio::time::sleep(BETWEEN_TIDYINGS).await;
            tidied.forget_gone();
            memory::give_back();
        }
    }));
    context.telemetry.leads(true);
    let _says = AbortOnDrop(tokio::spawn(say_what_is_served(connect()?)));
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
    tracing::info!("reconciling in {}", settings.scope);
    let work = controller
        .reconcile_on(wake.stream().map(|owner| reference(&owner)))
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

/// Says so if the CRDs are of another version: what a person applies would lose fields without a word.
async fn say_what_is_served(client: Client) {
    match served::differences(&client).await {
        Ok(all) => all.iter().for_each(|difference| tracing::warn!("{difference}")),
        Err(error) => tracing::debug!(error = chain(&error), "the schema of the CRDs can't be read"),
    }
}

/// A task that ends with the operator that began it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn set_up(
    client: Client,
    settings: &Settings,
    fence: &Fence,
) -> Result<(Controller<DynamicObject>, Arc<Context>, Wake), StartError> {
    let telemetry = Telemetry::new()?;
    let cluster = Cluster::new(client.clone(), telemetry.clone(), fence.clone());
    let wake = Wake::new(telemetry.clone());
    let health = Arc::new(Health::new(telemetry.clone()));
    let writer = Writer::new(job_resource());
    let stores = Stores::new(writer.as_reader());
    let listed = Arc::new(Listed::new(&settings.scope, stores.jobs.clone(), wake.clone()));
    let places = settings.scope.places();
    let follower = Follower {
        wake: wake.clone(),
        health: health.clone(),
        listed: listed.clone(),
    };
    for place in &places {
        follow_children(&client, place, &stores, &follower);
    }
    let api = |place: Place| (place.clone(), dynamic(&client, &place, &job_resource()));
    let places = places.into_iter().map(api).collect();
    let controller = watch::jobs(places, writer, &health, listed.clone());
    let context = Context {
        scrapers: Scrapers::new(
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
        listed,
        progress_written: Default::default(),
        failures: Default::default(),
        versions: Default::default(),
        health,
        warnings: Default::default(),
        queues: Default::default(),
        thinker: Thinker::new(wakes(&wake)),
        places: Semaphore::new(settings.concurrency.into()),
        settings: settings.clone(),
    };
    Ok((controller, Arc::new(context), wake))
}

/// Keeps up what belongs to the TuningJobs of a place.
fn follow_children(client: &Client, place: &Place, stores: &Stores, follower: &Follower) {
    let trials = dynamic(client, place, &trial_resource());
    let (kube_jobs, pods) = (typed::<Job>(client, place), typed::<Pod>(client, place));
    let departed = stores.departed.clone();
    let ours = watcher::Config::default().labels(JOB_LABEL);
    // Trials carry no label when a person makes them; Jobs and pods always do.
    let all = watcher::Config::default();
    let trials = watcher(trials, all).default_backoff();
    let kube_jobs = watcher(kube_jobs, ours.clone()).default_backoff();
    let pods = watcher(pods, ours).default_backoff();
    let [of_trials, of_jobs, of_pods] = CHILDREN.map(|kind| Watched {
        kind,
        place: place.clone(),
    });
    follower.follow(
        of_trials,
        trials,
        stores.trials.clone(),
        watch::owner_of_trial,
        |_, _| {},
    );
    follower.follow(
        of_jobs,
        kube_jobs,
        stores.kube_jobs.clone(),
        watch::owner_by_label,
        |_, _| {},
    );
    follower.follow(
        of_pods,
        pods,
        stores.pods.clone(),
        watch::owner_by_label,
        move |owner, pod| departed.put(owner, pod),
    );
}

fn dynamic(client: &Client, place: &Place, resource: &ApiResource) -> Api<DynamicObject> {
    match place {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn typed<K>(client: &Client, place: &Place) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    match place {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Has a job looked at.
fn wakes(wake: &Wake) -> Wakes {
    let wake = wake.clone();
    Arc::new(move |owner| wake.job(owner))
}

pub fn reference(owner: &Owner) -> ObjectRef<DynamicObject> {
    ObjectRef::new_with(&owner.1, job_resource()).within(&owner.0)
}

/// A reconciliation that neither hangs nor takes the others down with it.
///
/// The controller is not told how many may work at once: of those who wait it takes any one next, and under load some
/// would wait for minutes. Here the first to come is the first to go.
async fn guarded(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Error> {
    let owner = (object.namespace().unwrap_or_default(), object.name_any());
    if !context.listed.knows(&owner.0) {
        // It is looked at as soon as the last of them is listed.
        return Ok(Action::await_change());
    }
    let waiting = context.telemetry.waits();
    let _place = context.places.acquire().await;
    drop(waiting);
    let Some(object) = context.job_now(&owner) else {
        return Ok(Action::requeue(MAX_PASS));
    };
    let begin = Instant::now();
    let pass = AssertUnwindSafe(reconcile::reconcile(object, context.clone())).catch_unwind();
    let result = match tokio::time::timeout(MAX_PASS, pass).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Err(Error::Panic(text.unwrap_or_default()))
        }
        Err(_) => Err(Error::Timeout(MAX_PASS)),
    };
    context
        .telemetry
        .reconciled(if result.is_ok() { "ok" } else { "error" }, begin.elapsed());
    if result.is_ok() {
        lock(&context.failures).remove(&owner);
    }
    result
}

/// Waits longer with each failure in a row.
fn error_policy(object: Arc<DynamicObject>, error: &Error, context: Arc<Context>) -> Action {
    let owner = (object.namespace().unwrap_or_default(), object.name_any());
    context.telemetry.failed(error.kind());
    let mut failures = lock(&context.failures);
    let n = failures.entry(owner.clone()).or_default();
    *n += 1;
    let wait = Duration::from_millis(250 << (*n).min(10)).min(MAX_BACKOFF);
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
