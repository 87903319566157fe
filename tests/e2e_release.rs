//! A release's life while trials run: upgraded, rolled back, uninstalled, and installed anew for a few namespaces. make e2e runs it last,
//! as a program of its own: it takes away the operator that the other tests are about.

#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/node.rs"]
mod node;

use cluster::{Space, block_on, within};
use kube::ResourceExt;
use kube::api::ListParams;
use node::{in_log, shell};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tuning_operator::api::TrialPhase;

const CHART: &str = "charts/tuning-operator";
/// The image of another version, as far as Kubernetes is concerned.
const NEXT: &str = "0.2.0-next";
/// Points of each trial's curve: what is lost of it would be missed.
const POINTS: usize = 20;
const TRIALS: usize = 4;

/// What a command prints; it must work.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    if program == "helm" {
        println!("helm {}", arguments.join(" "));
    }
    out.into_owned()
}

/// The chart of a later version, whose image has that version's tag.
fn next_chart() -> PathBuf {
    let path = std::env::temp_dir().join(format!("next-chart-{}", std::process::id()));
    run("cp", &["-r", CHART, path.to_str().unwrap()]);
    let file = path.join("Chart.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some((key @ ("version" | "appVersion"), _)) => format!("{key}: {NEXT}\n"),
        _ => format!("{line}\n"),
    });
    let text: String = lines.collect();
    std::fs::write(&file, text).unwrap();
    path
}

/// Two trials at a time, half a minute each, that tell a curve in their logs.
fn job() -> serde_json::Value {
    let script =
        format!("for i in $(seq {POINTS}); do echo epoch $i f1=0.$((10 + i)); sleep 1.5; done; sleep 1");
    let mut job = in_log(shell("job", TRIALS as u32, &script));
    job["spec"]["budget"]["parallelTrials"] = json!(2);
    job["spec"]["retain"] = json!("All");
    job
}

/// Notes every Job and pod with its uid: what is made again has another one than it had.
async fn unchanged(spaces: &[Space; 2], seen: &mut BTreeMap<String, String>) {
    let params = ListParams::default();
    for space in spaces {
        let jobs = space.kube_jobs().list(&params).await.unwrap().items;
        let pods = space.pods().list(&params).await.unwrap().items;
        let jobs = jobs.iter().map(|job| ("Job", job.name_any(), job.uid().unwrap()));
        let pods = pods.iter().map(|pod| ("pod", pod.name_any(), pod.uid().unwrap()));
        for (kind, name, uid) in jobs.chain(pods) {
            let key = format!("{}: {kind} {name}", space.name);
            let first = seen.entry(key).or_insert_with(|| uid.clone());
            assert_eq!(*first, uid, "{kind} {name} was made again");
        }
    }
}

async fn has_trials_running(space: &Space) {
    within(180, "two trials run", async || {
        let trials = space.sorted_trials().await;
        let curve = |t: &tuning_operator::api::Trial| t.status.as_ref().map_or(0, |s| s.curve.len());
        trials.iter().filter(|t| (1..POINTS).contains(&curve(t))).count() >= 2
    })
    .await;
}

/// The images of the operator's pods.
fn images(namespace: &str) -> String {
    let path = "-o=jsonpath={.items[*].spec.containers[*].image}";
    run(
        "kubectl",
        &[
            "-n",
            namespace,
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/name=tuning-operator",
            path,
        ],
    )
}

