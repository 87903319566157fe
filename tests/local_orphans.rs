//! What a trial leaves behind when it ends: on Linux the runner ends it, also where it has left the trial's process group.
#![cfg(all(feature = "local", target_os = "linux"))]

mod common;

use common::{Run, runs, wait_until};
use std::process::Command;

fn pid_in(run: &Run, file: &str) -> u64 {
    let text = std::fs::read_to_string(run.base.join(file)).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn a_child_in_a_session_of_its_own_ends_with_its_trial() {
    let script = "setsid sleep 300 > /dev/null 2>&1 & echo $! > session
        env -i setsid sleep 300 > /dev/null 2>&1 & echo $! > nameless
        (setsid sh -c 'sleep 300 & echo $! > grandchild; wait' > /dev/null 2>&1 &)
        while [ ! -s grandchild ]; do sleep 0.05; done; echo f1=0.5";
    let run = Run::new("orphans", 1, 1, script);
    assert!(run.tuning(&[]).status().unwrap().success());
    for file in ["session", "nameless", "grandchild"] {
        assert!(!runs(pid_in(&run, file)), "{file}");
    }
}

#[test]
fn a_trial_that_ends_takes_nothing_from_one_that_runs() {
    let script = "setsid sleep 300 > /dev/null 2>&1 & echo $! > child.$TUNING_TRIAL
        case $TUNING_TRIAL in *1) ;; *) while [ ! -e over ]; do sleep 0.05; done;; esac; echo f1=0.5";
    let run = Run::new("beside", 2, 2, script);
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("the first has ended", || run.events("ended").len() == 1);
    wait_until("its child too", || !runs(pid_in(&run, "child.beside-0001")));
    assert!(runs(pid_in(&run, "child.beside-0002")));
    std::fs::write(run.base.join("over"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!runs(pid_in(&run, "child.beside-0002")));
}

#[test]
fn what_the_runner_was_started_with_is_left_alone() {
    let run = Run::new("stranger", 1, 1, "echo f1=0.5");
    let tuning = run.tuning(&[]);
    let line = "sleep 300 > /dev/null 2>&1 & echo $! > $0; exec \"$@\"";
    let done = Command::new("bash")
        .args(["-c", line])
        .arg(run.base.join("stranger"))
        .arg(tuning.get_program())
        .args(tuning.get_args())
        .output()
        .unwrap();
    assert!(done.status.success());
    let pid = pid_in(&run, "stranger");
    assert!(runs(pid));
    common::signal(u32::try_from(pid).unwrap(), "KILL");
}

#[test]
fn what_a_killed_runner_left_ends_when_the_run_is_taken_up() {
    let script = "[ -e child ] && { echo f1=0.5; exit; }
        setsid sleep 300 > /dev/null 2>&1 & echo $! > child; sleep 300";
    let run = Run::new("orphaned", 1, 1, script);
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("its child runs", || run.base.join("child").exists());
    wait_until("it is recorded", || run.events("started").len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(runs(pid_in(&run, "child")));
    assert!(run.tuning(&[]).status().unwrap().success());
    assert!(!runs(pid_in(&run, "child")));
}
