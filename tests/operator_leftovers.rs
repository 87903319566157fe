//! What other jobs leave: trials of an earlier job of the same name, and values that a later job learns from.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/collector.rs"]
mod collector;

use cluster::{Play, Space, block_on, f1, manifest, until};
use collector::collector_knows_trials;
use kube::api::{DeleteParams, Patch, PatchParams, PropagationPolicy};
use serde_json::json;
use std::time::Duration;

fn well(_: &str, learning_rate: f64, _: usize) -> Play {
    Play::reports(f1(learning_rate))
}

#[test]
fn a_job_says_which_trials_of_an_earlier_one_are_in_its_way() {
    block_on(async {
        let space = Space::new("orphans").await;
        collector_knows_trials(&space).await;
        let _player = space.play(well);
        let operator = space.operator();
        space.apply(&manifest("job", 2, 1)).await.unwrap();
        space.complete("job").await;
        let orphan = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Orphan),
            ..DeleteParams::default()
        };
        space.jobs().delete("job", &orphan).await.unwrap();
        until("the job is gone", async || {
            space.jobs().get_opt("job").await.unwrap().is_none()
        })
        .await;
        assert_eq!(space.sorted_trials().await.len(), 2, "its trials stay");

        space.apply(&manifest("job", 2, 1)).await.unwrap();
        until("it is stalled", async || {
            space.holds("job", "Stalled").await.is_some()
        })
        .await;
        let message = space.jobs().get("job").await.unwrap().status.unwrap().message;
        assert!(message.starts_with("2 Trials of an earlier job"), "{message}");
        assert!(message.contains("delete trials job-0001 job-0002)"), "{message}");
        let tried = operator
            .log()
            .iter()
            .filter(|l| l.starts_with("POST") && l.ends_with("/trials"))
            .count();
        assert!(tried <= 2, "it tries again and again: {:#?}", operator.log());

        for name in ["job-0001", "job-0002"] {
            space
                .trials()
                .delete(name, &DeleteParams::default())
                .await
                .unwrap();
        }
        space.complete("job").await;
        assert!(
            space.holds("job", "Stalled").await.is_none(),
            "it goes on by itself"
        );
    });
}

#[test]
fn a_warm_start_does_not_depend_on_which_watch_is_first() {
    block_on(async {
        let space = Space::new("warm-order").await;
        let _player = space.play(well);
        let operator = space.operator();
        space.apply(&manifest("parent", 3, 1)).await.unwrap();
        space.complete("parent").await;
        operator.stop().await;
        // Every watch is two seconds late; that of jobs is to tell of the child before that of trials tells of the value.
        let _late = space.operator_lagging(Duration::from_secs(2));
        space.apply(&manifest("canary", 1, 1)).await.unwrap();
        space.complete("canary").await;
        let mut child = manifest("child", 1, 1);
        child["spec"]["warmStart"] = json!({"from": ["parent"]});
        space.apply(&child).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let value = json!({"status": {"value": 0.5}});
        space
            .trials()
            .patch_status("parent-0001", &PatchParams::default(), &Patch::Merge(value))
            .await
            .unwrap();
        until("the child has begun", async || {
            let status = space.jobs().get("child").await.unwrap().status;
            status.is_some_and(|s| s.start_time.is_some())
        })
        .await;
        let prior = space.jobs().get("child").await.unwrap().status.unwrap().prior;
        let value = prior
            .iter()
            .find(|p| p.trial == "parent-0001")
            .and_then(|p| p.value);
        assert_eq!((prior.len(), value), (3, Some(0.5)));
    });
}
