//! What a manifest may ask for beside the usual: each through the real program.
#![cfg(feature = "local")]

mod common;

use common::Run;
use std::io::Write;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_container_is_refused_and_runs_on_the_host_when_asked_to() {
    let run = Run::new("boxed", 1, 1, "echo f1=0.4");
    run.edit(
        "command: [bash, -c, ",
        "container: {image: any, command: [bash, -c, ",
    );
    run.edit("trial, $(params.x)]", "trial, $(params.x)]}");
    let refused = run.tuning(&[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("spec.trial.container: images run on a cluster"),
        "{}",
        text(&refused.stderr)
    );
    assert!(run.tuning(&["--on-host"]).status().unwrap().success());
    assert_eq!(run.summary()["best"]["value"], 0.4);
}

#[test]
fn a_run_learns_from_an_earlier_one() {
    let script = "python3 -c \"import sys; x = float(sys.argv[1]); print(f'f1={1 - abs(x - 0.8):.4f}')\" $1";
    let parent = Run::new("parent", 12, 3, script);
    assert!(parent.tuning(&[]).status().unwrap().success());
    let child = Run::new("child", 1, 1, script);
    child.edit("  budget:", "  warmStart: {from: [run]}\n  budget:");
    for (from, sentence) in [
        ("run", "\"run\" is this run itself"),
        ("gone", "no run to learn from"),
    ] {
        child.edit(
            "warmStart: {from: [run]}",
            &format!("warmStart: {{from: [{from}]}}"),
        );
        for _attempt in 0..2 {
            let refused = child.tuning(&[]).output().unwrap();
            let said = text(&refused.stderr);
            assert!(
                said.contains(&format!("spec.warmStart.from[0]: {sentence}")),
                "{said}"
            );
        }
        child.edit(
            &format!("warmStart: {{from: [{from}]}}"),
            "warmStart: {from: [run]}",
        );
    }
    let beside = parent.base.join("child");
    child.edit("goal: Maximize", "goal: Minimize");
    let other = child
        .command(&["run"])
        .arg(child.base.join("job.yaml"))
        .arg("--run")
        .arg(&beside)
        .output();
    let said = text(&other.unwrap().stderr);
    assert!(
        said.contains("spec.warmStart.from[0]: ") && said.contains("its objective is f1 (Maximize)"),
        "{said}"
    );
    child.edit("goal: Minimize", "goal: Maximize");
    let mut command = child.command(&["run"]);
    let done = command
        .arg(child.base.join("job.yaml"))
        .arg("--run")
        .arg(&beside)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(beside.join("summary.json")).unwrap()).unwrap();
    let x = summary["best"]["parameters"]["x"].as_f64().unwrap();
    assert!(
        (x - 0.8).abs() < 0.15,
        "the first trial begins where the parent ended: {x}"
    );
}

