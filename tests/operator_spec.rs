//! Every field of a TuningJob's spec takes effect or is refused; what people may add to a job by hand.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;
#[path = "common/fields.rs"]
mod fields;

use cluster::{Play, Space, block_on, f1, manifest, until};
use fields::{Seen, leaves, rows};
use kube::ResourceExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tuning_operator::api::{self, TrialPhase};
use tuning_operator::operator;

fn well(_: &str, learning_rate: f64, _: usize) -> Play {
    Play::reports(f1(learning_rate))
}

#[test]
fn every_field_of_the_schema_is_in_the_table() {
    let crd = serde_json::to_value(&operator::crds()[0]).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let schema: BTreeSet<String> = leaves(spec).into_iter().collect();
    let table: BTreeSet<String> = rows().into_iter().map(|row| row.leaf).collect();
    assert_eq!(schema, table);
}

#[test]
fn what_the_core_decides_on_follows_the_field() {
    for row in rows() {
        let Seen::Core(text) = row.seen() else { continue };
        let before = format!("{:?}", api::check(&row.base()).unwrap().job);
        let after = format!("{:?}", api::check(&row.manifest("job")).unwrap().job);
        assert!(!before.contains(text), "{}: {text} is there without it", row.leaf);
        assert!(after.contains(text), "{}: not {text} in {after}", row.leaf);
    }
}

#[test]
fn the_jobs_of_trials_follow_the_field() {
    block_on(async {
        let space = Space::new("fields").await;
        let _operator = space.operator();
        let rows = rows();
        let in_job = |row: &&fields::Row| !matches!(row.seen(), Seen::Core(_) | Seen::Elsewhere);
        // Rows with the same manifest look at the same job.
        let name = |row: &fields::Row| {
            let same = |other: &fields::Row| other.manifest("job") == row.manifest("job");
            format!("field-{}", rows.iter().position(same).unwrap())
        };
        for row in rows.iter().filter(in_job) {
            let answer = space.apply(&row.manifest(&name(row))).await;
            match row.seen() {
                Seen::Refused(words) => assert!(
                    answer.clone().is_err_and(|said| said.contains(words)),
                    "{}: {answer:?}",
                    row.leaf
                ),
                _ => assert_eq!(answer, Ok(()), "{}", row.leaf),
            }
        }
        for row in rows.iter().filter(in_job) {
            if matches!(row.seen(), Seen::Refused(_)) {
                continue;
            }
            let name = format!("{}-0001", name(row));
            let mut job = Value::Null;
            until(&format!("{}: a Job", row.leaf), async || {
                job = serde_json::to_value(space.kube_jobs().get_opt(&name).await.unwrap()).unwrap();
                !job.is_null()
            })
            .await;
            match row.seen() {
                Seen::Job(pointer, value) => {
                    assert_eq!(job.pointer(pointer), Some(value), "{}: {job}", row.leaf)
                }
                Seen::Says(text) => assert!(job["spec"].to_string().contains(text), "{}: {job}", row.leaf),
                _ => {}
            }
        }
    });
}

#[test]
fn retain_says_which_jobs_stay() {
    block_on(async {
        let space = Space::new("retain").await;
        let _operator = space.operator();
        let _player = space.play(|trial, rate, _| match trial.ends_with("-0002") {
            true => Play::Ends(1, "no".into(), "Error"),
            false => well(trial, rate, 0),
        });
        let wanted = [
            ("All", vec!["all-0001", "all-0002"]),
            ("Failed", vec!["failed-0002"]),
            ("None", vec![]),
        ];
        for (retain, _) in &wanted {
            let mut job = manifest(&retain.to_lowercase(), 2, 1);
            job["spec"]["retain"] = json!(retain);
            space.apply(&job).await.unwrap();
        }
        for (retain, left) in wanted {
            let job = retain.to_lowercase();
            space.complete(&job).await;
            until(&format!("{retain}: what stays"), async || {
                let names = space.kube_job_names().await;
                let ours: Vec<&str> = names
                    .iter()
                    .map(String::as_str)
                    .filter(|n| n.starts_with(&job))
                    .collect();
                ours == left
            })
            .await;
        }
    });
}

