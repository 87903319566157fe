//! A real control plane without nodes, shared by the tests of a program, whose pods the tests play.
#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

#[path = "counting.rs"]
mod counting;
#[path = "handle.rs"]
mod handle;
#[path = "jobs.rs"]
mod jobs;
#[path = "lagging.rs"]
mod lagging;
#[path = "pods.rs"]
mod pods;

use counting::Counting;
pub use handle::Operator;
use handle::shared;
pub use jobs::{check_first_proposals, f1, manifest};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
pub use pods::{Play, Player, answer, serve};
use serde_json::{Value, json};
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tuning_operator::api::{Trial, TuningJob};
use tuning_operator::operator::{self, Candidate, Settings, StartError};
use tuning_operator::tuning;

/// The control plane ends when its input is closed: with this process, however that ends.
struct Plane {
    kubeconfig: String,
    _child: Child,
}

static PLANE: LazyLock<Plane> = LazyLock::new(|| {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/control-plane");
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let kubeconfig = line.trim().to_owned();
    assert!(
        !kubeconfig.is_empty(),
        "{program} said no kubeconfig; see what it said on its way out"
    );
    let _ = rustls::crypto::ring::default_provider().install_default();
    // On a thread of its own: a test's runtime is of no use to another test.
    let config = kubeconfig.clone();
    std::thread::spawn(move || {
        block_on(async move { install(Client::try_from(load(&config).await).unwrap()).await })
    })
    .join()
    .unwrap();
    Plane {
        kubeconfig,
        _child: child,
    }
});

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

async fn load(path: &str) -> Config {
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap()
}

async fn install(client: Client) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let api: Api<CustomResourceDefinition> = Api::all(client);
    for crd in operator::crds() {
        let name = crd.name_any();
        api.create(&PostParams::default(), &crd).await.unwrap();
        until("the CRD is served", async || {
            let status = api.get(&name).await.unwrap().status.and_then(|s| s.conditions);
            status
                .unwrap_or_default()
                .iter()
                .any(|c| c.type_ == "Established" && c.status == "True")
        })
        .await;
    }
}

/// Waits until something holds; fails after three minutes, which no machine that works needs.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    within(180, what, holds).await;
}

