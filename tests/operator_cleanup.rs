//! Checkpoints on a volume: no job finds those of another, and they go when they are no longer needed.
#![cfg(feature = "operator")]

#[path = "common/claims.rs"]
mod claims;
#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/collector.rs"]
mod collector;

use claims::{arguments, cleanup_of, folder, on_a_volume, sub_path, trial_pods, uid};
use cluster::{Operator, Play, Space, block_on, f1, until, within};
use collector::collector_knows_trials;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tuning_operator::api::TrialPhase;

const TRIAL: &str = "tuning-operator.io/trial";
const FINALIZER: &str = "tuning-operator.io/checkpoints";

fn well(_: &str, learning_rate: f64, _: usize) -> Play {
    Play::reports(f1(learning_rate))
}

async fn delete(space: &Space, job: &str, params: DeleteParams) {
    space.jobs().delete(job, &params).await.unwrap();
}

async fn is_gone(space: &Space, job: &str) -> bool {
    space.jobs().get_opt(job).await.unwrap().is_none()
}

async fn runs(space: &Space) {
    until("a trial runs", async || {
        let trials = space.sorted_trials().await;
        let phase = |t: &tuning_operator::api::Trial| t.status.as_ref().map(|s| s.phase);
        trials.iter().any(|t| phase(t) == Some(TrialPhase::Running))
    })
    .await;
}

async fn writes_nothing_more(operator: &Operator) {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = operator.writes();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(operator.writes(), before, "{:#?}", operator.log());
}

/// What the operator has said of what it left.
async fn said(space: &Space) -> Vec<String> {
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(space.client.clone(), &space.name);
    let events = events.list(&ListParams::default()).await.unwrap();
    let left = events
        .items
        .into_iter()
        .filter(|e| e.reason.as_deref() == Some("CheckpointsLeft"));
    left.filter_map(|e| e.note).collect()
}

#[test]
fn deleted_a_job_takes_its_checkpoints_along_once_nothing_writes_them() {
    block_on(async {
        let space = Space::new("take-along").await;
        let _operator = space.operator();
        let cleaned = Arc::new(AtomicBool::new(false));
        let _player = space.play_cleanups(|_, _, _| Play::Runs, Play::RunsUntil(cleaned.clone()));
        space.apply(&on_a_volume("job", 2, "All")).await.unwrap();
        runs(&space).await;
        let first = uid(&space, "job").await;
        let seen = sub_path(&trial_pods(&space).await[0]);
        assert_eq!(
            seen,
            format!("checkpoints/job-{first}/{}", folder(&space, "job-0001").await)
        );

        // Another's finalizer is not the operator's to remove.
        let finalizers = space.jobs().get("job").await.unwrap().finalizers().to_vec();
        assert_eq!(finalizers, [FINALIZER]);
        let both = json!({"metadata": {"finalizers": [FINALIZER, "example.org/mine"]}});
        let params = PatchParams::default();
        space
            .jobs()
            .patch("job", &params, &Patch::Merge(both))
            .await
            .unwrap();
        delete(&space, "job", DeleteParams::background()).await;
        until("checkpoints are being removed", async || {
            cleanup_of(&space, "job").await.is_some()
        })
        .await;
        assert!(trial_pods(&space).await.is_empty(), "a trial may still write");
        let cleanup = cleanup_of(&space, "job").await.unwrap();
        assert_eq!(
            arguments(&cleanup),
            ["remove-checkpoints".to_owned(), format!("job-{first}")]
        );
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(
            space
                .jobs()
                .get("job")
                .await
                .unwrap()
                .finalizers()
                .contains(&FINALIZER.to_owned())
        );
        cleaned.store(true, Ordering::SeqCst);
        until("the job is released", async || {
            space.jobs().get("job").await.unwrap().finalizers() == ["example.org/mine"]
        })
        .await;
        assert_eq!(said(&space).await, Vec::<String>::new());
        let none = json!({"metadata": {"finalizers": null}});
        space
            .jobs()
            .patch("job", &params, &Patch::Merge(none))
            .await
            .unwrap();
        until("it is gone", async || is_gone(&space, "job").await).await;
    });
}