#[test]
fn a_job_goes_when_its_time_to_live_is_over() {
    block_on(async {
        let space = Space::new("ttl").await;
        let _operator = space.operator();
        let _player = space.play(well);
        let mut job = manifest("short", 1, 1);
        job["spec"]["ttlSecondsAfterFinished"] = json!(3);
        space.apply(&job).await.unwrap();
        space.complete("short").await;
        let ended = std::time::Instant::now();
        until("it is gone", async || {
            space.jobs().get_opt("short").await.unwrap().is_none()
        })
        .await;
        assert!(ended.elapsed() > Duration::from_secs(1), "it went at once");
        until("its trials are gone", async || {
            space.sorted_trials().await.is_empty()
        })
        .await;
    });
}

#[test]
fn a_warm_start_takes_over_what_an_earlier_job_learned() {
    block_on(async {
        let space = Space::new("warm").await;
        let _operator = space.operator();
        let _player = space.play(well);
        let mut child = manifest("child", 1, 1);
        child["spec"]["warmStart"] = json!({"from": ["parent"]});
        space.apply(&child).await.unwrap();
        until("the child waits", async || {
            let status = space.jobs().get("child").await.unwrap().status;
            status.is_some_and(|s| {
                s.message
                    .contains("spec.warmStart.from: there is no TuningJob \"parent\"")
            })
        })
        .await;
        space.apply(&manifest("parent", 5, 1)).await.unwrap();
        space.complete("child").await;
        assert!(
            space.holds("parent", "Complete").await.is_some(),
            "the child did not wait"
        );
        let status = space.jobs().get("child").await.unwrap().status.unwrap();
        assert_eq!(status.prior.len(), 5);
        let trials = space.sorted_trials().await;
        let first = trials.iter().find(|t| t.name_any() == "child-0001").unwrap();
        // Five trials came before it: no startup point any more.
        assert_ne!(first.spec.why.as_ref().unwrap().role, api::RoleRecord::Startup);

        let mut turned = manifest("turned", 1, 1);
        turned["spec"]["warmStart"] = json!({"from": ["parent"]});
        turned["spec"]["objective"]["goal"] = json!("Minimize");
        space.apply(&turned).await.unwrap();
        until("a job of another goal is refused", async || {
            let status = space.jobs().get("turned").await.unwrap().status;
            status.is_some_and(|s| {
                s.phase.as_deref() == Some("Stalled")
                    && s.message
                        .contains("of TuningJob \"parent\", its objective is f1 (Maximize)")
            })
        })
        .await;
    });
}

fn by_hand(name: &str, parameters: Value) -> Value {
    json!({"apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": name},
        "spec": {"job": "job", "parameters": parameters}})
}

async fn try_by_hand(space: &Space, name: &str, parameters: Value) -> Result<(), String> {
    space.apply(&by_hand(name, parameters)).await
}

#[test]
fn a_trial_made_by_hand_is_run_and_learned_from() {
    block_on(async {
        let space = Space::new("by-hand").await;
        let player = space.play(well);
        let best = json!({"learning_rate": 1e-4});
        try_by_hand(&space, "my-guess", best.clone()).await.unwrap();
        let refused = try_by_hand(&space, "job-0001", best).await.unwrap_err();
        assert!(refused.contains("leave out index and why"), "{refused}");

        let operator = space.operator();
        space.apply(&manifest("job", 5, 1)).await.unwrap();
        space.complete("job").await;
        let trials = space.sorted_trials().await;
        let names: Vec<(String, Option<u32>)> = trials.iter().map(|t| (t.name_any(), t.index())).collect();
        assert_eq!(names[0], ("my-guess".into(), Some(1)));
        assert_eq!(names[1], ("job-0002".into(), Some(2)));
        assert_eq!((names.len(), player.pods()), (5, 5));
        let status = space.jobs().get("job").await.unwrap().status.unwrap();
        assert_eq!(status.best.unwrap().trial, "my-guess");
        // What the operator proposed after it was conditioned on it.
        assert_eq!(trials[1].spec.why.as_ref().unwrap().observed, 1);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = operator.writes();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(operator.writes(), before, "{:#?}", operator.log());
        // It goes with the job.
        space.jobs().delete("job", &Default::default()).await.unwrap();
        until("it is gone", async || space.sorted_trials().await.is_empty()).await;
    });
}

