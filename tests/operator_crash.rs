//! Promise 1: the operator killed after any single write, the end is that of an undisturbed run.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Player, Space, block_on, f1, manifest, until};
use serde_json::{Value, json};
use std::time::Duration;

/// What a job came to, without what depends on the time.
async fn outcome(space: &Space, job: &str, player: &Player) -> Value {
    let status = space.jobs().get(job).await.unwrap().status.unwrap();
    let trials = space.sorted_trials().await;
    let trials = trials.iter().filter(|t| t.spec.job == job).map(|t| {
        let status = t.status.clone().unwrap_or_default();
        json!([
            t.spec.index,
            t.spec.parameters,
            t.spec.why,
            status.phase,
            status.failure,
            status.attempts,
            status.value
        ])
    });
    json!({
        "trials": trials.collect::<Vec<_>>(), "counts": status.trials, "best": status.best.map(|b| b.value),
        "recommended": status.recommended, "phase": status.phase, "pods": player.pods(), "message": status.message,
    })
}

/// Four trials, one after the other: a failure, two successes, an eviction.
fn mixed(trial: &str, rate: f64, before: usize) -> Play {
    match (trial, before) {
        ("job-0002", _) => Play::Ends(1, "no".into(), "Error"),
        ("job-0003", 0) => Play::Evicted,
        _ => Play::reports(f1(rate)),
    }
}

#[test]
fn killed_after_any_write_the_end_is_that_of_an_undisturbed_run() {
    block_on(async {
        let space = Space::new("kill-0").await;
        let player = space.play(mixed);
        let operator = space.operator();
        space.apply(&manifest("job", 4, 1)).await.unwrap();
        space.complete("job").await;
        until("it rests", async || space.kube_job_names().await == ["job-0002"]).await;
        let (expected, n_writes) = (outcome(&space, "job", &player).await, operator.writes());
        println!("{n_writes} writes: {:#?}", operator.log());
        assert!(n_writes > 15);
        let ks: Vec<usize> = (1..=n_writes).collect();
        for some in ks.chunks(6) {
            let runs = some.iter().map(|k| killed_after(*k, expected.clone()));
            futures::future::join_all(runs).await;
        }
    });
}

async fn killed_after(k: usize, expected: Value) {
    let space = Space::new(&format!("kill-{k}")).await;
    let player = space.play(mixed);
    let mut first = space.operator_dying_after(k);
    space.apply(&manifest("job", 4, 1)).await.unwrap();
    // It may have no write number k: events are written by the way.
    let _ = tokio::time::timeout(Duration::from_secs(20), &mut first.task).await;
    drop(first);
    let _second = space.operator();
    space.complete("job").await;
    until("only the failed trial's Job is left", async || {
        space.kube_job_names().await == ["job-0002"]
    })
    .await;
    assert_eq!(
        outcome(&space, "job", &player).await,
        expected,
        "killed after write {k}"
    );
}
