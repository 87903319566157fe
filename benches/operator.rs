//! How many trials an operator gets through, and how soon the next one follows: `make bench-operator`.
//!
//! Arguments: how many TuningJobs (1000), how many seconds a pod runs (0: all that the machine can do is asked of it;
//! 200 TuningJobs of 20 s are ten Jobs per second), and how often they come and go (1).
//!
//! A real API server and Job controller; the pods are played: each succeeds when its time is over. The operator is the
//! release build, a process of its own. Prints Jobs per second, the time from the moment at which this program tells the API
//! server of a pod's end until the next trial of its TuningJob was created as this program's watch sees it, the operator's peak
//! of memory and its processor time; how long an operator that is started anew needs until it has looked at every TuningJob once,
//! and its peak of memory; at last, what is left of that when all TuningJobs are deleted.
//!
//! The pod's end is what the operator acts on: the Job that it belongs to is often not yet complete when the next trial is there.
//! Everything shares this machine's cores: the API server and etcd take most of them.

#[path = "../tests/common/cluster.rs"]
mod cluster;

use cluster::{Space, block_on, f1, manifest};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tuning_operator::api::{Trial, TuningJob};

const TRIALS: u32 = 5;
/// Time after which something must be wrong.
const MAX_WAIT: Duration = Duration::from_secs(1800);

/// What the watches have seen.
#[derive(Default)]
struct Seen {
    /// When the pod of a TuningJob's last trial ended, while its next trial is not there.
    ended: HashMap<String, Instant>,
    waits: Vec<Duration>,
    /// Trials that have their end: of a Job that is deleted soon after a watch may miss it.
    n_ended: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let n_jobs: usize = arguments
        .first()
        .map_or(1000, |n| n.parse().expect("a number of TuningJobs"));
    let seconds: u64 = arguments
        .get(1)
        .map_or(0, |n| n.parse().expect("a number of seconds"));
    let rounds: usize = arguments
        .get(2)
        .map_or(1, |n| n.parse().expect("a number of rounds"));
    block_on(measure(n_jobs, Duration::from_secs(seconds), rounds));
}

async fn measure(n_jobs: usize, pods_run: Duration, rounds: usize) {
    let space = Space::new("bench").await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    tokio::spawn(play(space.pods(), pods_run, seen.clone()));
    tokio::spawn(watch_trials(space.trials(), seen.clone()));
    let operator = Process::start(&space);
    let all = n_jobs * TRIALS as usize;
    for round in 1..rounds {
        load(&space, &seen, n_jobs, round * all).await;
        delete_all(&space, &operator).await;
    }
    let begin = Instant::now();
    load(&space, &seen, n_jobs, rounds * all).await;
    report(&seen.lock().unwrap(), all, begin.elapsed(), &operator);
    drop(operator);
    let operator = start_anew(&space, n_jobs).await;
    delete_all(&space, &operator).await;
    let fresh = Process::start(&space);
    while fresh.page("/readyz").await.is_none_or(|(ok, _)| !ok) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "an operator that is started with nothing to do: {:.0} MiB",
        fresh.mib()
    );
}

/// Creates TuningJobs and waits until so many trials have ended in all.
async fn load(space: &Space, seen: &Mutex<Seen>, n_jobs: usize, all: usize) {
    let begin = Instant::now();
    let jobs = space.jobs();
    futures::stream::iter(0..n_jobs)
        .for_each_concurrent(16, |i| {
            let jobs = jobs.clone();
            async move {
                let job: TuningJob =
                    serde_json::from_value(manifest(&format!("job-{i:04}"), TRIALS, 1)).unwrap();
                jobs.create(&PostParams::default(), &job).await.unwrap();
            }
        })
        .await;
    println!(
        "{n_jobs} TuningJobs of {TRIALS} trials were created in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let mut told = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let n = seen.lock().unwrap().n_ended;
        if n == all {
            break;
        }
        assert!(
            begin.elapsed() < MAX_WAIT,
            "{n} of {all} trials have ended after {MAX_WAIT:?}"
        );
        if told.elapsed() > Duration::from_secs(15) {
            println!(
                "{n} of {all} trials have ended after {:.0} s",
                begin.elapsed().as_secs_f64()
            );
            told = Instant::now();
        }
    }
}

