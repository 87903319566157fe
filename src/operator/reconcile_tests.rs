//! One pass over a job, against an API server in memory that can be told to refuse.

use super::*;
use crate::operator::cluster::{Cluster, job_resource};
use crate::operator::endpoint::Endpoint;
use crate::operator::events::Events;
use crate::operator::fence::Fence;
use crate::operator::health::Health;
use crate::operator::listed::Listed;
use crate::operator::scrapers::{MetricsSource, Scrapers, TrialPod};
use crate::operator::stores::Stores;
use crate::operator::telemetry::Telemetry;
use crate::operator::thinker::Thinker;
use crate::operator::wake::Wake;
use crate::shell::lock;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use kube::runtime::{reflector, watcher};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::Poll;

/// Objects by path. Refuses with this code what begins so, such as `POST /apis/batch`.
#[derive(Clone, Default)]
struct Api {
    objects: Arc<Mutex<HashMap<String, Value>>>,
    log: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<Option<(&'static str, u16)>>>,
}

impl Api {
    fn refusing(what: &'static str, code: u16) -> Self {
        let api = Self::default();
        *api.refuses.lock().unwrap() = Some((what, code));
        api
    }

    /// What was asked so far, reads and events left out.
    fn writes(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let wanted = |line: &&String| !line.starts_with("GET") && !line.contains("/events");
        log.iter().filter(wanted).cloned().collect()
    }

    fn answer(&self, method: &Method, path: &str, body: Value) -> (u16, Value) {
        let line = format!("{method} {path}");
        self.log.lock().unwrap().push(line.clone());
        let refuses = *self.refuses.lock().unwrap();
        if let Some((_, code)) = refuses.filter(|(what, _)| line.starts_with(what)) {
            let reason = match (code, method.as_str()) {
                (409, "POST") => "AlreadyExists",
                (409, _) => "Conflict",
                _ => "InternalError",
            };
            return (
                code,
                json!({"kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": "no"}),
            );
        }
        let mut objects = self.objects.lock().unwrap();
        let place = path.trim_end_matches("/status").to_owned();
        match method.as_str() {
            "POST" => {
                let mut new = body;
                let name = new["metadata"]["name"].as_str().unwrap_or("event").to_owned();
                new["metadata"]["uid"] = json!(format!("uid-of-{name}"));
                new["metadata"]["creationTimestamp"] = json!("2026-01-02T03:04:05Z");
                objects.insert(format!("{place}/{name}"), new.clone());
                (201, new)
            }
            "PUT" => {
                objects.insert(place, body.clone());
                (200, body)
            }
            _ => objects.get(&place).map_or(
                (404, json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "no"})),
                |found| (200, found.clone()),
            ),
        }
    }
}

impl tower::Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap_or_default();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (code, body) = api.answer(&parts.method, parts.uri.path(), body);
            let answer = Response::builder()
                .status(code)
                .body(Body::from(body.to_string().into_bytes()));
            Ok(answer.unwrap())
        })
    }
}

fn context(api: &Api, fence: Fence) -> Arc<Context> {
    let client = Client::new(api.clone(), "team");
    let telemetry = Telemetry::new().unwrap();
    let cluster = Cluster::new(client.clone(), telemetry.clone(), fence.clone());
    let settings = Settings::default();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut jobs = reflector::store::Writer::<DynamicObject>::new(job_resource());
    jobs.apply_watcher_event(&watcher::Event::Apply(DynamicObject::clone(&job(Value::Null))));
    let stores = Stores::new(jobs.as_reader());
    let wake = Wake::new(telemetry.clone());
    let listed = Listed::new(&settings.scope, stores.jobs.clone(), wake.clone());
    Arc::new(Context {
        scrapers: Scrapers::new(
            cluster.clone(),
            &settings,
            telemetry.clone(),
            wake,
            stores.clone(),
        )
        .unwrap(),
        stores,
        cluster,
        events: Events::new(client, fence),
        health: Arc::new(Health::new(telemetry.clone())),
        telemetry,
        listed: Arc::new(listed),
        progress_written: Default::default(),
        failures: Default::default(),
        versions: Default::default(),
        thinker: Thinker::new(Arc::new(|_| {})),
        warnings: Default::default(),
        queues: Default::default(),
        places: tokio::sync::Semaphore::new(1),
        settings,
    })
}

fn job(status: Value) -> Arc<DynamicObject> {
    let object = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob",
        "metadata": {"name": "job", "namespace": "team", "uid": "u", "generation": 1, "resourceVersion": "7"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "learning_rate", "double": {"min": 5e-6, "max": 5e-4, "scale": "Log"}}],
            "budget": {"maxTrials": 3, "parallelTrials": 1},
            "trial": {"container": {"image": "example.org/train"}},
        },
        "status": status,
    });
    Arc::new(serde_json::from_value(object).unwrap())
}

async fn one_pass(api: &Api) -> Result<Action, Error> {
    reconcile(job(Value::Null), context(api, Fence::default())).await
}

