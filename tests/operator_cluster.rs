//! The operator on a real API server, with a real Job controller and garbage collector; only the pods are played.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Space, block_on, check_first_proposals, f1, manifest, serve, until};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tuning_operator::api::{self, TrialFailure, TrialPhase};

fn well(_: &str, learning_rate: f64, _: usize) -> Play {
    Play::reports(f1(learning_rate))
}

#[test]
fn a_job_is_tuned_to_its_end_and_then_nothing_is_written() {
    block_on(async {
        let space = Space::new("main-path").await;
        let player = space.play(well);
        let operator = space.operator();
        let manifest = manifest("mrpc", 6, 2);
        space.apply(&manifest).await.unwrap();
        space.complete("mrpc").await;
        assert_eq!(space.holds("mrpc", "Ready").await.as_deref(), Some("TrialsSpent"));

        let trials = space.sorted_trials().await;
        let indices: Vec<u32> = trials.iter().filter_map(|t| t.index()).collect();
        assert_eq!(indices, [1, 2, 3, 4, 5, 6]);
        assert!(player.most() <= 2, "{} pods at once", player.most());
        check_trials(&trials);
        check_first_proposals(&manifest, &trials);
        let status = space.jobs().get("mrpc").await.unwrap().status.unwrap();
        assert_eq!(
            (status.progress.as_deref(), status.trials.succeeded),
            (Some("6/6"), 6)
        );
        let best = status.best.unwrap();
        let most = trials
            .iter()
            .filter_map(|t| t.status.as_ref()?.value)
            .fold(0.0, f64::max);
        assert_eq!(best.value, most);
        let recommended = status.recommended.unwrap();
        let (low, high) = (recommended.low.unwrap(), recommended.high.unwrap());
        assert!(low <= recommended.mean && recommended.mean <= high);

        until("the Jobs of trials that succeeded are gone", async || {
            space.kube_job_names().await.is_empty()
        })
        .await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = operator.writes();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(operator.writes(), before, "{:#?}", operator.log());
    });
}

fn check_trials(trials: &[api::Trial]) {
    for trial in trials {
        let status = trial.status.clone().unwrap();
        let rate = trial.spec.parameters["learning_rate"].as_f64().unwrap();
        assert_eq!(status.phase, TrialPhase::Succeeded);
        assert_eq!(status.value, Some(f1(rate)));
        assert_eq!(status.source, Some(api::ValueSource::TerminationMessage));
        assert_eq!(status.attempts, 1);
        assert!(
            (0.0..60.0).contains(&status.ran_seconds),
            "{}",
            status.ran_seconds
        );
    }
}

#[test]
fn every_end_of_a_pod_means_what_the_table_says() {
    use TrialFailure::*;
    let cases = [
        ("oom", 137, "", "OOMKilled", OutOfMemory),
        ("device", 4, "CUDA out of memory", "Error", OutOfMemory),
        ("nan", 3, "loss is NaN", "Error", Diverged),
        ("said-nan", 0, "{\"f1\": NaN}", "Completed", Diverged),
        ("mute", 0, "", "Completed", MetricMissing),
        ("crash", 1, "Traceback:\n  \u{1b}[31mValueError", "Error", Crashed),
    ];
    block_on(async {
        let space = Space::new("triage").await;
        let _operator = space.operator();
        let _player = space.play(move |trial, rate, _| {
            let case = cases.iter().find(|(name, ..)| trial == format!("{name}-0001"));
            case.map_or(Play::reports(f1(rate)), |(_, code, message, reason, _)| {
                Play::Ends(*code, (*message).to_owned(), reason)
            })
        });
        for (name, ..) in cases {
            space.apply(&manifest(name, 2, 1)).await.unwrap();
        }
        for (name, .., failure) in cases {
            until(name, async || space.holds(name, "Complete").await.is_some()).await;
            let trial = space.trials().get(&format!("{name}-0001")).await.unwrap();
            let status = trial.status.unwrap();
            assert_eq!(
                (status.phase, status.failure),
                (TrialPhase::Failed, Some(failure)),
                "{name}"
            );
            assert!(
                !status.message.is_empty() && !status.message.contains(char::is_control),
                "{}",
                status.message
            );
            // What failed is kept to be looked at.
            assert!(
                space
                    .kube_jobs()
                    .get_opt(&format!("{name}-0001"))
                    .await
                    .unwrap()
                    .is_some()
            );
            let second = space.trials().get(&format!("{name}-0002")).await.unwrap();
            assert_ne!(second.spec.parameters, trial.spec.parameters);
        }
    });
}

