//! What the end of a process means on this machine: the tuner's own request to stop outranks the exit code, a job without a
//! value is no success, and a run of the first version goes on.
#![cfg(feature = "local")]

mod common;

use common::{Run, signal, wait_until};

/// Twenty steps, of which each is said; asked to stop, it writes its checkpoint and exits with 0.
const POLITE: &str = "n=$(cat $TUNING_CHECKPOINT_DIR/n 2>/dev/null || echo 0); first=$n
    trap 'echo $n > $TUNING_CHECKPOINT_DIR/n; exit 0' TERM
    while [ $n -lt 20 ]; do n=$((n+1)); echo f1=0.$((10+n)); sleep 0.1 & wait $!; done
    echo from $first; echo f1=0.9";

fn ends(run: &Run) -> Vec<(String, String)> {
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    run.events("ended")
        .iter()
        .map(|e| (text(&e["phase"]), text(&e["failure"])))
        .collect()
}

#[test]
fn interrupted_with_its_checkpoint_written_and_exit_0_a_trial_is_not_finished() {
    let run = Run::new("polite", 1, 1, POLITE);
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("it is in the middle", || run.events("metrics").len() > 4);
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!((run.events("requeued").len(), ends(&run).len()), (1, 0));
    assert!(run.tuning(&[]).status().unwrap().success());
    assert_eq!(run.summary()["best"]["value"], 0.9);
    let log = std::fs::read_to_string(run.dir.join("trials/polite-0001/log.txt")).unwrap();
    let from: u32 = log
        .split("from ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(from > 3, "it began anew: {log}");
}

#[test]
fn out_of_time_and_exit_0_a_trial_has_failed() {
    let run = Run::with_budget("late", "maxTrials: 2, maxTrialDuration: 1s", POLITE);
    assert_eq!(run.tuning(&[]).status().unwrap().code(), Some(1));
    let timed_out = ("Failed".to_owned(), "TimedOut".to_owned());
    assert_eq!(ends(&run), [timed_out.clone(), timed_out]);
}

#[test]
fn needed_no_more_and_exit_0_a_trial_is_cancelled() {
    let run = Run::with_budget("over", "maxTrials: 2, parallelTrials: 2, maxDuration: 1s", POLITE);
    assert_eq!(run.tuning(&[]).status().unwrap().code(), Some(1));
    assert!(
        ends(&run).iter().all(|(phase, _)| phase == "Cancelled"),
        "{:?}",
        ends(&run)
    );
    assert_eq!(run.summary()["ended"]["reason"], "NoTrialSucceeded");
}

#[test]
fn stopped_by_the_median_rule_and_exit_0_a_trial_is_early_stopped() {
    let script = format!(
        "case $TUNING_TRIAL in *-000[1-5]) for i in 1 2 3; do echo f1=0.8; done;; *) {POLITE};; esac"
    );
    let run = Run::new("behind", 8, 1, &script);
    run.edit(
        "  budget:",
        "  earlyStopping: {medianStop: {minCompletedTrials: 3}}\n  budget:",
    );
    assert!(run.tuning(&[]).status().unwrap().success());
    let counts = &run.summary()["counts"];
    assert_eq!(
        (&counts["succeeded"], &counts["early_stopped"]),
        (&5.into(), &3.into()),
        "{counts}"
    );
}

#[test]
fn a_resumed_trial_that_is_stopped_before_it_says_anything_keeps_its_last_value() {
    // The fourth says something and waits; resumed, it is silent.
    let script = "case $TUNING_TRIAL in *-000[1-3]) echo f1=0.5;;
        *) [ -e $TUNING_CHECKPOINT_DIR/n ] || { touch $TUNING_CHECKPOINT_DIR/n; echo f1=0.4; }; sleep 60 & wait $!;; esac";
    let run = Run::new("silent", 4, 1, script);
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("the fourth has said something", || {
        run.events("metrics").len() == 4
    });
    signal(child.id(), "INT");
    child.wait().unwrap();
    run.edit(
        "  budget:",
        "  earlyStopping: {medianStop: {minCompletedTrials: 3}}\n  budget:",
    );
    assert!(run.tuning(&[]).status().unwrap().success());
    let last = run.events("ended").pop().unwrap();
    assert_eq!(
        (&last["phase"], &last["value"]),
        (&"EarlyStopped".into(), &0.4.into()),
        "{last}"
    );
}

#[test]
fn a_job_of_which_nothing_came_has_failed() {
    let run = Run::new("nothing", 4, 2, "exit 7");
    let done = run.tuning(&[]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        said.contains("all 4 trials are done, and none succeeded"),
        "{said}"
    );
    assert!(said.contains("exit code 7"), "{said}");
}

#[test]
fn a_metric_that_no_trial_says_stops_the_job_and_the_mended_job_goes_on() {
    let script = "if [ -e mended ]; then echo f1=0.7; else echo F1 is 0.7; fi";
    let run = Run::new("mute", 12, 1, script);
    let done = run.tuning(&[]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("all 3 trials so far have the same fault"), "{said}");
    assert!(said.contains("said no f1"), "{said}");
    std::fs::write(run.base.join("mended"), "").unwrap();
    assert!(run.tuning(&[]).status().unwrap().success());
    assert_eq!(run.summary()["counts"]["succeeded"], 9);
}

/// The folder holds what version 0.1.0 wrote before this one: an interrupt, a shadow stop, a crash, a halt that was mended, and
/// a trial that was running when its runner was killed.
#[test]
fn a_run_that_an_earlier_version_began_is_replayed_shown_and_goes_on() {
    let run = Run::new("first", 6, 1, "");
    std::fs::create_dir_all(&run.dir).unwrap();
    std::fs::copy("tests/data/run-0.1/journal.jsonl", run.dir.join("journal.jsonl")).unwrap();
    std::fs::copy("tests/data/run-0.1/job.yaml", run.base.join("job.yaml")).unwrap();
    std::fs::write(run.base.join("mended"), "").unwrap();
    let dir = run.dir.to_str().unwrap();
    let replayed = run.command(&["replay", dir]).output().unwrap();
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    // The optimizer's method is another one by now; what it proposed stays what it was.
    assert!(replayed.status.success(), "{said}");
    assert!(
        said.contains("first-0006  can't be made again: the optimizer's method 1 made it"),
        "{said}"
    );
    assert!(
        said.contains("0 of 6") && said.contains("; 6 can't be made again"),
        "{said}"
    );
    let shown = run.command(&["show", dir, "--output", "json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let counts = &shown["counts"];
    assert_eq!(
        (&counts["succeeded"], &counts["failed"]),
        (&4.into(), &1.into()),
        "{counts}"
    );
    assert_eq!(shown["best"]["value"], 0.8, "{shown}");
    assert!(run.tuning(&[]).status().unwrap().success());
    assert_eq!(run.summary()["counts"]["succeeded"], 5);
}
