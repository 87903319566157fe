//! `tuning run` as a person uses it: the real program, real child processes, real signals.
#![cfg(feature = "local")]

mod common;

use common::{Run, wait_until};
use std::time::Duration;

#[test]
fn any_program_is_tuned_by_what_it_prints() {
    let run = Run::new(
        "prints",
        6,
        2,
        "echo \"f1=0.5\"; echo \"f1=0.$(printf %s \"$TUNING_PARAM_X\" | tr -dc 0-9 | cut -c1-3)\"",
    );
    let done = run.tuning(&["--output", "lines"]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let summary = run.summary();
    assert_eq!(summary["counts"]["succeeded"], 6, "{summary}");
    assert_eq!(
        run.events("metrics").len(),
        12,
        "each of two matches is a point of the curve"
    );
    for file in [
        "manifest.yaml",
        "journal.jsonl",
        "summary.json",
        "plot.svg",
        "plot.png",
    ] {
        assert!(run.dir.join(file).exists(), "{file}");
    }
    let again = run.tuning(&[]).output().unwrap();
    assert!(again.status.success());
    assert_eq!(
        run.events("proposed")
            .iter()
            .map(|e| e["trials"].as_array().unwrap().len())
            .sum::<usize>(),
        6
    );
}

#[test]
fn parameters_arrive_in_arguments_environment_and_file() {
    let script = "grep -q \"$TUNING_PARAM_X\" \"$TUNING_PARAMETERS_FILE\" && [ \"$1\" = \"$TUNING_PARAM_X\" ] \
                  && [ \"$EXTRA\" = \"x=$1\" ] && [ \"$TUNING_TRIAL\" = params-0001 ] && echo f1=1";
    let run = Run::new("params", 1, 1, script);
    assert!(run.tuning(&[]).status().unwrap().success());
    assert_eq!(run.summary()["best"]["value"], 1.0);
}

#[test]
fn a_bad_trial_is_one_failed_trial_with_a_reason_and_the_job_goes_on() {
    // Each trial does another bad thing; the last one is good.
    let script = "case $TUNING_TRIAL in \
        *1) exit 7;; *2) echo f1=nan;; *3) true;; *4) kill -9 $$;; *5) head -c 50000000 /dev/zero | tr '\\0' x; exit 1;; *) echo f1=0.9;; esac";
    let run = Run::new("bad", 6, 3, script);
    assert!(run.tuning(&[]).status().unwrap().success());
    let mut ends: Vec<(u64, String)> = run
        .events("ended")
        .iter()
        .map(|e| {
            (
                e["trial"].as_u64().unwrap(),
                e["failure"].as_str().unwrap_or("Succeeded").to_owned(),
            )
        })
        .collect();
    ends.sort();
    let words: Vec<&str> = ends.iter().map(|(_, w)| w.as_str()).collect();
    assert_eq!(
        words,
        [
            "Crashed",
            "Diverged",
            "MetricMissing",
            "Crashed",
            "Crashed",
            "Succeeded"
        ]
    );
    let log = std::fs::metadata(run.dir.join("trials/bad-0005/log.txt"))
        .unwrap()
        .len();
    assert!(log < 40_000_000, "a flood is cut off: {log}");
}

#[test]
fn a_trial_that_hangs_is_timed_out_with_its_children() {
    let run = Run::with_budget(
        "hangs",
        "maxTrials: 1, maxTrialDuration: 1s",
        "sleep 300 & echo $! > child.pid; wait",
    );
    assert_eq!(run.tuning(&[]).status().unwrap().code(), Some(1));
    assert_eq!(run.events("ended")[0]["failure"], "TimedOut");
    let pid = std::fs::read_to_string(run.base.join("child.pid")).unwrap();
    wait_until("the grandchild is gone", || {
        !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists()
    });
}

#[test]
fn exit_code_42_stops_the_job_and_the_mended_job_goes_on() {
    let script =
        "[ -e mended ] || { echo 'data/train.tsv is missing: give its folder' >&2; exit 42; }; echo f1=0.7";
    let run = Run::new("halts", 3, 1, script);
    let done = run.tuning(&[]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stdout).contains("data/train.tsv is missing: give its folder"));
    std::fs::write(run.base.join("mended"), "").unwrap();
    assert!(run.tuning(&[]).status().unwrap().success());
    assert_eq!(run.summary()["counts"]["succeeded"], 3);
}