/// How long until an operator that is just started has looked at every TuningJob once.
async fn start_anew(space: &Space, n_jobs: usize) -> Process {
    let begin = Instant::now();
    let operator = Process::start(space);
    let (mut ready, mut passes) = (None, 0.0);
    while passes < n_jobs as f64 {
        assert!(begin.elapsed() < MAX_WAIT, "{passes} of {n_jobs} were looked at");
        tokio::time::sleep(Duration::from_millis(20)).await;
        if operator.page("/readyz").await.is_some_and(|(ok, _)| ok) {
            ready.get_or_insert_with(|| begin.elapsed());
        }
        // Who is woken again while it waits for its first pass comes after all the others: the first so many passes are of so
        // many jobs.
        let page = operator
            .page("/metrics")
            .await
            .map(|(_, page)| page)
            .unwrap_or_default();
        passes = page
            .lines()
            .filter(|l| l.starts_with(PASSES))
            .filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum();
    }
    println!(
        "an operator that is started has listed all after {:.2} s and looked at each of {n_jobs} TuningJobs after {:.2} s; peak {:.0} MiB",
        ready.unwrap_or_default().as_secs_f64(),
        begin.elapsed().as_secs_f64(),
        operator.peak_mib()
    );
    operator
}

/// What stays in an operator when everything that it looked after is gone.
async fn delete_all(space: &Space, operator: &Process) {
    let everything = ListParams::default();
    let jobs = space.jobs();
    let (before, begin) = (operator.mib(), Instant::now());
    jobs.delete_collection(&DeleteParams::default(), &everything)
        .await
        .unwrap();
    let gone = async || {
        let jobs = jobs.list(&everything).await.is_ok_and(|l| l.items.is_empty());
        jobs && space
            .trials()
            .list(&everything)
            .await
            .is_ok_and(|l| l.items.is_empty())
    };
    while !gone().await {
        assert!(begin.elapsed() < MAX_WAIT, "they are never gone");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // The news of the last deletions, and memory is given back every minute.
    tokio::time::sleep(Duration::from_secs(75)).await;
    let page = operator
        .page("/metrics")
        .await
        .map(|(_, page)| page)
        .unwrap_or_default();
    let value = |name: &str| {
        let line = page.lines().find(|l| l.starts_with(name) && !l.starts_with('#'));
        line.and_then(|l| l.rsplit_once(' '))
            .map_or("?", |(_, value)| value)
            .to_owned()
    };
    println!(
        "all TuningJobs are deleted after {:.0} s: memory {before:.0} MiB before, {:.0} MiB after; scrapers {}, jobs woken {}",
        begin.elapsed().as_secs_f64(),
        operator.mib(),
        value("tuning_operator_scrapers"),
        value("tuning_operator_woken"),
    );
}

fn report(seen: &Seen, all: usize, took: Duration, operator: &Process) {
    let mut waits = seen.waits.clone();
    waits.sort();
    let quantile = |q: f64| waits[((waits.len() - 1) as f64 * q) as usize].as_secs_f64();
    println!(
        "Jobs per second              {:.1}",
        all as f64 / took.as_secs_f64()
    );
    println!(
        "from a pod's end to the next trial: median {:.3} s, p99 {:.3} s, of {} waits",
        quantile(0.5),
        quantile(0.99),
        waits.len()
    );
    println!("the operator's peak of memory {:.0} MiB", operator.peak_mib());
    println!(
        "its processor time            {:.1} s, {:.1} ms a Job",
        operator.seconds(),
        operator.seconds() * 1e3 / all as f64
    );
}

/// Every pod succeeds after this time.
async fn play(pods: Api<Pod>, pods_run: Duration, seen: Arc<Mutex<Seen>>) {
    let (known, stream) = (
        Mutex::new(HashSet::new()),
        watcher(pods.clone(), watcher::Config::default()),
    );
    let new = stream.default_backoff().applied_objects().try_filter_map(|pod| {
        let is_new = known.lock().unwrap().insert(pod.uid().unwrap_or_default());
        futures::future::ready(Ok(is_new.then_some(pod)))
    });
    new.for_each_concurrent(None, |pod| async {
        let Ok(pod) = pod else { return };
        tokio::time::sleep(pods_run).await;
        let parameters: Value = serde_json::from_str(&pod.annotations()["tuning-operator.io/parameters"]).unwrap();
        let value = f1(parameters["learning_rate"].as_f64().unwrap());
        let now = "2026-01-02T03:04:05Z";
        let state = json!({"terminated": {"exitCode": 0, "message": json!({"f1": value}).to_string(),
            "startedAt": now, "finishedAt": now}});
        let status = json!({"phase": "Succeeded", "startTime": now, "containerStatuses": [
            {"name": "trial", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state}]});
        let patch = Patch::Merge(json!({"status": status}));
        // Before it is sent: the operator may be quicker than the answer.
        let owner = pod.labels()["tuning-operator.io/job"].clone();
        seen.lock().unwrap().ended.insert(owner, Instant::now());
        let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await;
    })
    .await;
}

async fn watch_trials(trials: Api<Trial>, seen: Arc<Mutex<Seen>>) {
    let (mut known, mut ended) = (HashSet::new(), HashSet::new());
    let mut stream = watcher(trials, watcher::Config::default())
        .default_backoff()
        .applied_objects()
        .boxed();
    while let Some(trial) = stream.next().await {
        let Ok(trial) = trial else { continue };
        if trial.status.as_ref().is_some_and(|s| s.completion_time.is_some()) && ended.insert(trial.uid()) {
            seen.lock().unwrap().n_ended += 1;
        }
        if known.insert(trial.uid()) {
            let mut seen = seen.lock().unwrap();
            if let Some(ended) = seen.ended.remove(&trial.spec.job) {
                seen.waits.push(ended.elapsed());
            }
        }
    }
}

/// The operator's own count of passes over jobs.
const PASSES: &str = "tuning_operator_reconcile_seconds_count";

/// The operator as a process of its own. It ends with this program, however that ends: a shell beside it waits for that.
struct Process {
    shell: Child,
    id: u32,
    port: u16,
}

impl Process {
    fn start(space: &Space) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let program = std::env::var("TUNING_OPERATOR").expect("run this by make bench-operator");
        let mut shell = Command::new("sh")
            .args([
                "-c",
                r#""$0" "$@" </dev/null & echo $!; read _; kill -9 $!"#,
                &program,
            ])
            .args([
                "run",
                "--namespace",
                &space.name,
                "--listen",
                &format!("127.0.0.1:{port}"),
            ])
            .env("KUBECONFIG", Space::kubeconfig())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let id = line
            .trim()
            .parse()
            .expect("the shell says the operator's process");
        Self { shell, id, port }
    }

    /// One of its pages, and whether it says that all is well.
    async fn page(&self, path: &str) -> Option<(bool, String)> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let answer = reqwest::get(url).await.ok()?;
        let ok = answer.status().is_success();
        Some((ok, answer.text().await.ok()?))
    }

    /// From a file of /proc, the number after a word.
    fn number(&self, file: &str, word: &str) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.id)).unwrap_or_default();
        let line = text.lines().find(|l| l.starts_with(word)).unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .unwrap_or(f64::NAN)
    }

    fn peak_mib(&self) -> f64 {
        self.number("status", "VmHWM:") / 1024.0
    }

    /// What it has now.
    fn mib(&self) -> f64 {
        self.number("status", "VmRSS:") / 1024.0
    }

    /// Processor time; the kernel counts hundredths of seconds here.
    fn seconds(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        let after = text.rsplit_once(')').map_or("", |(_, after)| after);
        let fields: Vec<f64> = after.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        // User and system time are fields 14 and 15 of the whole line; the state before them is no number.
        (fields[10] + fields[11]) / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
