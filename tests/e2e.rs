//! The operator as people get it, its image installed by its chart, on a real node with real containers: make e2e.

#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/node.rs"]
mod node;

use cluster::{Space, block_on, check_first_proposals, manifest, until};
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt;
use kube::api::{Api, EvictParams, ListParams};
use node::{
    bert, ended, folder, go_on_from, in_log, numbers, pages, running_pod, said, server_knows, shell, shows,
    trial, until_asked, with_volume, work_volume,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tuning_operator::api::{TrialFailure, TrialPhase, ValueSource};

/// Models in the trials' folders below `checkpoints`.
fn models(checkpoints: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let trials = below(checkpoints).into_iter().flat_map(|job| below(&job));
    trials
        .map(|trial| trial.join("model"))
        .filter(|model| model.exists())
        .collect()
}

#[test]
fn a_learning_rate_is_tuned_by_the_real_trainer() {
    block_on(async {
        let space = Space::on_the_node("main-path").await;
        work_volume(&space).await;
        let manifest = bert("mrpc", 6, 2);
        space.apply(&manifest).await.unwrap();
        space.complete_within("mrpc", 1200).await;
        let trials = space.sorted_trials().await;
        check_first_proposals(&manifest, &trials);
        for trial in &trials {
            let status = trial.status.as_ref().unwrap();
            assert_eq!(status.phase, TrialPhase::Succeeded, "{}", status.message);
            assert_eq!(status.source, Some(ValueSource::TerminationMessage));
            let f1 = status.value.unwrap();
            assert!((0.7..1.0).contains(&f1), "{f1}");
            assert!(!status.curve.is_empty() && status.gpu_seconds > 0.0);
        }
        let status = space.jobs().get("mrpc").await.unwrap().status.unwrap();
        let recommended = status.recommended.unwrap();
        assert!((0.7..1.0).contains(&recommended.mean));
        // Of six models the best stays, where the status says; the others' folders go when the job has ended.
        let place = folder(&space);
        let best = place.join(status.best.unwrap().model.unwrap());
        until("one model is left", async || {
            models(&place.join("checkpoints")) == [best.clone()]
        })
        .await;
        let size = |name: &str| std::fs::metadata(best.join(name)).unwrap().len();
        assert!(size("model.safetensors") > 4 * 22_000_000 && size("tokenizer.json") > 0);
        let config: Value =
            serde_json::from_slice(&std::fs::read(best.join("config.json")).unwrap()).unwrap();
        assert_eq!(
            config["id2label"],
            json!({"0": "not_equivalent", "1": "equivalent"})
        );
        // Each trial that ends frees its graphics card a moment after the next one is made: nobody is called for that.
        let events: Api<Event> = Api::namespaced(space.client.clone(), &space.name);
        let said = events.list(&ListParams::default()).await.unwrap();
        let alarms = said
            .iter()
            .filter(|e| e.reason.as_deref() == Some("TrialsCannotRun"));
        assert_eq!(alarms.count(), 0);
    });
}

#[test]
fn an_evicted_trial_goes_on_from_its_checkpoint() {
    block_on(async {
        let space = Space::on_the_node("evicted").await;
        work_volume(&space).await;
        let mut manifest = bert("mrpc", 1, 1);
        // Hundreds of steps: the log speaks of the twentieth, and the others take seconds on any processor, since each
        // goes over every parameter.
        manifest["spec"]["trial"]["bert"]["batchSize"] = json!(4);
        // The second pod's log is read when all is over.
        manifest["spec"]["retain"] = json!("All");
        // Both of the node's graphics cards are taken by another test.
        manifest["spec"]["trial"]["resources"] =
            json!({"requests": {"cpu": "500m"}, "limits": {"memory": "3Gi"}});
        space.apply(&manifest).await.unwrap();
        let pod = running_pod(&space).await;
        let line = said(&space, &pod, "step=").await;
        space.pods().evict(&pod, &EvictParams::default()).await.unwrap();
        let (before, all) = (numbers(&line)[0], numbers(&line)[1]);
        assert!(all > 9 * before, "{line} is not far from the end");
        let (phase, _, value, message) = ended(&space, "mrpc-0001").await;
        assert_eq!(phase, TrialPhase::Succeeded, "{message}");
        assert!(value.unwrap() > 0.7);
        let pods = space.pods().list(&ListParams::default()).await.unwrap();
        let last = pods
            .items
            .iter()
            .find(|p| p.name_any() != pod)
            .expect("a second pod");
        let log = space
            .pods()
            .logs(&last.name_any(), &Default::default())
            .await
            .unwrap();
        let resumed = log.lines().find(|line| line.starts_with("resumed after step "));
        let after = numbers(resumed.unwrap_or_else(|| panic!("no word of a checkpoint: {log}")));
        println!("evicted after {line}; {}", resumed.unwrap_or_default());
        assert!((before..all).contains(&after[0]), "{after:?}");
    });
}

#[test]
fn logs_are_read_even_where_they_flood() {
    block_on(async {
        let space = Space::on_the_node("logs").await;
        let few = "for i in 1 2 3; do echo epoch $i f1=0.6$i; sleep 2; done";
        let flood = "yes 'nothing to see here' | head -c 60000000; echo f1=0.71; yes more | head -n 3000";
        space.apply(&in_log(shell("few", 1, few))).await.unwrap();
        space.apply(&in_log(shell("flood", 1, flood))).await.unwrap();
        // Bars of 16 KiB each, drawn over one another, and the value at the end of the same line.
        let bars = r"bar=$(head -c 16300 /dev/zero | tr '\0' '#')
            for i in $(seq 1000); do printf '\r%d %s' $i $bar; done; printf '\rf1=0.72\n'";
        space.apply(&in_log(shell("bars", 1, bars))).await.unwrap();
        space
            .apply(&in_log(shell("nan", 1, "echo f1=0.5; echo f1=nan")))
            .await
            .unwrap();
        assert_eq!(ended(&space, "few-0001").await.2, Some(0.63));
        assert_eq!(trial(&space, "few-0001").await.status.unwrap().curve.len(), 3);
        assert_eq!(ended(&space, "flood-0001").await.2, Some(0.71));
        assert_eq!(ended(&space, "bars-0001").await.2, Some(0.72));
        assert_eq!(ended(&space, "nan-0001").await.1, Some(TrialFailure::Diverged));
    });
}

#[test]
fn what_no_trial_can_mend_stops_the_job_or_stalls_it() {
    block_on(async {
        let space = Space::on_the_node("stalled").await;
        space
            .apply(&shell("bad", 3, "echo 'train.tsv: not there'; exit 42"))
            .await
            .unwrap();
        let mut no_image = shell("image", 3, "true");
        no_image["spec"]["trial"]["container"]["image"] = json!("localhost/tuning-operator/none:1");
        space.apply(&no_image).await.unwrap();
        let mut nowhere = shell("nowhere", 3, "true");
        nowhere["spec"]["trial"]["nodeSelector"] = json!({"there": "is-none"});
        space.apply(&nowhere).await.unwrap();
        for (job, says) in [
            ("bad", "train.tsv: not there"),
            ("image", "none:1"),
            ("nowhere", "didn't match"),
        ] {
            until(&format!("{job} is stalled"), async || {
                space.holds(job, "Stalled").await.is_some()
            })
            .await;
            let status = space.jobs().get(job).await.unwrap().status.unwrap();
            println!("{job}: {}", status.message);
            assert!(status.message.contains(says), "{}", status.message);
        }
        assert_eq!(
            space.holds("bad", "Failed").await.as_deref(),
            Some("BadConfiguration")
        );
        assert_eq!(
            space
                .trials()
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .len(),
            3
        );
    });
}

#[test]
fn a_persons_own_trial_is_run_and_a_job_that_has_had_its_time_goes() {
    block_on(async {
        let space = Space::on_the_node("by-hand").await;
        let mut job = shell("job", 2, r#"echo '{"f1": 0.5}' > /dev/termination-log"#);
        job["spec"]["ttlSecondsAfterFinished"] = json!(15);
        space.apply(&job).await.unwrap();
        let own = json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "my-guess"},
            "spec": {"job": "job", "parameters": {"learning_rate": 3e-5}}});
        space.apply(&own).await.unwrap();
        let (phase, _, value, message) = ended(&space, "my-guess").await;
        assert_eq!((phase, value), (TrialPhase::Succeeded, Some(0.5)), "{message}");
        until("the job is gone", async || {
            space.jobs().get_opt("job").await.unwrap().is_none()
        })
        .await;
        until("its trials are gone", async || {
            space.sorted_trials().await.is_empty()
        })
        .await;
    });
}