const JOBS: &str = "/apis/tuning-operator.io/v1alpha1/namespaces/team/tuningjobs/job/status";
const TRIALS: &str = "/apis/tuning-operator.io/v1alpha1/namespaces/team/trials";

#[tokio::test]
async fn a_trials_status_is_written_before_its_job_is_created() {
    let api = Api::default();
    one_pass(&api).await.unwrap();
    let expected = [
        format!("PUT {JOBS}"),
        format!("POST {TRIALS}"),
        format!("PUT {TRIALS}/job-0001/status"),
        "POST /apis/batch/v1/namespaces/team/jobs".to_owned(),
        format!("PUT {JOBS}"),
    ];
    assert_eq!(api.writes(), expected);
}

#[tokio::test]
async fn a_trial_that_is_there_already_is_waited_for() {
    let api = Api::refusing("POST /apis/tuning-operator.io", 409);
    assert_eq!(one_pass(&api).await.unwrap(), Action::requeue(SOON));
    assert!(
        !api.writes().iter().any(|line| line.contains("/batch/")),
        "{:?}",
        api.writes()
    );
}

#[tokio::test]
async fn a_job_that_is_there_already_is_an_answer() {
    let api = Api::refusing("POST /apis/batch", 409);
    assert_eq!(one_pass(&api).await.unwrap(), Action::requeue(SOON));
    assert_eq!(api.writes().last(), Some(&format!("PUT {JOBS}")));
}

#[tokio::test]
async fn a_decision_on_old_knowledge_is_dropped() {
    let api = Api::refusing("PUT /apis/tuning-operator.io", 409);
    assert_eq!(
        one_pass(&api).await.unwrap(),
        Action::requeue(Duration::from_millis(500))
    );
    assert_eq!(api.writes(), [format!("PUT {JOBS}")]);
}

#[tokio::test]
async fn a_server_in_trouble_is_an_error_of_its_kind() {
    let api = Api::refusing("POST /apis/batch", 500);
    let error = one_pass(&api).await.unwrap_err();
    assert_eq!(error.kind(), "api");
    // What was decided stands: the next pass creates the Job.
    assert_eq!(api.writes()[2], format!("PUT {TRIALS}/job-0001/status"));
}

#[tokio::test]
async fn a_replica_without_the_lease_asks_for_nothing() {
    let (api, fence) = (Api::default(), Fence::default());
    fence.open_until(Instant::now());
    let result = reconcile(job(Value::Null), context(&api, fence)).await;
    assert!(result.is_err());
    assert_eq!(api.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_has_ended_is_left_alone() {
    let api = Api::default();
    let all = ["Ready", "Reconciling", "Stalled", "Complete", "Failed", "Suspended"].map(|type_| {
        json!({"type": type_, "status": if matches!(type_, "Ready" | "Complete") { "True" } else { "False" },
            "reason": "TrialsSpent", "message": "all 3 trials are done", "lastTransitionTime": "2026-01-02T03:04:05Z",
            "observedGeneration": 1})
    });
    let status = json!({"observedGeneration": 1, "startTime": "2026-01-02T03:04:05Z", "phase": "Complete",
        "completionTime": "2026-01-02T03:04:05Z", "message": "all 3 trials are done", "conditions": all, "progress": "0/3"});
    let action = reconcile(job(status), context(&api, Fence::default()))
        .await
        .unwrap();
    assert_eq!(action, Action::requeue(RESYNC));
    assert_eq!(api.writes(), Vec::<String>::new());
}

/// A trial whose pod, which tells only by its endpoint, has just ended well.
fn ended_trial(context: &Context, metrics_port: u16) -> Arc<DynamicObject> {
    let owner = ("team".to_owned(), "job".to_owned());
    let owned_by = |kind: &str, uid: &str| json!([{"apiVersion": "x/v1", "kind": kind, "name": "n", "uid": uid, "controller": true}]);
    let labels = json!({"tuning-operator.io/job": "job", "tuning-operator.io/trial": "job-0001"});
    let trial = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial",
        "metadata": {"name": "job-0001", "namespace": "team", "uid": "t", "labels": labels,
            "ownerReferences": owned_by("TuningJob", "u")},
        "spec": {"job": "job", "index": 1, "parameters": {"learning_rate": 1e-4}},
        "status": {"phase": "Running", "attempts": 1, "pod": "p"},
    });
    let kube_job = json!({"metadata": {"name": "job-0001", "namespace": "team", "uid": "k", "labels": labels,
        "annotations": {"tuning-operator.io/attempt": "1"}, "ownerReferences": owned_by("Trial", "t")}});
    let terminated =
        json!({"exitCode": 0, "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:05:05Z"});
    let pod = json!({"metadata": {"name": "p", "namespace": "team", "uid": "p", "labels": labels,
        "creationTimestamp": "2026-01-02T03:04:00Z", "ownerReferences": owned_by("Job", "k")},
        "status": {"phase": "Succeeded", "containerStatuses": [{"name": "trial", "image": "", "imageID": "",
            "ready": false, "restartCount": 0, "state": {"terminated": terminated}}]}});
    let stores = &context.stores;
    stores
        .trials
        .put(&owner, "job-0001", serde_json::from_value(trial).unwrap());
    stores
        .kube_jobs
        .put(&owner, "job-0001", serde_json::from_value(kube_job).unwrap());
    stores.pods.put(&owner, "p", serde_json::from_value(pod).unwrap());
    let mut job = DynamicObject::clone(&job(
        json!({"observedGeneration": 1, "startTime": "2026-01-02T03:04:05Z"}),
    ));
    job.data["spec"]["metrics"] = json!({"prometheus": {"port": metrics_port}});
    Arc::new(job)
}