#[test]
fn bad_configuration_stops_the_job_with_the_trainers_own_sentence() {
    block_on(async {
        let space = Space::new("halt").await;
        let _operator = space.operator();
        let sentence = "train.tsv: it cannot be read: give its folder";
        let _player = space.play(move |_, _, _| Play::Ends(44, sentence.into(), "Error"));
        space.apply(&manifest("halts", 6, 2)).await.unwrap();
        until("it has failed", async || {
            space.holds("halts", "Failed").await.is_some()
        })
        .await;
        assert_eq!(
            space.holds("halts", "Stalled").await.as_deref(),
            Some("BadConfiguration")
        );
        let status = space.jobs().get("halts").await.unwrap().status.unwrap();
        assert!(status.message.contains(sentence), "{}", status.message);
        assert_eq!(status.trials.failed, 0, "no trial is to blame");
    });
}

#[test]
fn an_evicted_trial_runs_again_at_its_point_and_costs_nothing() {
    block_on(async {
        let space = Space::new("evicted").await;
        let _operator = space.operator();
        let _player = space.play(|trial, rate, before| match (trial, before) {
            ("job-0001", 0 | 1) => Play::Evicted,
            _ => Play::reports(f1(rate)),
        });
        space.apply(&manifest("job", 3, 1)).await.unwrap();
        space.complete("job").await;
        let trials = space.sorted_trials().await;
        assert_eq!(trials.len(), 3);
        let first = trials[0].status.clone().unwrap();
        assert_eq!((first.phase, first.failure), (TrialPhase::Succeeded, None));
        assert_eq!(
            first.value,
            Some(f1(trials[0].spec.parameters["learning_rate"].as_f64().unwrap()))
        );
    });
}

#[test]
fn what_cannot_start_is_said_and_goes_on_once_it_is_mended() {
    block_on(async {
        let space = Space::new("stuck").await;
        let _operator = space.operator();
        let player = space.play(|_, _, _| Play::Stuck("ImagePullBackOff"));
        space.apply(&manifest("job", 2, 1)).await.unwrap();
        until("it is stalled", async || {
            space.holds("job", "Stalled").await.is_some()
        })
        .await;
        let status = space.jobs().get("job").await.unwrap().status.unwrap();
        assert!(
            status.message.contains("ImagePullBackOff: no such thing"),
            "{}",
            status.message
        );
        drop(player);
        let _player = space.play(well);
        space.complete("job").await;
        assert!(space.holds("job", "Stalled").await.is_none());
    });
}

#[test]
fn a_suspended_job_holds_still_and_goes_on_where_it_was() {
    block_on(async {
        let space = Space::new("suspend").await;
        let _operator = space.operator();
        let player = space.play(|_, _, _| Play::Runs);
        space.apply(&manifest("job", 3, 2)).await.unwrap();
        until("both run", async || {
            space
                .jobs()
                .get("job")
                .await
                .unwrap()
                .status
                .is_some_and(|s| s.trials.running == 2)
        })
        .await;
        let points: Vec<_> = space
            .sorted_trials()
            .await
            .into_iter()
            .map(|t| t.spec.parameters)
            .collect();
        let suspend = |on: bool| Patch::Merge(json!({"spec": {"suspend": on}}));
        space
            .jobs()
            .patch("job", &PatchParams::default(), &suspend(true))
            .await
            .unwrap();
        until("it is suspended", async || {
            space.holds("job", "Suspended").await.is_some()
        })
        .await;
        until("no pod is left", async || space.pod_names().await.is_empty()).await;
        drop(player);
        let _player = space.play(well);
        space
            .jobs()
            .patch("job", &PatchParams::default(), &suspend(false))
            .await
            .unwrap();
        space.complete("job").await;
        let trials = space.sorted_trials().await;
        assert_eq!(trials[0].spec.parameters, points[0]);
        assert_eq!(trials[1].spec.parameters, points[1]);
        assert_eq!(trials[0].status.as_ref().unwrap().attempts, 2);
    });
}

