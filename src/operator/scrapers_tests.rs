//! Many trials come and go before real endpoints on this machine.

use super::*;
use crate::metrics;
use crate::operator::cluster::job_resource;
use crate::operator::fence::Fence;
use futures::StreamExt;
use k8s_openapi::api::core::v1::PodStatus;
use kube::api::DynamicObject;
use kube::runtime::{reflector, watcher};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{sleep, timeout};

/// Stores, scrapers, and a server on every address of this machine.
struct World {
    scrapers: Scrapers,
    wake: Wake,
    telemetry: Telemetry,
    stores: Stores,
    jobs: reflector::store::Writer<DynamicObject>,
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let socket = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let page = axum::routing::get(async move || {
            let n = count.fetch_add(1, Ordering::Relaxed);
            format!("tuning_metric{{name=\"f1\"}} 0.5\ntuning_step {n}\n")
        });
        let router = axum::Router::new().route("/metrics", page);
        tokio::spawn(async move { axum::serve(socket, router).await });
        let jobs = reflector::store::Writer::<DynamicObject>::new(job_resource());
        let stores = Stores::new(jobs.as_reader());
        let telemetry = Telemetry::new().unwrap();
        let client =
            kube::Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let cluster = Cluster::new(client, telemetry.clone(), Fence::default());
        let settings = Settings {
            scrape_interval: Duration::from_millis(20),
            ..Settings::default()
        };
        let wake = Wake::new(telemetry.clone());
        let scrapers = Scrapers::new(
            cluster,
            &settings,
            telemetry.clone(),
            wake.clone(),
            stores.clone(),
        );
        Self {
            scrapers: scrapers.unwrap(),
            wake,
            telemetry,
            stores,
            jobs,
            port,
            requests,
        }
    }

    fn job(&mut self, name: &str) -> Owner {
        let job = DynamicObject::new(name, &job_resource()).within("team");
        self.jobs.apply_watcher_event(&watcher::Event::Apply(job));
        ("team".to_owned(), name.to_owned())
    }

    fn end_job(&mut self, owner: &Owner) {
        let job = DynamicObject::new(&owner.1, &job_resource()).within(&owner.0);
        self.jobs.apply_watcher_event(&watcher::Event::Delete(job));
    }

    /// A pod runs, and its job's pass has seen it.
    fn run(&self, owner: &Owner, name: &str, uid: &str) -> TrialPod {
        let pod = json!({"metadata": {"name": name, "uid": uid}, "status": {"phase": "Running", "podIP": "127.0.0.1"}});
        self.stores
            .pods
            .put(owner, name, serde_json::from_value(pod).unwrap());
        let who = TrialPod {
            owner: owner.clone(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        };
        let (port, path) = (self.port, "/metrics".to_owned());
        self.scrapers
            .follow(&who, MetricsSource::Endpoint(Endpoint { port, path }), "f1");
        who
    }

    fn end(&self, who: &TrialPod) {
        let mut pod = Pod::clone(&self.stores.pods.get(&who.owner, &who.name).unwrap());
        pod.status = Some(PodStatus {
            phase: Some("Failed".into()),
            ..PodStatus::default()
        });
        self.stores.pods.put(&who.owner, &who.name, pod);
    }

    fn gauge(&self, name: &str) -> usize {
        let page = metrics::parse(&self.telemetry.page()).unwrap();
        page.value(name, &[]).unwrap() as usize
    }

    fn following(&self) -> usize {
        self.gauge("tuning_operator_scrapers")
    }

    /// So many are followed, soon, and asked.
    async fn until_following(&self, n: usize) {
        let wait = async {
            while self.following() != n {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let done = timeout(Duration::from_secs(20), wait).await;
        assert!(done.is_ok(), "{} instead of {n} are followed", self.following());
    }

    async fn until_heard(&self, who: &TrialPod) {
        let wait = async {
            while self.scrapers.heard(&who.uid).metrics.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), wait).await.expect("it is heard");
    }

    /// Nobody is asked any more.
    async fn assert_silence(&self) {
        // What is under way comes to its end.
        sleep(Duration::from_millis(100)).await;
        let before = self.requests.load(Ordering::Relaxed);
        sleep(Duration::from_millis(300)).await;
        assert_eq!(self.requests.load(Ordering::Relaxed), before, "requests go on");
    }
}

#[test]
fn after_two_thousand_trials_nothing_is_left() {
    // One thread, whose memory is counted.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut world = runtime.block_on(World::new());
    // What is made once, and what a table keeps for the next entries.
    runtime.block_on(async {
        world.come_and_go(0..10).await;
        world.assert_silence().await;
    });
    let memory = allocation_counter::measure(|| {
        runtime.block_on(async {
            world.come_and_go(10..40).await;
            world.assert_silence().await;
        });
    });
    println!(
        "{} B allocated, {} B at most, {} B left",
        memory.bytes_total, memory.bytes_max, memory.bytes_current
    );
    // A trial has at least a listener, an entry and what it said: 1 KiB of each of 1,500 would be seen.
    assert!(memory.bytes_current < 32 << 10, "{memory:?}");
    assert_eq!(world.gauge("tuning_operator_woken"), 0);
    assert_eq!(world.scrapers.pods().len(), 0);
}

impl World {
    /// So many rounds of 50 trials each.
    async fn come_and_go(&mut self, rounds: std::ops::Range<usize>) {
        for round in rounds {
            self.round(round).await;
        }
    }

    async fn round(&mut self, round: usize) {
        let world = self;
        let owner = world.job(&format!("job-{round}"));
        let mut woken = world.wake.stream();
        let pods: Vec<TrialPod> = (0..50)
            .map(|n| world.run(&owner, &format!("pod-{n}"), &format!("{round}-{n}")))
            .collect();
        world.until_following(50).await;
        world.until_heard(&pods[49]).await;
        assert!(world.gauge("tuning_operator_woken") <= 1);
        woken.next().await.unwrap();
        for (n, who) in pods.iter().enumerate() {
            match n % 4 {
                // Evicted or timed out, deleted, and started again under the same name and address.
                0 => world.end(who),
                1 => world.stores.pods.remove(&owner, &who.name),
                2 => drop(world.run(&owner, &who.name, &format!("{round}-{n}-again"))),
                // Stopped early or suspended: the pod still runs when the pass needs it no more.
                _ => {}
            }
        }
        let again: Vec<String> = (2..50).step_by(4).map(|n| format!("{round}-{n}-again")).collect();
        let wanted: Vec<&str> = again.iter().map(String::as_str).collect();
        match round % 3 {
            0 => world.scrapers.keep(&owner, &wanted),
            // The others go with their job.
            1 => {
                world.end_job(&owner);
                world.until_following(0).await;
            }
            _ => {
                world.scrapers.keep(&owner, &wanted);
                world.until_following(again.len()).await;
                world.scrapers.keep(&owner, &[]);
            }
        }
        world.scrapers.keep(&owner, &[]);
        world.until_following(0).await;
        for who in &pods {
            world.stores.pods.remove(&owner, &who.name);
        }
        world.end_job(&owner);
    }
}

#[tokio::test]
async fn a_pod_is_heard_until_it_is_gone_whatever_the_passes_do() {
    let mut world = World::new().await;
    let (first, second) = (world.job("first"), world.job("second"));
    let ended = world.run(&first, "ended", "ended");
    let deleted = world.run(&first, "deleted", "deleted");
    let replaced = world.run(&first, "replaced", "before");
    let orphan = world.run(&second, "orphan", "orphan");
    for who in [&ended, &deleted, &replaced, &orphan] {
        world.until_heard(who).await;
    }
    world.until_following(4).await;
    world.end(&ended);
    world.stores.pods.remove(&first, "deleted");
    world.end_job(&second);
    let pod = json!({"metadata": {"name": "replaced", "uid": "after"}, "status": {"phase": "Running", "podIP": "127.0.0.1"}});
    world
        .stores
        .pods
        .put(&first, "replaced", serde_json::from_value(pod).unwrap());
    world.until_following(0).await;
    world.assert_silence().await;
    // The pass that finds the end still has what was said.
    for who in [&ended, &deleted, &replaced] {
        assert_eq!(world.scrapers.heard(&who.uid).metrics["f1"], 0.5);
    }
    assert_eq!(
        world.scrapers.heard("after"),
        ReportedMetrics::default(),
        "the old one's values"
    );
    world.scrapers.keep(&first, &["ended"]);
    assert_eq!(world.scrapers.heard("deleted"), ReportedMetrics::default());
    assert_eq!(world.scrapers.heard("ended").metrics["f1"], 0.5);
}

#[tokio::test]
async fn a_pod_that_does_not_answer_is_said_and_its_job_is_woken_once() {
    let mut world = World::new().await;
    let owner = world.job("job");
    let mut woken = world.wake.stream();
    world.port = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let who = world.run(&owner, "pod", "uid");
    let first = timeout(Duration::from_secs(20), woken.next())
        .await
        .expect("it is woken");
    assert_eq!(first, Some(owner));
    let trouble = world.scrapers.heard(&who.uid).trouble.unwrap();
    assert!(trouble.contains("the connection is refused"), "{trouble}");
    assert!(timeout(Duration::from_millis(300), woken.next()).await.is_err());
    let page = metrics::parse(&world.telemetry.page()).unwrap();
    let kind = [("kind", "ConnectionRefused")];
    assert!(
        page.value("tuning_operator_scrape_failures_total", &kind)
            .unwrap()
            >= 3.0
    );
}
