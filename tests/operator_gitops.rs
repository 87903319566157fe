//! What GitOps controllers see: every state of a job and of a trial, as it was recorded for the tools that read them; and
//! what is applied again from Git (`applied`).
#![cfg(feature = "operator")]

#[path = "gitops/applied.rs"]
mod applied;
#[path = "common/claims.rs"]
mod claims;
#[path = "common/cluster.rs"]
mod cluster;
#[path = "gitops/git.rs"]
mod git;
#[path = "gitops/lua.rs"]
mod lua;
#[path = "gitops/recorded.rs"]
mod recorded;

use claims::on_a_volume;
use cluster::{Play, Space, answer, block_on, f1, manifest, serve, until};
use jiff::SignedDuration;
use kube::api::{DeleteParams, Patch, PatchParams};
use recorded::States;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tuning_operator::api::TrialPhase;

#[test]
fn every_state_is_as_it_was_recorded() {
    block_on(async {
        let states = States::default();
        tokio::join!(ends(&states), starts(&states), stays(&states), trials(&states));
        states.are_all();
    });
}

/// Changes a job as a person does.
async fn change(space: &Space, job: &str, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    let params = PatchParams::default();
    space.jobs().patch(job, &params, &patch).await.unwrap();
}

async fn until_phase(space: &Space, trial: &str, phase: TrialPhase) {
    until(trial, async || {
        let trial = space.trials().get_opt(trial).await.unwrap();
        trial.and_then(|t| t.status).map(|s| s.phase) == Some(phase)
    })
    .await;
}

/// Every end of a job: its name, the reason, and what its manifest has beside that of a small job.
fn all_ends() -> [(&'static str, &'static str, Value); 11] {
    let two = json!([{"name": "learning_rate", "discrete": {"values": [0.0001, 0.0002]}}]);
    let grid = json!({"bayesian": null, "grid": {}});
    let gpu = json!({"limits": {"nvidia.com/gpu": "1"}});
    [
        ("trials-spent", "TrialsSpent", json!({})),
        (
            "target-reached",
            "TargetReached",
            json!({"objective": {"target": 0.1}}),
        ),
        (
            "no-improvement",
            "NoImprovement",
            json!({"budget": {"maxTrialsWithoutImprovement": 1}}),
        ),
        (
            "converged",
            "Converged",
            json!({"parameters": two, "budget": {"maxTrials": 30, "endWhenConverged": true}}),
        ),
        ("time-spent", "TimeSpent", json!({})),
        (
            "gpu-hours-spent",
            "GpuHoursSpent",
            json!({"budget": {"maxGpuHours": 0.006}, "trial": {"resources": gpu}}),
        ),
        (
            "space-exhausted",
            "SpaceExhausted",
            json!({"parameters": two, "strategy": grid}),
        ),
        (
            "too-many-failures",
            "TooManyFailures",
            json!({"budget": {"maxFailedTrials": 0}}),
        ),
        (
            "no-trial-succeeded",
            "NoTrialSucceeded",
            json!({"budget": {"maxTrials": 1}}),
        ),
        ("bad-configuration", "BadConfiguration", json!({})),
        (
            "metric-missing",
            "MetricMissing",
            json!({"budget": {"maxTrials": 1}}),
        ),
    ]
}

/// What becomes of a pod of such a job.
fn play_end(trial: &str, rate: f64) -> Play {
    let (job, number) = trial.rsplit_once('-').unwrap();
    let number: usize = number.parse().unwrap();
    match (job, number) {
        ("too-many-failures" | "no-trial-succeeded", _) => Play::Ends(1, "no such file".into(), "Error"),
        ("bad-configuration", _) => Play::Ends(44, "train.tsv: no column label".into(), "Error"),
        ("metric-missing", _) => Play::Ends(0, String::new(), "Completed"),
        ("no-improvement", _) => Play::reports(0.5),
        ("time-spent" | "gpu-hours-spent", 2) => Play::Runs,
        ("target-reached", _) => Play::reports(0.9),
        // One of the two is far better, whatever chance adds.
        ("converged", n) => Play::reports(0.3 + 2000.0 * rate + 0.01 * ((n * 7) % 5) as f64),
        _ => Play::reports(f1(rate)),
    }
}

fn with(name: &str, spec: &Value) -> Value {
    let mut job = manifest(name, 3, 1);
    merge(&mut job["spec"], spec);
    job
}

/// As a merge patch.
fn merge(into: &mut Value, patch: &Value) {
    for (field, value) in patch.as_object().unwrap() {
        match value {
            Value::Object(_) if into[field].is_object() => merge(&mut into[field], value),
            Value::Null => drop(into.as_object_mut().unwrap().remove(field)),
            value => into[field] = value.clone(),
        }
    }
}

async fn ends(states: &States) {
    let space = Space::new("ends").await;
    let _operator = space.operator();
    let _player = space.play(|trial, rate, _| play_end(trial, rate));
    // It can be read and says no objective: where nobody listens, a slow machine's trials would say that.
    let port = serve(&["tuning_step 10\n"]).await;
    for (name, _, spec) in all_ends() {
        let mut job = with(name, &spec);
        job["spec"]["metrics"] = json!({"prometheus": {"port": port}});
        space.apply(&job).await.unwrap();
    }
    // Not from the beginning: however slow the machine, the first trial has its value by now.
    until_phase(&space, "time-spent-0002", TrialPhase::Running).await;
    change(&space, "time-spent", json!({"budget": {"maxDuration": "1s"}})).await;
    for (name, reason, _) in all_ends() {
        states.record(&space, "TuningJob", name, name, reason).await;
    }
    let of_trials = [
        ("trials-spent-0001", "succeeded", "Succeeded"),
        ("no-trial-succeeded-0001", "crashed", "Crashed"),
        ("time-spent-0002", "cancelled", "Cancelled"),
    ];
    for (trial, state, reason) in of_trials {
        states.record(&space, "Trial", trial, state, reason).await;
    }
}