#[test]
fn created_again_under_its_name_a_job_does_not_find_the_checkpoints_of_the_first() {
    block_on(async {
        let space = Space::new("again").await;
        let operator = space.operator();
        let _player = space.play(|_, _, _| Play::Runs);
        let made = || {
            let log = operator.log();
            log.iter()
                .filter(|l| l.starts_with("POST") && l.ends_with("/jobs"))
                .count()
        };
        let mut seen = Vec::new();
        // It makes no difference to wait for all that belongs to it.
        for params in [DeleteParams::background(), DeleteParams::foreground()] {
            space.apply(&on_a_volume("job", 2, "All")).await.unwrap();
            runs(&space).await;
            let path = sub_path(&trial_pods(&space).await[0]);
            assert!(path.starts_with(&format!("checkpoints/job-{}/job-0001-", uid(&space, "job").await)));
            assert!(!seen.contains(&path));
            seen.push(path);
            let before = made();
            delete(&space, "job", params).await;
            until("it is gone", async || is_gone(&space, "job").await).await;
            assert_eq!(made(), before + 1, "{:#?}", operator.log());
            until("so is its trial", async || space.sorted_trials().await.is_empty()).await;
        }
        assert_eq!(said(&space).await, Vec::<String>::new());
    });
}

#[test]
fn checkpoints_that_can_not_be_removed_do_not_hold_a_job_for_ever() {
    block_on(async {
        let mut space = Space::new("not-for-ever").await;
        space.patience = Duration::from_secs(4);
        let _operator = space.operator();
        let _player = space.play_cleanups(well, Play::Runs);
        // Its end is not held up either.
        space.apply(&on_a_volume("job", 1, "None")).await.unwrap();
        space.complete("job").await;
        let marked = async || {
            let status = space.jobs().get("job").await.unwrap().status.unwrap();
            status.checkpoints_cleaned_generation.is_some()
        };
        within(60, "it is given up", marked).await;
        let left = said(&space).await;
        let folder = format!("checkpoints/job-{} of the claim work", uid(&space, "job").await);
        assert!(left.len() == 1 && left[0].contains(&folder), "{left:?}");
        let begin = Instant::now();
        delete(&space, "job", DeleteParams::background()).await;
        within(60, "it is gone", async || is_gone(&space, "job").await).await;
        assert!(begin.elapsed() > Duration::from_secs(3), "it was not waited for");
        assert_eq!(said(&space).await.len(), 2);
        until("nothing is left", async || {
            space.kube_job_names().await.is_empty() && space.pod_names().await.is_empty()
        })
        .await;
    });
}

#[test]
fn at_its_end_a_job_keeps_the_checkpoints_that_retain_says_and_then_nothing_is_written() {
    block_on(async {
        let space = Space::new("keep").await;
        let operator = space.operator();
        let _player = space.play(|trial, rate, _| match trial {
            "mended-0002" => Play::Ends(42, "no such data".into(), "Error"),
            _ if trial.ends_with("-0002") => Play::Ends(1, "no".into(), "Error"),
            _ => well(trial, rate, 0),
        });
        let cases = [
            ("all", "All", None),
            ("failed", "Failed", Some(vec!["failed-0002"])),
            ("none", "None", Some(vec![])),
            // It may go on once its configuration is mended.
            ("mended", "None", Some(vec!["mended-0002"])),
        ];
        for (job, retain, _) in &cases {
            space.apply(&on_a_volume(job, 3, retain)).await.unwrap();
        }
        for (job, _, kept) in &cases {
            until(&format!("{job} has ended"), async || {
                space
                    .holds(job, "Complete")
                    .await
                    .or(space.holds(job, "Failed").await)
                    .is_some()
            })
            .await;
            let Some(kept) = kept else { continue };
            until(&format!("{job} is cleaned"), async || {
                let job = space.jobs().get(job).await.unwrap();
                let done = job.status.as_ref().and_then(|s| s.checkpoints_cleaned_generation);
                done.is_some() && done == job.metadata.generation
            })
            .await;
            let mut expected = vec![
                "remove-checkpoints".to_owned(),
                format!("{job}-{}", uid(&space, job).await),
            ];
            for trial in kept {
                expected.push(format!("--keep={}", folder(&space, trial).await));
            }
            assert_eq!(arguments(&cleanup_of(&space, job).await.unwrap()), expected);
        }
        writes_nothing_more(&operator).await;
        assert!(cleanup_of(&space, "all").await.is_none());
        assert_eq!(said(&space).await, Vec::<String>::new());
        // What is over stays over, also when its Job has gone.
        space
            .kube_jobs()
            .delete("none-cleanup", &DeleteParams::background())
            .await
            .unwrap();
        writes_nothing_more(&operator).await;
        assert!(cleanup_of(&space, "none").await.is_none());
    });
}

