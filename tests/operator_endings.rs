//! Every end of a pod, and every waiting that is no end, on a real API server with a real Job controller; the kubelet is
//! played.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Play, Space, block_on, f1, manifest, serve, until};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;
use tuning_operator::api::{TrialFailure, TrialPhase, TrialStatus, ValueSource};

async fn status(space: &Space, trial: &str) -> TrialStatus {
    let trial = space.trials().get_opt(trial).await.unwrap();
    trial.and_then(|t| t.status).unwrap_or_default()
}

async fn until_runs(space: &Space, trial: &str) {
    until("it runs", async || {
        status(space, trial).await.phase == TrialPhase::Running
    })
    .await;
}

async fn until_holds(space: &Space, job: &str, condition: &str) {
    until(condition, async || space.holds(job, condition).await.is_some()).await;
}

async fn no_pods(space: &Space) {
    until("no pod is left", async || space.pod_names().await.is_empty()).await;
}

async fn message(space: &Space, job: &str) -> String {
    space.jobs().get(job).await.unwrap().status.unwrap().message
}

async fn change(space: &Space, job: &str, spec: serde_json::Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    space
        .jobs()
        .patch(job, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn suspend_kube_job(space: &Space, name: &str, suspend: bool) -> Job {
    let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
    space
        .kube_jobs()
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap()
}

#[test]
fn a_pod_that_succeeded_while_it_was_drained_has_succeeded_with_its_report() {
    block_on(async {
        let space = Space::new("drained").await;
        let _operator = space.operator();
        let player = space.play(|trial, rate, before| match (trial, before) {
            ("job-0001", _) => Play::Drained(0, json!({"f1": f1(rate)}).to_string()),
            // It wrote its checkpoint and ended, which is no report.
            ("job-0002", 0) => Play::Drained(0, String::new()),
            _ => Play::reports(f1(rate)),
        });
        space.apply(&manifest("job", 2, 1)).await.unwrap();
        space.complete("job").await;
        let (first, second) = (status(&space, "job-0001").await, status(&space, "job-0002").await);
        assert_eq!((first.phase, first.attempts), (TrialPhase::Succeeded, 1));
        assert_eq!(first.source, Some(ValueSource::TerminationMessage));
        assert_eq!((second.phase, second.attempts), (TrialPhase::Succeeded, 2));
        assert_eq!(player.pods(), 3);
    });
}

#[test]
fn suspended_by_a_queue_a_trial_waits_with_the_same_job_whatever_its_program_said() {
    block_on(async {
        let space = Space::new("kueue").await;
        let _operator = space.operator();
        let code = Arc::new(AtomicI32::new(0));
        let played = code.clone();
        let _player = space.play(
            move |_, rate, before| match (before, played.load(Ordering::Relaxed)) {
                (_, 99) => Play::reports(f1(rate)).on("n1"),
                // Half-way values: none of them is a final one.
                (0, code) => Play::EndsWhenAsked(code, json!({"f1": 0.001}).to_string()).on("n1"),
                (_, code) => Play::EndsWhenAsked(code, String::new()).on("n1"),
            },
        );
        space.apply(&manifest("job", 1, 1)).await.unwrap();
        let mut uid = None;
        for next in [0, 1, 143] {
            code.store(next, Ordering::Relaxed);
            until_runs(&space, "job-0001").await;
            let job = suspend_kube_job(&space, "job-0001", true).await;
            assert_eq!(*uid.get_or_insert(job.uid()), job.uid(), "the same Job");
            until("it waits for its queue", async || {
                let status = status(&space, "job-0001").await;
                status.phase == TrialPhase::Pending && status.message.contains("waits for its queue")
            })
            .await;
            no_pods(&space).await;
            let status = status(&space, "job-0001").await;
            let stands = (status.phase, status.attempts);
            assert_eq!(stands, (TrialPhase::Pending, 1), "{status:?}");
            assert!(space.holds("job", "Stalled").await.is_none());
            code.store(if next == 143 { 99 } else { 143 }, Ordering::Relaxed);
            suspend_kube_job(&space, "job-0001", false).await;
        }
        space.complete("job").await;
        let status = status(&space, "job-0001").await;
        assert_eq!((status.phase, status.attempts), (TrialPhase::Succeeded, 1));
        assert!(status.value.unwrap() > 0.1);
    });
}

#[test]
fn a_container_that_one_node_cannot_start_is_tried_elsewhere() {
    block_on(async {
        let space = Space::new("sick-node").await;
        let _operator = space.operator();
        let _player = space.play(|trial, rate, before| match (trial, before) {
            ("job-0001", 0) => {
                Play::Ends(128, "nvidia-container-cli: driver error".into(), "StartError").on("sick")
            }
            ("job-0002", 0) => Play::Ends(48, "CUDA is not there".into(), "Error").on("sick"),
            _ => Play::reports(f1(rate)).on("well"),
        });
        let mut manifest = manifest("job", 2, 1);
        manifest["spec"]["retain"] = json!("All");
        space.apply(&manifest).await.unwrap();
        space.complete("job").await;
        for name in ["job-0001", "job-0002"] {
            let status = status(&space, name).await;
            let stands = (status.phase, status.attempts);
            assert_eq!(stands, (TrialPhase::Succeeded, 2), "{name}");
            let job = serde_json::to_value(space.kube_jobs().get(name).await.unwrap()).unwrap();
            let affinity = job.pointer("/spec/template/spec/affinity").unwrap().to_string();
            assert!(affinity.contains("\"sick\""), "{affinity}");
        }
    });
}

#[test]
fn what_no_node_runs_is_tried_a_few_times_then_the_job_is_stalled_and_a_person_lets_it_go_on() {
    block_on(async {
        let space = Space::new("refused").await;
        let _operator = space.operator();
        let cases = [
            ("UnexpectedAdmissionError", "Pod was rejected"),
            ("OutOfcpu", "Pod was rejected"),
            ("StartError", "no such file"),
        ];
        for (reason, says) in cases {
            let name = reason.to_lowercase();
            let player = space.play(move |_, _, _| match reason {
                "StartError" => Play::Ends(128, says.into(), reason),
                _ => Play::Rejected(reason),
            });
            space.apply(&manifest(&name, 1, 1)).await.unwrap();
            until_holds(&space, &name, "Stalled").await;
            let said = message(&space, &name).await;
            assert!(said.contains(says) && said.contains("tried 4 times"), "{said}");
            assert!(said.contains("set spec.suspend to true"), "{said}");
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(player.pods(), 4, "{reason}");
            drop(player);
            let _player = space.play(|_, rate, _| Play::reports(f1(rate)));
            change(&space, &name, json!({"suspend": true})).await;
            until_holds(&space, &name, "Suspended").await;
            change(&space, &name, json!({"suspend": false})).await;
            space.complete(&name).await;
            assert_eq!(status(&space, &format!("{name}-0001")).await.attempts, 5);
            // Or they would be counted with the next one's.
            no_pods(&space).await;
        }
    });
}

#[test]
fn a_trial_on_a_lost_node_is_started_elsewhere_in_a_folder_of_its_own() {
    block_on(async {
        let space = Space::new("lost-node").await;
        let _operator = space.operator();
        let _player = space.play(|_, rate, before| match before {
            0 => Play::Runs.on("lost"),
            _ => Play::reports(f1(rate)).on("well"),
        });
        space.apply(&manifest("job", 1, 1)).await.unwrap();
        until_runs(&space, "job-0001").await;
        let pod = space.pod_names().await.remove(0);
        // What the taint manager does; nobody is there to end the container.
        let soon = DeleteParams::default().grace_period(8);
        space.pods().delete(&pod, &soon).await.unwrap();
        until("it says what it waits for", async || {
            let status = status(&space, "job-0001").await;
            status.phase == TrialPhase::Running && status.message.contains("its pod was deleted")
        })
        .await;
        space.complete("job").await;
        let status = status(&space, "job-0001").await;
        assert_eq!((status.phase, status.attempts), (TrialPhase::Succeeded, 2));
        assert!(status.checkpoint_folder > 0);
        assert!(status.ran_seconds >= 2.0, "its clock ran: {}", status.ran_seconds);
        assert!(!space.pod_names().await.contains(&pod));
    });
}

#[test]
fn a_job_of_which_nothing_came_has_failed_and_one_mistake_in_all_trials_is_said_early() {
    block_on(async {
        let space = Space::new("nothing").await;
        let _operator = space.operator();
        let player = space.play(|trial, _, _| match trial.starts_with("mute") {
            true => Play::Ends(0, String::new(), "Completed"),
            false => Play::Ends(1, "no such file".into(), "Error"),
        });
        space.apply(&manifest("crash", 4, 2)).await.unwrap();
        space.apply(&manifest("mute", 20, 1)).await.unwrap();
        for (job, reason, says) in [
            ("crash", "NoTrialSucceeded", "none succeeded"),
            ("mute", "MetricMissing", "all 3 trials so far"),
        ] {
            until(job, async || space.holds(job, "Failed").await.is_some()).await;
            assert_eq!(space.holds(job, "Failed").await.as_deref(), Some(reason));
            let said = message(&space, job).await;
            assert!(said.contains(says), "{said}");
        }
        assert_eq!(player.pods(), 7);
    });
}

#[test]
fn a_harmless_change_to_a_job_that_has_ended_neither_runs_it_again_nor_changes_its_end() {
    block_on(async {
        let space = Space::new("harmless").await;
        let operator = space.operator();
        let player = space.play(|_, rate, _| Play::reports(f1(rate)));
        space.apply(&manifest("job", 2, 1)).await.unwrap();
        space.complete("job").await;
        let before = space.jobs().get("job").await.unwrap().status.unwrap();
        change(
            &space,
            "job",
            json!({"retain": "None", "ttlSecondsAfterFinished": 100_000}),
        )
        .await;
        change(&space, "job", json!({"budget": {"parallelTrials": 2}})).await;
        let seen = async || {
            let job = space.jobs().get("job").await.unwrap();
            job.status.unwrap().observed_generation == job.metadata.generation
        };
        until("it was seen", seen).await;
        let after = space.jobs().get("job").await.unwrap().status.unwrap();
        let times = |s: &tuning_operator::api::TuningJobStatus| {
            let conditions = s
                .conditions
                .iter()
                .map(|c| (c.type_.clone(), c.status, c.last_transition_time));
            (
                s.completion_time,
                s.message.clone(),
                conditions.collect::<Vec<_>>(),
            )
        };
        assert_eq!(times(&after), times(&before));
        assert_eq!(player.pods(), 2);
        // A larger budget is no harmless change.
        change(&space, "job", json!({"budget": {"maxTrials": 3}})).await;
        until("the third trial has ended", async || {
            status(&space, "job-0003").await.phase == TrialPhase::Succeeded
        })
        .await;
        space.complete("job").await;
        drop(operator);
    });
}

#[test]
fn a_nodes_clock_neither_times_a_trial_out_nor_keeps_it_for_ever() {
    block_on(async {
        let space = Space::new("clocks").await;
        let _operator = space.operator();
        let hour = jiff::SignedDuration::from_hours(1);
        let ahead = (jiff::Timestamp::now() + hour)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let behind = (jiff::Timestamp::now() - hour)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let _player = space.play(move |trial, _, _| {
            Play::RunsSince(match trial {
                "ahead-0001" => Some(ahead.clone()),
                "behind-0001" => Some(behind.clone()),
                _ => None,
            })
        });
        let names = ["ahead", "behind", "silent"];
        for name in names {
            let mut manifest = manifest(name, 1, 1);
            manifest["spec"]["budget"]["maxTrialDuration"] = json!("6s");
            space.apply(&manifest).await.unwrap();
        }
        for name in names {
            let trial = format!("{name}-0001");
            until(name, async || {
                status(&space, &trial).await.completion_time.is_some()
            })
            .await;
            let status = status(&space, &trial).await;
            assert_eq!(status.failure, Some(TrialFailure::TimedOut), "{name}");
            assert!(
                (5.0..30.0).contains(&status.ran_seconds),
                "{name}: {}",
                status.ran_seconds
            );
        }
    });
}

#[test]
fn a_value_that_an_earlier_operator_heard_is_final_and_what_cannot_be_known_is_said() {
    block_on(async {
        let space = Space::new("restart").await;
        let operator = space.operator();
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let _player = space.play(move |_, _, _| Play::RunsUntil(flag.clone()));
        let port = serve(&["tuning_metric{name=\"f1\"} 0.6\ntuning_metric_step 10\ntuning_step 12\n"]).await;
        let mut manifest = manifest("job", 1, 1);
        manifest["spec"]["metrics"] = json!({"prometheus": {"port": port}});
        space.apply(&manifest).await.unwrap();
        until("the first step and evaluation are told at once", async || {
            let status = status(&space, "job-0001").await;
            status.step == Some(12) && status.metrics.get("f1") == Some(&0.6)
        })
        .await;
        drop(operator);
        tokio::time::sleep(Duration::from_secs(1)).await;
        done.store(true, Ordering::Relaxed);
        until("its pod has ended", async || {
            let pods = space.pods().list(&Default::default()).await.unwrap();
            pods.items
                .iter()
                .all(|p| p.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Succeeded"))
        })
        .await;
        let _operator = space.operator();
        space.complete("job").await;
        let status = status(&space, "job-0001").await;
        assert_eq!(
            (status.value, status.source),
            (Some(0.6), Some(ValueSource::Prometheus))
        );
        assert!(
            status.message.contains("step 10") && status.message.contains("not known"),
            "{}",
            status.message
        );
    });
}