#[test]
fn hyperband_tells_each_trial_what_it_may_spend() {
    let run = Run::new(
        "bands",
        22,
        3,
        "echo f1=0.$((TUNING_PARAM_ROUNDS * 10 + RANDOM % 9))",
    );
    run.edit(
        "  budget:",
        "  strategy: {hyperband: {resource: rounds, maxResource: 9}}\n  budget:",
    );
    run.edit("value: x=$(params.x)", "value: x=$(params.rounds)");
    let done = run.tuning(&[]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stdout));
    let mut resources: Vec<u64> = run
        .events("proposed")
        .iter()
        .flat_map(|e| {
            e["trials"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| t["resource"].as_u64().unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    resources.sort_unstable();
    assert_eq!(resources.iter().filter(|r| **r == 1).count(), 9);
    assert_eq!(resources.iter().filter(|r| **r == 9).count(), 5);
}

#[test]
fn asha_lets_the_best_go_on_while_another_trial_still_runs() {
    // A learning curve as long as what the trial may spend, and better the larger x is. The second trial takes its time.
    let script = "case $TUNING_TRIAL in *-0002) sleep 3;; esac; \
                  for i in $(seq $TUNING_PARAM_ROUNDS); do awk -v x=$1 -v i=$i 'BEGIN {print \"f1=\" x * i / (i + 1)}'; done";
    let run = Run::new("asha", 16, 2, script);
    run.edit(
        "  budget:",
        "  strategy: {asha: {resource: rounds, maxResource: 9, seed: 3}}\n  budget:",
    );
    let done = run.tuning(&[]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stdout));
    let journal = run.journal();
    let spent: Vec<(u64, f64)> = run
        .events("proposed")
        .iter()
        .flat_map(|e| e["trials"].as_array().unwrap().clone())
        .map(|t| {
            (
                t["resource"].as_u64().unwrap(),
                t["parameters"]["x"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(spent.len(), 16);
    let n_of = |resource: u64| spent.iter().filter(|(r, _)| *r == resource).count();
    assert!(
        n_of(3) >= 2 && n_of(9) >= 1 && n_of(1) + n_of(3) + n_of(9) == 16,
        "{spent:?}"
    );
    let slow = journal
        .iter()
        .position(|e| e["event"] == "ended" && e["trial"] == 2);
    let longest = journal
        .iter()
        .position(|e| e["event"] == "proposed" && e["trials"][0]["resource"] == 9);
    assert!(longest < slow, "nobody waits for the second trial");
    for (i, (resource, x)) in (1u64..).zip(&spent) {
        let of_trial = |kind: &str| -> Vec<serde_json::Value> {
            run.events(kind).into_iter().filter(|e| e["trial"] == i).collect()
        };
        assert_eq!(of_trial("metrics").len() as u64, *resource, "trial {i}");
        let rounds = *resource as f64;
        let value = of_trial("ended")[0]["value"].as_f64().unwrap();
        assert!((value - x * rounds / (rounds + 1.0)).abs() < 1e-3, "trial {i}");
    }
    let replayed = run.command(&["replay", run.dir.to_str().unwrap()]).output();
    let replayed = replayed.unwrap();
    assert!(replayed.status.success(), "{}", text(&replayed.stdout));
}

#[test]
fn a_grid_visits_every_point_once_and_the_job_is_complete() {
    let run = Run::new("grid", 9, 2, "echo f1=$1");
    run.edit("  budget:", "  strategy: {grid: {pointsPerDouble: 4}}\n  budget:");
    assert!(run.tuning(&[]).status().unwrap().success());
    let summary = run.summary();
    assert_eq!(
        (&summary["counts"]["succeeded"], &summary["ended"]["reason"]),
        (&4.into(), &"SpaceExhausted".into())
    );
    assert_eq!(summary["best"]["value"], 1.0);
}

#[test]
fn the_median_rule_stops_a_lagging_trial_and_a_shadow_only_reports() {
    // The first three are good; whatever comes after lags from its first step on.
    let script = "case $TUNING_TRIAL in *-000[123]) v=8;; *) v=1;; esac; for i in 1 2 3; do echo f1=0.$v; sleep 0.4; done";
    for (name, shadow) in [("median", false), ("shadow", true)] {
        let run = Run::new(name, 4, 1, script);
        let rule = format!("  earlyStopping: {{medianStop: {{shadow: {shadow}}}}}\n  budget:");
        run.edit("  budget:", &rule);
        assert!(run.tuning(&[]).status().unwrap().success());
        let counts = &run.summary()["counts"];
        assert_eq!(counts["early_stopped"], i32::from(!shadow), "{counts}");
        assert_eq!(run.events("shadowStop").len(), usize::from(shadow));
    }
}

#[test]
fn every_command_looks_at_a_run() {
    let run = Run::new(
        "looked",
        4,
        2,
        "echo f1=0.5$(printf %s \"$1\" | tr -dc 1-9 | cut -c1-3)",
    );
    assert!(run.tuning(&[]).status().unwrap().success());
    let ask = |args: &[&str]| {
        let done = run.command(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
        text(&done.stdout)
    };
    let dir = run.dir.to_str().unwrap();
    assert!(ask(&["show", dir]).contains("recommended"));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&ask(&["show", dir, "-o", "json"])).unwrap(),
        run.summary()
    );
    assert!(ask(&["plot", dir]).contains("f1 against x"));
    assert_eq!(ask(&["export", dir]).lines().count(), 5);
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&ask(&["export", dir, "-f", "json"]))
            .unwrap()
            .len(),
        4
    );
    let parquet = run.base.join("trials.parquet");
    ask(&["export", dir, "-f", "parquet", "--to", parquet.to_str().unwrap()]);
    assert!(std::fs::read(parquet).unwrap().starts_with(b"PAR1"));
    assert!(ask(&["explain", "looked-0001", "--run", dir]).contains("looked-0001"));
    assert!(ask(&["replay", dir]).contains("4 of 4 proposals are the same to the last bit"));
    assert!(ask(&["completions", "bash"]).contains("tuning"));
    let missing = run.command(&["show", "no-such-run"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("runs/no-such-run: no run here"));
}

#[test]
fn ask_tell_answers_line_by_line() {
    let run = Run::new("asked", 1, 1, "true");
    let mut child = run
        .command(&["ask-tell"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = r#"{"space":[{"name":"lr","type":"float","low":1e-6,"high":1e-3,"log":true}],"n":6,"parallel":3,"direction":"maximize","seed":7,"want":3}"#;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(format!("{start}\nnonsense\n").as_bytes())
        .unwrap();
    let out = text(&child.wait_with_output().unwrap().stdout);
    let lines: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["ask"].as_array().unwrap().len(), 3);
    assert!(lines[1]["error"].is_string());
}

#[test]
fn the_best_of_a_curve_counts_and_points_of_ones_own_come_first() {
    let run = Run::new("own", 5, 1, "echo f1=0.3; echo f1=0.9; echo f1=0.4");
    run.edit("goal: Maximize", "goal: Maximize, value: Best");
    run.edit("regex: \"f1=([0-9.]+|nan)\"", "regex: 'f1=([-+.\\w]+)'");
    run.edit(
        "  budget:",
        "  strategy: {bayesian: {start: [{x: 0.25}, {x: 3e-1}]}}\n  budget:",
    );
    let done = run.tuning(&[]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let proposed = run.events("proposed");
    let places: Vec<&serde_json::Value> = proposed
        .iter()
        .map(|event| &event["trials"][0]["parameters"]["x"])
        .collect();
    assert_eq!(
        (places.len(), places[0].as_f64(), places[1].as_f64()),
        (5, Some(0.25), Some(0.3))
    );
    assert!(run.events("ended").iter().all(|event| event["value"] == 0.9));
    let known: Vec<_> = proposed
        .iter()
        .map(|e| &e["trials"][0]["why"]["observedTrials"])
        .collect();
    assert_eq!(known, ["", "1", "1-2", "1-3", "1-4"]);
    let explained = run
        .command(&["explain", "own-0005", "--run", run.dir.to_str().unwrap()])
        .output();
    let explained = text(&explained.unwrap().stdout);
    assert!(
        explained.contains("knowing 4 finished trials (1-4); none"),
        "{explained}"
    );
    let replayed = run
        .command(&["replay", run.dir.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{}", text(&replayed.stdout));
}

#[test]
fn a_best_point_at_an_end_of_its_range_is_said_wherever_a_run_is_looked_at() {
    let run = Run::new("narrow", 12, 3, "echo f1=$1");
    let done = run.tuning(&[]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let sentence = "x: the best trials lie at the upper end of its range, 1: a wider range may hold a better point; another job \
                    with a higher spec.parameters[0].double.max and spec.warmStart.from [narrow] goes on from here";
    assert_eq!(run.summary()["narrow"][0]["message"], sentence);
    assert_eq!(run.summary()["narrow"][0]["end"], "Upper");
    let dir = run.dir.to_str().unwrap();
    let ask = |args: &[&str]| text(&run.command(args).output().unwrap().stdout);
    let shown = ask(&["show", dir]);
    assert!(shown.contains(&format!("range        {sentence}")), "{shown}");
    let best = run.summary()["best"]["trial"].as_str().unwrap().to_owned();
    let explained = ask(&["explain", &best, "--run", dir]);
    assert!(explained.contains(sentence), "{explained}");
    let first = ask(&["explain", "narrow-0001", "--run", dir]);
    assert!(!first.contains("its range"), "it lies in the middle: {first}");

    let peak = "awk -v x=$1 'BEGIN {print \"f1=\" 1 - (x - 0.5) * (x - 0.5)}'";
    let inside = Run::new("wide", 12, 3, peak);
    assert!(inside.tuning(&[]).status().unwrap().success());
    assert_eq!(inside.summary()["narrow"], serde_json::Value::Null);
}