#[tokio::test]
async fn what_was_heard_last_is_not_lost_where_the_status_write_is_a_conflict() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = axum::Router::new().route(
        "/metrics",
        axum::routing::get(async || "tuning_metric{name=\"f1\"} 0.6\n"),
    );
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let api = Api::refusing(
        "PUT /apis/tuning-operator.io/v1alpha1/namespaces/team/trials",
        409,
    );
    let context = context(&api, Fence::default());
    let job = ended_trial(&context, port);
    let path = "/metrics".to_owned();
    let source = MetricsSource::Endpoint(Endpoint { port, path });
    let owner = ("team".to_owned(), "job".to_owned());
    let ended = context.stores.pods.get(&owner, "p").unwrap();
    let mut running = k8s_openapi::api::core::v1::Pod::clone(&ended);
    running.status = Some(serde_json::from_value(json!({"phase": "Running", "podIP": "127.0.0.1"})).unwrap());
    context.stores.pods.put(&owner, "p", running);
    let who = TrialPod {
        owner: owner.clone(),
        name: "p".into(),
        uid: "p".into(),
    };
    context.scrapers.follow(&who, source, "f1");
    while context.scrapers.heard("p").metrics.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.abort();
    context.stores.pods.put(&owner, "p", (*ended).clone());
    let first = reconcile(job.clone(), context.clone()).await.unwrap();
    assert_eq!(first, Action::requeue(Duration::from_millis(500)));
    *api.refuses.lock().unwrap() = None;
    reconcile(job, context).await.unwrap();
    let trial = api.objects.lock().unwrap()[&format!("{TRIALS}/job-0001")].clone();
    assert_eq!(
        (&trial["status"]["phase"], &trial["status"]["value"]),
        (&json!("Succeeded"), &json!(0.6))
    );
}

#[tokio::test]
async fn without_the_right_to_read_events_a_trial_that_waits_says_less_and_holds_up_nothing() {
    let api = Api::refusing("GET /api/v1/namespaces/team/events", 403);
    let context = context(&api, Fence::default());
    let owned = |kind: &str, uid: &str| json!([{"apiVersion": "x/v1", "kind": kind, "name": "x", "uid": uid, "controller": true}]);
    let trial = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial",
        "metadata": {"name": "job-0001", "namespace": "team", "uid": "t", "ownerReferences": owned("TuningJob", "u")},
        "spec": {"job": "job", "index": 1, "parameters": {"learning_rate": 1e-4}},
        "status": {"phase": "Pending", "attempts": 1},
    });
    let kube_job = json!({"metadata": {
        "name": "job-0001", "namespace": "team", "uid": "j", "creationTimestamp": "2026-01-02T03:04:05Z",
        "annotations": {crate::operator::ATTEMPT_ANNOTATION: "1"}, "ownerReferences": owned("Trial", "t"),
    }});
    let owner = ("team".to_owned(), "job".to_owned());
    let stores = &context.stores;
    stores
        .trials
        .put(&owner, "job-0001", serde_json::from_value(trial).unwrap());
    stores
        .kube_jobs
        .put(&owner, "job-0001", serde_json::from_value(kube_job).unwrap());
    let status = json!({"observedGeneration": 1, "startTime": "2026-01-02T03:04:05Z"});
    reconcile(job(status), context).await.unwrap();
    let log = api.log.lock().unwrap();
    assert!(log.iter().any(|line| line.contains("/events")), "{log:?}");
}

#[tokio::test]
async fn a_job_that_is_gone_is_forgotten_and_no_other() {
    let context = context(&Api::default(), Fence::default());
    let [here, gone] = ["job", "gone"].map(|name| ("team".to_owned(), name.to_owned()));
    let checked = check(&job(Value::Null), &context.settings).unwrap();
    for owner in [&here, &gone] {
        context.remember_write(owner, &job(Value::Null));
        *lock(&context.failures).entry(owner.clone()).or_default() += 1;
        let question = Question::next(&Snapshot::new(checked.job.clone()), 1);
        context.thinker.next(owner, question).await.unwrap();
    }
    context.forget_gone();
    assert_eq!(context.thinker.owners(), std::slice::from_ref(&here));
    assert_eq!(lock(&context.versions).keys().collect::<Vec<_>>(), [&here]);
    assert_eq!(lock(&context.failures).keys().collect::<Vec<_>>(), [&here]);
}

#[path = "reconcile_range_tests.rs"]
mod range;