/// Waits so many seconds at most until something holds.
pub async fn within(seconds: u64, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !holds().await {
        assert!(
            begin.elapsed() < Duration::from_secs(seconds),
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A namespace of one test.
pub struct Space {
    pub name: String,
    pub client: Client,
    /// How long its operators wait until checkpoints are removed.
    pub patience: Duration,
    /// After how long its operators call a person for trials that can't run.
    pub stalled_after: jiff::SignedDuration,
    /// The Prometheus server of its operators.
    pub prometheus: Option<operator::PrometheusServer>,
    /// The namespaces that its operators look after.
    pub scope: operator::Scope,
    /// Where its operators say how they are.
    pub listen: Option<std::net::SocketAddr>,
    /// Where its operators serve their metrics over HTTPS.
    pub secure_metrics: Option<operator::SecureMetrics>,
    /// How its operators reach the control plane, and as whom.
    pub config: Config,
}

impl Space {
    pub async fn new(name: &str) -> Self {
        Self::on(load(&PLANE.kubeconfig).await, name, json!({})).await
    }

    /// How a program of its own reaches the control plane.
    pub fn kubeconfig() -> &'static str {
        &PLANE.kubeconfig
    }

    /// A namespace of the cluster that `make cluster-up` has brought up, where `$TUNING_CLUSTER_KUBECONFIG` says how to
    /// reach it. Its pods have to pass Pod Security's level restricted.
    pub async fn on_the_node(name: &str) -> Self {
        let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        Self::labelled_on_the_node(name, restricted).await
    }

    /// The same for pods that are root.
    pub async fn on_the_node_with_root(name: &str) -> Self {
        Self::labelled_on_the_node(name, json!({})).await
    }

    async fn labelled_on_the_node(name: &str, labels: Value) -> Self {
        let path = std::env::var("TUNING_CLUSTER_KUBECONFIG").expect("run this by make e2e");
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::on(load(&path).await, name, labels).await
    }

    async fn on(config: Config, name: &str, labels: Value) -> Self {
        let client = Client::try_from(config.clone()).unwrap();
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        let namespace: Namespace = serde_json::from_value(namespace).unwrap();
        Api::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        Self {
            name: name.to_owned(),
            client,
            patience: Settings::default().cleanup_patience,
            stalled_after: jiff::SignedDuration::ZERO,
            prometheus: None,
            scope: operator::Scope::of([name.to_owned()]),
            listen: None,
            secure_metrics: None,
            config,
        }
    }

    pub fn jobs(&self) -> Api<TuningJob> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub fn trials(&self) -> Api<Trial> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub fn kube_jobs(&self) -> Api<k8s_openapi::api::batch::v1::Job> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies a manifest; the answer is the API server's sentence, if it refuses.
    pub async fn apply(&self, manifest: &Value) -> Result<(), String> {
        let resource = match manifest["kind"].as_str() {
            Some("Trial") => kube::api::ApiResource::erase::<Trial>(&()),
            _ => kube::api::ApiResource::erase::<TuningJob>(&()),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.name, &resource);
        let params = PatchParams::apply("test").force();
        let name = manifest["metadata"]["name"].as_str().unwrap();
        api.patch(name, &params, &Patch::Apply(manifest))
            .await
            .map(drop)
            .map_err(|e| e.to_string())
    }

    pub async fn sorted_trials(&self) -> Vec<Trial> {
        let mut trials = self.trials().list(&ListParams::default()).await.unwrap().items;
        trials.sort_by_key(|t| t.index());
        trials
    }

    /// The reason for which a job's condition holds.
    pub async fn holds(&self, job: &str, condition: &str) -> Option<String> {
        let status = self.jobs().get_opt(job).await.unwrap()?.status?;
        let found = status.conditions.into_iter().find(|c| c.type_ == condition)?;
        (found.status == tuning_operator::api::ConditionStatus::True).then_some(found.reason)
    }

    /// Waits until a job is complete.
    pub async fn complete(&self, job: &str) {
        self.complete_within(job, 180).await;
    }

    /// Waits so many seconds at most until a job is complete.
    pub async fn complete_within(&self, job: &str, seconds: u64) {
        within(seconds, &format!("{job} is complete"), async || {
            self.holds(job, "Complete").await.is_some()
        })
        .await;
    }

    /// Names of the namespace's pods.
    pub async fn pod_names(&self) -> Vec<String> {
        let pods = self.pods().list(&ListParams::default()).await.unwrap();
        pods.items.iter().map(ResourceExt::name_any).collect()
    }

    /// Names of the namespace's Kubernetes Jobs.
    pub async fn kube_job_names(&self) -> Vec<String> {
        let jobs = self.kube_jobs().list(&ListParams::default()).await.unwrap();
        jobs.items.iter().map(ResourceExt::name_any).collect()
    }

    /// Starts an operator for this namespace.
    pub fn operator(&self) -> Operator {
        self.operator_with(usize::MAX, None)
    }

    /// Starts an operator that dies right after its write number `limit`, before it has seen the answer.
    pub fn operator_dying_after(&self, limit: usize) -> Operator {
        self.operator_with(limit, None)
    }

    /// Starts one of several replicas, or the only one; it dies right after its write number `limit`.
    pub fn operator_with(&self, limit: usize, candidate: Option<Candidate>) -> Operator {
        self.start(limit, Duration::ZERO, Arc::default(), candidate)
    }

    /// Starts an operator that sees everything late.
    pub fn operator_lagging(&self, lag: Duration) -> Operator {
        self.start(usize::MAX, lag, Arc::default(), None)
    }

    /// Starts one of several replicas, whom nobody answers once `cut` is true.
    pub fn operator_cut_off_by(&self, cut: Arc<AtomicBool>, candidate: Option<Candidate>) -> Operator {
        self.start(usize::MAX, Duration::ZERO, cut, candidate)
    }

    fn start(
        &self,
        limit: usize,
        lag: Duration,
        cut: Arc<AtomicBool>,
        candidate: Option<Candidate>,
    ) -> Operator {
        let layer = Counting {
            writes: Arc::default(),
            log: Arc::default(),
            dead: Arc::default(),
            limit,
            lag,
            cut,
        };
        let (config, counting) = (self.config.clone(), layer.clone());
        let connect = move || {
            Ok(ClientBuilder::try_from(config.clone())?
                .with_layer(&counting)
                .build())
        };
        let settings = Settings {
            scope: self.scope.clone(),
            listen: self.listen,
            scrape_interval: Duration::from_millis(200),
            lost_node_after: jiff::SignedDuration::from_secs(1),
            retry: tuning::Retry {
                pause: jiff::SignedDuration::from_millis(300),
                ..Default::default()
            },
            cleanup_patience: self.patience,
            stalled_after: self.stalled_after,
            prometheus: self.prometheus.clone(),
            secure_metrics: self.secure_metrics.clone(),
            candidate,
            ..Settings::default()
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let dead = layer.dead.clone();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            tokio::select! {
                result = operator::run(Arc::new(connect), settings, shared(stopped)) => result,
                () = dead.notified() => Ok(())
            }
        });
        Operator::new(layer, stop, task)
    }
}
