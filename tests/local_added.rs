//! `tuning add`: a point of a person's own is tried before the optimizer's, counts, and is learned from.
#![cfg(feature = "local")]

mod common;

use common::{Run, signal, wait_until};
use serde_json::Value;

/// What `tuning add` says, and whether it took the point.
fn add(run: &Run, values: &[&str]) -> (bool, String) {
    let mut command = run.command(&["add"]);
    let done = command.arg(&run.dir).args(values).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), said)
}

/// What `tuning show` says.
fn shown(run: &Run) -> String {
    let done = run.command(&["show"]).arg(&run.dir).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// Every proposed trial: its role and its x.
fn proposed(run: &Run) -> Vec<(String, f64)> {
    let of = |trial: &Value| {
        let role = trial["why"]["role"].as_str().unwrap().to_owned();
        (role, trial["parameters"]["x"].as_f64().unwrap())
    };
    let events = run.events("proposed");
    let trials = events.iter().flat_map(|e| e["trials"].as_array().unwrap());
    trials.map(of).collect()
}

#[test]
fn a_point_is_taken_up_by_the_runner_that_is_at_work() {
    let run = Run::new("busy", 3, 1, "while [ ! -e go ]; do sleep 0.05; done; echo f1=$1");
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("it is at work", || run.events("started").len() == 1);
    let (taken, said) = add(&run, &["x=0.77"]);
    assert!(
        taken && said.contains("before what the optimizer proposes next"),
        "{said}"
    );
    wait_until("it has a number", || run.events("proposed").len() == 2);
    std::fs::write(run.base.join("go"), "").unwrap();
    assert!(child.wait().unwrap().success());
    let proposed = proposed(&run);
    assert_eq!(proposed[1], ("Manual".to_owned(), 0.77));
    assert_eq!(proposed.len(), 3, "it counts against the budget");
    let last = run.events("proposed").pop().unwrap();
    assert_eq!(last["trials"][0]["why"]["observed"], 2, "it is learned from");
    let dir = run.dir.to_str().unwrap();
    let explained = run
        .command(&["explain", "busy-0002", "--run", dir])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&explained.stdout).contains("A person's own choice"));
    let replayed = run.command(&["replay", dir]).output().unwrap();
    assert!(String::from_utf8_lossy(&replayed.stdout).contains("2 of 2 proposals are the same"));
}

#[test]
fn a_point_waits_until_the_budget_has_room_for_it() {
    let run = Run::new("spent", 2, 1, "echo f1=$1");
    assert!(run.tuning(&[]).output().unwrap().status.success());
    let (taken, said) = add(&run, &["x=0.77"]);
    assert!(
        taken && said.contains("once spec.budget.maxTrials is larger"),
        "{said}"
    );
    assert!(run.tuning(&[]).output().unwrap().status.success());
    assert_eq!(proposed(&run).len(), 2);
    let shown = shown(&run);
    let waits = "1 point of your own waits to be tried: x=0.77 (the budget has room for 0 of them: raise";
    assert!(shown.contains(waits), "{shown}");
    run.edit("maxTrials: 2", "maxTrials: 4");
    assert!(run.tuning(&[]).output().unwrap().status.success());
    let proposed = proposed(&run);
    assert_eq!((proposed.len(), &proposed[2]), (4, &("Manual".to_owned(), 0.77)));
    assert_eq!(run.summary()["counts"]["succeeded"], 4);
}

#[test]
fn points_that_wait_are_shown_in_their_order() {
    let run = Run::new(
        "waiting",
        4,
        1,
        "while [ ! -e go ]; do sleep 0.05; done; echo f1=$1",
    );
    let mut child = run.tuning(&[]).spawn().unwrap();
    wait_until("it is at work", || run.events("started").len() == 1);
    assert!(!shown(&run).contains("of your own"));
    signal(child.id(), "INT");
    child.wait().unwrap();
    for x in ["0.77", "1e-1"] {
        assert!(add(&run, &[&format!("x={x}")]).0);
    }
    // Nobody but a person with an editor leaves this.
    std::fs::write(run.dir.join("added/0.json"), "{}").unwrap();
    let shown = shown(&run);
    let waits = "2 points of your own wait to be tried: x=0.77; x=0.1\n";
    assert!(shown.contains(waits), "{shown}");
}

#[test]
fn a_point_outside_of_the_space_is_refused_by_its_range() {
    let run = Run::new("outside", 1, 1, "echo f1=$1");
    assert!(run.tuning(&[]).output().unwrap().status.success());
    let (taken, said) = add(&run, &["x=7"]);
    assert!(
        !taken && said.contains("x=7: not a value of x, which is a number from 0.1 to 1"),
        "{said}"
    );
    assert!(!run.dir.join("added").exists());
}