#[test]
fn the_models_of_the_best_trials_stay_and_the_status_says_where_the_best_one_is() {
    block_on(async {
        let space = Space::new("models").await;
        let _operator = space.operator();
        let _player = space.play(well);
        let mut job = on_a_volume("tuned", 4, "Failed");
        let trial = job["spec"]["trial"].as_object_mut().unwrap();
        trial.remove("container");
        trial.insert(
            "bert".into(),
            json!({"task": "mrpc", "model": "/m", "data": "/d", "keepModels": 2}),
        );
        space.apply(&job).await.unwrap();
        space.complete("tuned").await;
        until("it is cleaned", async || {
            cleanup_of(&space, "tuned").await.is_some()
        })
        .await;
        let trials = space.sorted_trials().await.into_iter();
        let valued = trials.map(|t| (t.status.as_ref().and_then(|s| s.value).unwrap(), t.name_any()));
        let mut trials: Vec<(f64, String)> = valued.collect();
        trials.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut kept: Vec<String> = Vec::new();
        for (_, name) in &trials[..2] {
            kept.push(format!("--keep={}", folder(&space, name).await));
        }
        let best = space
            .jobs()
            .get("tuned")
            .await
            .unwrap()
            .status
            .unwrap()
            .best
            .unwrap();
        assert_eq!(best.trial, trials[0].1);
        let folder = format!(
            "tuned-{}/{}",
            uid(&space, "tuned").await,
            folder(&space, &best.trial).await
        );
        assert_eq!(best.model, Some(format!("checkpoints/{folder}/model")));
        let mut found = arguments(&cleanup_of(&space, "tuned").await.unwrap()).split_off(2);
        found.sort();
        kept.sort();
        assert_eq!(found, kept);
    });
}

#[test]
fn a_job_that_goes_on_calls_its_cleanup_off_before_its_trials_do() {
    block_on(async {
        let space = Space::new("goes-on").await;
        let _operator = space.operator();
        let _player = space.play_cleanups(well, Play::Runs);
        space.apply(&on_a_volume("job", 1, "None")).await.unwrap();
        space.complete("job").await;
        until("checkpoints are being removed", async || {
            cleanup_of(&space, "job").await.is_some()
        })
        .await;
        let first = cleanup_of(&space, "job").await.unwrap().uid();
        space.apply(&on_a_volume("job", 2, "None")).await.unwrap();
        until("a trial has a pod", async || {
            let pods = trial_pods(&space).await;
            let goes_on = pods.iter().any(|p| p.labels()[TRIAL] == "job-0002");
            let at_work = cleanup_of(&space, "job").await;
            assert!(
                !goes_on || at_work.is_none_or(|j| j.uid() != first),
                "it may take what is new"
            );
            goes_on
                || space.holds("job", "Complete").await.is_some() && space.sorted_trials().await.len() == 2
        })
        .await;
        until("another cleanup follows its end", async || {
            cleanup_of(&space, "job").await.is_some_and(|j| j.uid() != first)
        })
        .await;
    });
}

#[test]
fn what_is_left_behind_on_purpose_is_left_alone() {
    block_on(async {
        let space = Space::new("orphans").await;
        let operator = space.operator();
        let _player = space.play(|_, _, _| Play::Runs);
        space.apply(&on_a_volume("job", 1, "None")).await.unwrap();
        runs(&space).await;
        collector_knows_trials(&space).await;
        delete(&space, "job", DeleteParams::orphan()).await;
        until("the job is gone", async || is_gone(&space, "job").await).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let names = space.kube_job_names().await;
        assert_eq!(names, ["job-0001"], "{:#?}", operator.log());
        assert_eq!(trial_pods(&space).await.len(), 1);
    });
}

#[test]
fn a_job_goes_from_a_namespace_in_which_nothing_can_be_created_any_more() {
    block_on(async {
        let space = Space::new("ending").await;
        let _operator = space.operator();
        let _player = space.play(|_, _, _| Play::Runs);
        space.apply(&on_a_volume("job", 1, "None")).await.unwrap();
        runs(&space).await;
        let namespaces: Api<Namespace> = Api::all(space.client.clone());
        let params = DeleteParams::default();
        namespaces.delete(&space.name, &params).await.unwrap();
        delete(&space, "job", DeleteParams::background()).await;
        within(60, "it is gone", async || is_gone(&space, "job").await).await;
    });
}