#[test]
fn the_first_interrupt_lets_trials_checkpoint_and_the_same_command_goes_on() {
    let script = "trap 'echo saved > $TUNING_CHECKPOINT_DIR/state; exit 143' TERM; \
        if [ -e $TUNING_CHECKPOINT_DIR/state ]; then echo f1=0.8; else sleep 60 & wait; fi";
    let run = Run::new("gentle", 2, 2, script);
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("both run", || run.events("started").len() == 2);
    std::thread::sleep(Duration::from_millis(300));
    common::signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(run.events("requeued").len(), 2);
    assert!(run.tuning(&[]).status().unwrap().success());
    let started: Vec<u64> = run
        .events("started")
        .iter()
        .map(|e| e["attempt"].as_u64().unwrap())
        .collect();
    assert_eq!(started, [1, 1, 2, 2]);
    assert_eq!(run.summary()["counts"]["succeeded"], 2);
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let run = Run::new("hard", 1, 1, "trap '' TERM; while true; do sleep 1; done");
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("it runs", || run.events("started").len() == 1);
    std::thread::sleep(Duration::from_millis(300));
    common::signal(child.id(), "INT");
    std::thread::sleep(Duration::from_millis(300));
    let begin = std::time::Instant::now();
    common::signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(10));
    let pid = run.events("started")[0]["pid"].as_u64().unwrap();
    wait_until("the trial is gone", || !common::runs(pid));
}

#[test]
fn killed_at_any_instant_nothing_is_lost_and_no_trial_is_repeated() {
    let run = Run::new("killed", 12, 3, "sleep 0.1; echo f1=0.$((RANDOM % 9))");
    let mut rounds = 0;
    loop {
        let mut child = run.tuning(&[]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 + 37 * rounds % 200));
        let done = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        rounds += 1;
        if done.is_some() || rounds > 60 {
            break;
        }
    }
    assert!(run.tuning(&[]).status().unwrap().success());
    let mut ended: Vec<u64> = run
        .events("ended")
        .iter()
        .map(|e| e["trial"].as_u64().unwrap())
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, (1..=12).collect::<Vec<u64>>(), "after {rounds} kills");
    let replay = run.command(&["replay"]).arg(&run.dir).output().unwrap();
    assert!(
        replay.status.success(),
        "{}",
        String::from_utf8_lossy(&replay.stdout)
    );
}

#[test]
fn trials_that_all_score_the_same_are_proposed_again_to_the_last_bit() {
    let run = Run::new("level", 8, 2, "echo f1=0.8122");
    assert!(run.tuning(&[]).status().unwrap().success());
    let replay = run.command(&["replay"]).arg(&run.dir).output().unwrap();
    assert!(
        replay.status.success(),
        "{}",
        String::from_utf8_lossy(&replay.stdout)
    );
}

#[test]
fn two_runners_do_not_share_a_run() {
    let run = Run::new("twice", 1, 1, "sleep 2; echo f1=1");
    let mut first = run.tuning(&[]).spawn().unwrap();
    wait_until("the first is at work", || run.events("started").len() == 1);
    let second = run.tuning(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another `tuning run` is at work"));
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_larger_budget_goes_on_and_another_question_is_refused() {
    let run = Run::new("changes", 2, 1, "echo f1=0.5");
    assert!(run.tuning(&[]).status().unwrap().success());
    run.edit("maxTrials: 2", "maxTrials: 4");
    assert!(run.tuning(&[]).status().unwrap().success());
    assert_eq!(run.summary()["counts"]["succeeded"], 4);
    run.edit("maxTrials: 4", "maxTrials: 3");
    let smaller = run.tuning(&[]).output().unwrap();
    assert!(String::from_utf8_lossy(&smaller.stderr).contains("spec.budget.maxTrials: was 4 and is 3"));
    run.edit("maxTrials: 3", "maxTrials: 4");
    run.edit("max: 1.0", "max: 2.0");
    let other = run.tuning(&[]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&other.stderr).contains("spec.parameters[0].double.max: was 1.0 and is 2.0")
    );
}

#[test]
fn a_prometheus_endpoint_is_followed_while_the_trial_runs() {
    let script = "exec python3 server.py";
    let run = Run::new("scraped", 1, 1, script);
    run.edit(
        "metrics: {logs: {definitions: [{name: f1, regex: \"f1=([0-9.]+|nan)\"}]}}",
        "metrics: {prometheus: {}}",
    );
    std::fs::write(run.base.join("server.py"), common::METRICS_SERVER).unwrap();
    let done = run.tuning(&[]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let steps: Vec<u64> = run
        .events("metrics")
        .iter()
        .map(|e| e["step"].as_u64().unwrap())
        .collect();
    assert_eq!(
        steps,
        [10, 20],
        "one point for each step at which it was measured"
    );
    assert_eq!(
        run.summary()["best"]["value"],
        0.75,
        "no report: the last that was seen counts"
    );
}

#[test]
fn json_output_is_the_journal_and_nothing_else() {
    let run = Run::new("json", 2, 1, "echo f1=0.5");
    let done = run.tuning(&["--output", "json"]).output().unwrap();
    let printed: Vec<serde_json::Value> = String::from_utf8(done.stdout)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let journal = run.journal();
    assert_eq!(printed, journal[journal.len() - printed.len()..]);
    assert!(printed.iter().any(|e| e["event"] == "jobEnded"));
}