/// What there is in a namespace, and of the release anywhere.
fn leftovers(namespace: &str) -> Vec<String> {
    let kinds = |namespaced: &str| {
        let arguments = ["api-resources", "--verbs=list", namespaced, "-o", "name"];
        let kinds = run("kubectl", &arguments);
        let kinds: Vec<&str> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
        kinds.join(",")
    };
    let list = |arguments: &[&str]| {
        let all = ["-o", "name", "--ignore-not-found"];
        let found = run("kubectl", &[arguments, &all].concat());
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = "-l=app.kubernetes.io/managed-by=Helm";
    let mut all = list(&["get", &kinds("--namespaced=true"), "-n", namespace]);
    all.extend(list(&["get", &kinds("--namespaced=false"), ours]));
    all.extend(list(&["get", &kinds("--namespaced=true"), "-A", ours]));
    all.sort();
    all
}

const OWN: [&str; 5] = ["--namespace", "tuning-system", "--wait", "--timeout", "2m"];

/// To another version and back.
async fn upgrade_and_roll_back(spaces: &[Space; 2], seen: &mut BTreeMap<String, String>) {
    let next = next_chart();
    let path = next.to_str().unwrap();
    let upgrade = [
        "upgrade",
        "tuning-operator",
        path,
        "--reset-then-reuse-values",
        "--set",
        "replicas=3",
    ];
    run("helm", &[&upgrade[..], &OWN].concat());
    let all = images("tuning-system");
    assert_eq!(all.matches(&format!(":{NEXT}")).count(), 3, "{all}");
    unchanged(spaces, seen).await;
    run(
        "helm",
        &[&["rollback", "tuning-operator", "1"], &OWN[..]].concat(),
    );
    within(60, "the later version is gone", async || {
        !images("tuning-system").contains(NEXT)
    })
    .await;
    let said = run(
        "helm",
        &[
            "test",
            "tuning-operator",
            "--namespace",
            "tuning-system",
            "--logs",
        ],
    );
    assert!(said.contains("looks after every namespace"), "{said}");
    unchanged(spaces, seen).await;
    std::fs::remove_dir_all(&next).unwrap();
}

async fn uninstall() {
    run("helm", &[&["uninstall", "tuning-operator"], &OWN[..]].concat());
    let kept = [
        "configmap/kube-root-ca.crt",
        "customresourcedefinition.apiextensions.k8s.io/trials.tuning-operator.io",
        "customresourcedefinition.apiextensions.k8s.io/tuningjobs.tuning-operator.io",
        "serviceaccount/default",
    ];
    let mut left = Vec::new();
    let is_clean = async || {
        left = leftovers("tuning-system");
        left == kept
    };
    within(60, "nothing is left but what is kept", is_clean).await;
    println!("left: {}", left.join(" "));
}

#[test]
fn a_release_comes_and_goes_while_trials_run() {
    block_on(async {
        let spaces = [
            Space::on_the_node("life-one").await,
            Space::on_the_node("life-two").await,
        ];
        let alone = Space::on_the_node("life-alone").await;
        let mut seen = BTreeMap::new();
        for space in &spaces {
            space.apply(&job()).await.unwrap();
        }
        for space in &spaces {
            has_trials_running(space).await;
        }
        unchanged(&spaces, &mut seen).await;
        upgrade_and_roll_back(&spaces, &mut seen).await;
        uninstall().await;
        alone.apply(&job()).await.unwrap();
        unchanged(&spaces, &mut seen).await;
        for space in &spaces {
            assert!(space.holds("job", "Reconciling").await.is_some(), "it is over");
        }
        install_for(&spaces);
        for space in &spaces {
            space.complete_within("job", 300).await;
            nothing_is_lost(space).await;
        }
        unchanged(&spaces, &mut seen).await;
        let pods = seen.keys().filter(|name| name.contains(": pod ")).count();
        assert_eq!(pods, spaces.len() * TRIALS, "{seen:#?}");
        let status = alone.jobs().get("job").await.unwrap().status.unwrap_or_default();
        assert!(
            status.conditions.is_empty(),
            "the operator has a namespace too many: {status:?}"
        );
    });
}

/// A release with Roles alone, for these namespaces.
fn install_for(spaces: &[Space; 2]) {
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("image.repository=localhost/tuning-operator/operator,image.tag={version}");
    let names = format!("namespaces={{{},{}}}", spaces[0].name, spaces[1].name);
    let own = [
        "--namespace",
        "tuning-few",
        "--create-namespace",
        "--wait",
        "--timeout",
        "2m",
    ];
    let set = [
        "--set",
        image.as_str(),
        "--set",
        names.as_str(),
        "--set",
        "crds.enabled=false",
    ];
    assert!(Path::new(CHART).exists());
    run("helm", &[&["install", "few", CHART], &own[..], &set[..]].concat());
    let wide = [
        "get",
        "clusterroles,clusterrolebindings",
        "-l",
        "app.kubernetes.io/instance=few",
        "-o",
        "name",
    ];
    assert_eq!(
        run("kubectl", &wide),
        "",
        "a release for some namespaces has objects outside of them"
    );
    let said = run("helm", &["test", "few", "--namespace", "tuning-few", "--logs"]);
    print!("{said}");
    for space in spaces {
        assert!(
            said.contains(&format!("rights in namespace {}: all", space.name)),
            "{said}"
        );
    }
}

/// Every trial ran once, and each point that it told is there.
async fn nothing_is_lost(space: &Space) {
    let trials = space.sorted_trials().await;
    assert_eq!(trials.len(), TRIALS);
    for trial in trials {
        let (name, status) = (trial.name_any(), trial.status.unwrap());
        assert_eq!(
            (status.phase, status.attempts),
            (TrialPhase::Succeeded, 1),
            "{name}: {}",
            status.message
        );
        let values: Vec<f64> = status.curve.iter().map(|point| point.value).collect();
        let told: Vec<f64> = (1..=POINTS).map(|i| (10 + i) as f64 / 100.0).collect();
        assert_eq!(values, told, "{name}");
        assert_eq!(status.value, told.last().copied(), "{name}");
    }
}