#[test]
fn deleted_midway_nothing_is_left_and_the_name_is_free_again() {
    block_on(async {
        let space = Space::new("delete").await;
        let _operator = space.operator();
        let player = space.play(|_, _, _| Play::Runs);
        space.apply(&manifest("job", 3, 2)).await.unwrap();
        until("pods run", async || !space.pod_names().await.is_empty()).await;
        space
            .jobs()
            .delete("job", &DeleteParams::background())
            .await
            .unwrap();
        until("the job is gone", async || {
            space.jobs().get_opt("job").await.unwrap().is_none()
        })
        .await;
        space.apply(&manifest("job", 3, 2)).await.unwrap();
        let uid = space.jobs().get("job").await.unwrap().uid().unwrap();
        drop(player);
        let _player = space.play(well);
        space.complete("job").await;
        let trials = space.sorted_trials().await;
        assert_eq!(trials.len(), 3);
        assert!(trials.iter().all(|t| t.owner_references()[0].uid == uid));
        space
            .jobs()
            .delete("job", &DeleteParams::background())
            .await
            .unwrap();
        until("nothing is left", async || {
            space.sorted_trials().await.is_empty()
                && space.kube_job_names().await.is_empty()
                && space.pod_names().await.is_empty()
        })
        .await;
    });
}

#[test]
fn a_watch_that_lags_half_a_minute_runs_no_trial_twice() {
    block_on(async {
        let space = Space::new("stale").await;
        let player = space.play(|trial, rate, before| match (trial, before) {
            ("job-0001", 0) => Play::Evicted,
            _ => Play::reports(f1(rate)),
        });
        let operator = space.operator_lagging(Duration::from_secs(30));
        space.apply(&manifest("job", 3, 2)).await.unwrap();
        space.complete_within("job", 600).await;
        let trials = space.sorted_trials().await;
        assert_eq!(trials.len(), 3);
        let attempts: Vec<u32> = trials
            .iter()
            .map(|t| t.status.as_ref().unwrap().attempts)
            .collect();
        assert_eq!(player.pods(), 4, "{attempts:?} {:#?}", operator.log());
    });
}

#[test]
fn one_bad_object_does_not_stop_the_others() {
    block_on(async {
        let space = Space::new("poison").await;
        let _operator = space.operator();
        let _player = space.play(well);
        let mut bad = manifest("bad", 3, 1);
        bad["spec"]["metrics"] = json!({"logs": {"definitions": [{"name": "f1", "regex": "f1=([0-9.]+"}]}});
        space.apply(&bad).await.unwrap();
        space.apply(&manifest("good", 3, 1)).await.unwrap();
        space.complete("good").await;
        until("the bad one is stalled", async || {
            space.holds("bad", "Stalled").await.is_some()
        })
        .await;
        let status = space.jobs().get("bad").await.unwrap().status.unwrap();
        assert!(
            status.message.contains("spec.metrics.logs.definitions[0].regex"),
            "{}",
            status.message
        );
    });
}

#[test]
fn a_trials_endpoint_is_followed_while_it_runs_and_its_last_word_stands_in_for_the_report() {
    block_on(async {
        let space = Space::new("endpoint").await;
        let _operator = space.operator();
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let _player = space.play(move |_, _, _| Play::RunsUntil(flag.clone()));
        let port = serve(&[
            "not a page {",
            "tuning_metric{name=\"f1\"} 0.6\ntuning_metric_step 10\ntuning_step 12\ntuning_total_steps 30\n",
            "tuning_metric{name=\"f1\"} 0.6\ntuning_metric_step 10\ntuning_step 15\n",
            "tuning_metric{name=\"f1\"} 0.7\ntuning_metric_step 20\ntuning_step 20\n",
        ])
        .await;
        let mut manifest = manifest("job", 1, 1);
        manifest["spec"]["metrics"] = json!({"prometheus": {"port": port, "path": "/metrics"}});
        space.apply(&manifest).await.unwrap();
        let curve = async || {
            let trials = space.sorted_trials().await;
            let status = trials.first().and_then(|t| t.status.clone()).unwrap_or_default();
            status.curve.iter().map(|p| (p.step, p.value)).collect::<Vec<_>>()
        };
        until("the curve is told while the trial runs", async || {
            curve().await == [(10, 0.6), (20, 0.7)]
        })
        .await;
        done.store(true, Ordering::Relaxed);
        space.complete("job").await;
        let status = space.sorted_trials().await[0].status.clone().unwrap();
        assert_eq!(
            (status.value, status.source),
            (Some(0.7), Some(api::ValueSource::Prometheus))
        );
    });
}