#[test]
fn an_unchanged_image_of_sagemakers_is_tuned() {
    block_on(async {
        let space = Space::on_the_node("sagemaker").await;
        let mut manifest = in_log(manifest("job", 3, 2));
        manifest["spec"]["trial"] = json!({
            "sagemaker": {
                "image": "localhost/tuning-operator/sagemaker:test",
                "hyperparameters": {"epochs": "3"},
                "channels": [{"name": "train", "volume": "data"}],
            },
            "volumes": [{"name": "data", "emptyDir": {}}],
            "podSecurityContext": {"runAsUser": 1000},
        });
        space.apply(&manifest).await.unwrap();
        space.complete("job").await;
        for trial in space.sorted_trials().await {
            let status = trial.status.unwrap();
            assert_eq!(
                (status.phase, status.value),
                (TrialPhase::Succeeded, Some(0.83)),
                "{}",
                status.message
            );
        }
        manifest["metadata"]["name"] = json!("fails");
        manifest["spec"]["trial"]["sagemaker"]["hyperparameters"]["epochs"] = json!("none");
        space.apply(&manifest).await.unwrap();
        let (_, failure, _, message) = ended(&space, "fails-0001").await;
        assert_eq!(failure, Some(TrialFailure::Crashed));
        assert!(message.contains("epochs is none"), "{message}");
    });
}