/// From nothing to work, a pause, a change, and the end of it.
async fn starts(states: &States) {
    let space = Space::new("starts").await;
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let _player = space.play(move |_, _, _| Play::RunsUntil(flag.clone()));
    let state = async |state: &str, reason: &str| {
        states.record(&space, "TuningJob", "job", state, reason).await;
    };
    let mut job = on_a_volume("job", 3, "None");
    // One that can be read: else the trial would say after a while that it can't.
    job["spec"]["metrics"] = json!({"prometheus": {"port": page(Arc::default()).await}});
    space.apply(&job).await.unwrap();
    state("created", "").await;
    let operator = space.operator();
    state("running", "TrialsRunning").await;
    states
        .record(&space, "Trial", "job-0001", "running", "Running")
        .await;
    change(&space, "job", json!({"suspend": true})).await;
    state("suspended", "Suspended").await;
    states
        .record(&space, "Trial", "job-0001", "queued", "Queued")
        .await;
    change(&space, "job", json!({"suspend": false})).await;
    state("resumed", "TrialsRunning").await;
    // What is changed while nobody looks is seen later.
    drop(operator);
    change(&space, "job", json!({"budget": {"maxTrials": 5}})).await;
    state("spec-changed", "TrialsRunning").await;
    space
        .jobs()
        .delete("job", &DeleteParams::default())
        .await
        .unwrap();
    state("deleting", "TrialsRunning").await;
}

/// What waits, for something that comes by itself or for a person.
async fn stays(states: &States) {
    let mut patient = Space::new("patient-states").await;
    patient.stalled_after = SignedDuration::from_hours(1);
    let space = Space::new("stalled-states").await;
    let (_operator, _patient_operator) = (space.operator(), patient.operator());
    let _stuck = space.play(|_, _, _| Play::Stuck("ErrImagePull"));
    let _waits = patient.play(|_, _, _| Play::Stuck("ErrImagePull"));
    let unknown_server = json!({"promQuery": {"metric": "train_f1"}});
    let all = [
        (
            &space,
            "invalid-spec",
            "InvalidSpec",
            json!({"metrics": unknown_server}),
        ),
        (
            &space,
            "waiting-for-job",
            "Waiting",
            json!({"warmStart": {"from": ["parent"]}}),
        ),
        (&space, "trials-cannot-run", "TrialsCannotRun", json!({})),
        (&patient, "trials-waiting", "TrialsWaiting", json!({})),
    ];
    for (space, name, _, spec) in &all {
        space.apply(&with(name, spec)).await.unwrap();
    }
    for (space, name, reason, _) in &all {
        states.record(space, "TuningJob", name, name, reason).await;
    }
    let (trial, state) = ("trials-waiting-0001", "pending");
    states.record(&patient, "Trial", trial, state, "Pending").await;
}

/// Trials that a person made, and one that lags behind.
async fn trials(states: &States) {
    let space = Space::new("trial-states").await;
    let mine = |name: &str, parameters: Value| {
        json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": name},
            "spec": {"job": "job", "parameters": parameters}})
    };
    space
        .apply(&mine("mine", json!({"learning_rate": 0.0001})))
        .await
        .unwrap();
    states.record(&space, "Trial", "mine", "created", "").await;
    space
        .apply(&mine("unfit", json!({"learning_rate": 1})))
        .await
        .unwrap();
    space.apply(&manifest("job", 1, 1)).await.unwrap();
    let _operator = space.operator();
    states
        .record(&space, "Trial", "unfit", "unfit", "Cancelled")
        .await;
    let is_late = Arc::new(AtomicBool::new(false));
    let mut early = manifest("early", 2, 1);
    early["spec"]["metrics"] = json!({"prometheus": {"port": page(is_late.clone()).await}});
    early["spec"]["earlyStopping"] = json!({"medianStop": {"minCompletedTrials": 1, "startStep": 1}});
    let done = is_late.clone();
    let _player = space.play(move |trial, _, _| match trial {
        "early-0001" => Play::RunsUntil(done.clone()),
        _ => Play::Runs,
    });
    space.apply(&early).await.unwrap();
    until("the first is heard", async || {
        let trial = space.trials().get_opt("early-0001").await.unwrap();
        trial.and_then(|t| t.status).is_some_and(|s| !s.curve.is_empty())
    })
    .await;
    is_late.store(true, Ordering::Relaxed);
    states
        .record(&space, "Trial", "early-0002", "early-stopped", "EarlyStopped")
        .await;
}

/// Serves a good value, and a bad one once it is late; the answer is the port.
async fn page(is_late: Arc<AtomicBool>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let value = if is_late.load(Ordering::Relaxed) { 0.1 } else { 0.9 };
            let page = format!("tuning_metric{{name=\"f1\"}} {value}\ntuning_metric_step 10\n");
            answer(&mut stream, "200 OK", &page).await;
        }
    });
    port
}