#[test]
fn a_trial_made_by_hand_that_does_not_fit_is_turned_away() {
    block_on(async {
        let space = Space::new("turned-away").await;
        let _player = space.play(well);
        let _operator = space.operator();
        let wrong = [
            (
                "too-much",
                json!({"learning_rate": 1.0}),
                "spec.parameters.learning_rate",
            ),
            (
                "unknown",
                json!({"learning_rate": 1e-4, "momentum": 0.9}),
                "spec.parameters.momentum",
            ),
            ("empty", json!({}), "spec.parameters.learning_rate"),
        ];
        for (name, parameters, _) in &wrong {
            try_by_hand(&space, name, parameters.clone()).await.unwrap();
        }
        space.apply(&manifest("job", 2, 1)).await.unwrap();
        space.complete("job").await;
        try_by_hand(&space, "late", json!({"learning_rate": 1e-4}))
            .await
            .unwrap();
        let late = ("late", json!({}), "the job has ended");
        for (name, _, sentence) in wrong.into_iter().chain([late]) {
            let cancelled = async || {
                let status = space.trials().get(name).await.unwrap().status.unwrap_or_default();
                status.phase == TrialPhase::Cancelled && status.message.contains(sentence)
            };
            until(&format!("{name} is turned away"), cancelled).await;
        }
        let status = space.jobs().get("job").await.unwrap().status.unwrap();
        assert_eq!((status.trials.total, status.trials.succeeded), (2, 2));
    });
}

#[test]
fn a_collapsed_trial_is_called_so_and_not_the_best() {
    block_on(async {
        let space = Space::new("collapsed").await;
        let _operator = space.operator();
        let _player = space.play(|trial, rate, _| {
            let collapses = !trial.starts_with("some") || trial.ends_with("-0001");
            let report = json!({"f1": if collapses { 0.8122270742358079 } else { f1(rate) - 0.5 }, "collapsed": collapses});
            Play::Ends(0, report.to_string(), "Completed")
        });
        space.apply(&manifest("some", 3, 1)).await.unwrap();
        space.apply(&manifest("all", 2, 1)).await.unwrap();
        space.complete("some").await;
        space.complete("all").await;
        let trial = space.trials().get("some-0001").await.unwrap().status.unwrap();
        assert_eq!(
            (trial.collapsed, trial.value_text.as_str()),
            (true, "0.8122 collapsed")
        );
        assert_eq!(trial.message, "collapsed: one answer for every input");
        let status = space.jobs().get("some").await.unwrap().status.unwrap();
        let best = status.best.unwrap();
        assert!(best.trial != "some-0001" && !best.collapsed, "{best:?}");
        assert!(!best.value_text.contains("collapsed"), "{best:?}");
        assert!(!status.message.contains("collapsed"), "{}", status.message);
        let status = space.jobs().get("all").await.unwrap().status.unwrap();
        let best = status.best.unwrap();
        assert_eq!(
            (best.trial.as_str(), best.value_text.as_str()),
            ("all-0001", "0.8122 collapsed")
        );
        assert!(
            status
                .message
                .starts_with("all 2 trials are done; every trial with a value collapsed"),
            "{}",
            status.message
        );
    });
}