#[test]
fn an_endpoint_that_lies_spoils_nothing() {
    let page = |lines: &str| {
        let answer = r#"printf "HTTP/1.0 200 OK\r\n\r\n"; cat /tmp/page"#;
        format!("mkdir -p /tmp; {lines} > /tmp/page; {}", until_asked(answer))
    };
    let report = r#"echo '{"f1": 0.66}' > /dev/termination-log"#;
    let nan = page(r#"printf 'tuning_metric{name="f1"} NaN\ntuning_step 1\n'"#);
    let two = page(r#"printf 'tuning_metric{name="f1"} 0.1\ntuning_metric{name="f1"} 0.9\n'"#);
    let torn = page(r#"printf 'tuning_metric{name="f1} 0.1\n{{{\n'"#);
    let large = page("yes '# comment' | head -c 50000000");
    let huge = page(r#"printf 'tuning_metric{name="f1"} 0.1\ntuning_step 1e30\n'"#);
    let silent = until_asked("sleep 1000");
    block_on(async {
        let space = Space::on_the_node("lies").await;
        let cases = [
            ("nan", nan),
            ("two", two),
            ("torn", torn),
            ("large", large),
            ("huge", huge),
            ("silent", silent),
        ];
        for (name, script) in &cases {
            space
                .apply(&shell(name, 1, &format!("{script}{report}")))
                .await
                .unwrap();
        }
        for (name, _) in cases {
            let (phase, _, value, message) = ended(&space, &format!("{name}-0001")).await;
            assert_eq!(
                (phase, value),
                (TrialPhase::Succeeded, Some(0.66)),
                "{name}: {message}"
            );
            let curve = trial(&space, &format!("{name}-0001")).await.status.unwrap().curve;
            assert!(curve.iter().all(|p| p.value.is_finite()), "{name}");
        }
    });
}

#[test]
fn a_prometheus_server_is_asked() {
    block_on(async {
        let space = Space::on_the_node("server").await;
        work_volume(&space).await;
        let script = pages(r#"eval_f1{split="dev"} 0.7%s\neval_f1{split="train"} 0.9%s\n"#);
        let mut clear = with_volume(shell("clear", 1, &script));
        clear["spec"]["metrics"] = json!({"promQuery": {"metric": "eval_f1", "labels": {"split": "dev"}}});
        let mut ambiguous = with_volume(shell("ambiguous", 1, &script));
        ambiguous["spec"]["metrics"] = json!({"promQuery": {"metric": "eval_f1"}});
        space.apply(&clear).await.unwrap();
        space.apply(&ambiguous).await.unwrap();
        // Known for a second, since a pod's end is told in whole seconds.
        server_knows(r#"eval_f1{namespace="server",pod=~"ambiguous.*"} offset 1s"#, 2).await;
        for (page, value) in [(1, 0.71), (2, 0.72), (3, 0.73)] {
            shows(&space, "clear-0001", value).await;
            go_on_from(&space, page);
        }
        let (_, _, value, message) = ended(&space, "clear-0001").await;
        assert_eq!(value, Some(0.73), "{message}");
        let status = trial(&space, "clear-0001").await.status.unwrap();
        assert_eq!(status.source, Some(ValueSource::PromQuery));
        let values: Vec<f64> = status.curve.iter().map(|p| p.value).collect();
        assert_eq!(values, [0.71, 0.72, 0.73]);
        let (_, failure, _, message) = ended(&space, "ambiguous-0001").await;
        assert_eq!(failure, Some(TrialFailure::MetricMissing));
        assert!(message.contains("2 series fit"), "{message}");
    });
}

#[test]
fn a_trial_that_tells_only_by_its_endpoint_is_heard() {
    block_on(async {
        let space = Space::on_the_node("endpoint").await;
        work_volume(&space).await;
        let script = pages(r#"tuning_metric{name="f1"} 0.8%s\ntuning_step %s\n"#);
        space.apply(&with_volume(shell("job", 1, &script))).await.unwrap();
        for (page, value) in [(1, 0.81), (2, 0.82), (3, 0.83)] {
            shows(&space, "job-0001", value).await;
            go_on_from(&space, page);
        }
        let (_, _, value, message) = ended(&space, "job-0001").await;
        assert_eq!(value, Some(0.83), "{message}");
        let status = trial(&space, "job-0001").await.status.unwrap();
        assert_eq!(status.source, Some(ValueSource::Prometheus));
        let curve: Vec<(u64, f64)> = status.curve.iter().map(|p| (p.step, p.value)).collect();
        assert_eq!(curve, [(1, 0.81), (2, 0.82), (3, 0.83)]);
    });
}

#[path = "e2e/checkpoints.rs"]
mod checkpoints;
#[path = "e2e/endings.rs"]
mod endings;
#[path = "e2e/policy.rs"]
mod policy;
#[path = "e2e/queue.rs"]
mod queue;
#[path = "e2e/reading.rs"]
mod reading;
