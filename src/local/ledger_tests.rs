//! Unit tests of `ledger`.

use super::*;
use crate::api::ProposalRecord;
use crate::optimizer::{Proposal, Why};
use crate::space::{Point, Value};
use serde_json::json;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// The ledger of what happened, each with its second.
fn ledger(happenings: Vec<(i64, Happening)>) -> Result<Option<Ledger>, Vec<Fault>> {
    let event = |(seconds, what)| Event {
        at: at(seconds),
        what,
    };
    Ledger::of(&happenings.into_iter().map(event).collect::<Vec<_>>())
}

fn manifest() -> Happening {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 3},
            "trial": {"command": ["train"]},
        },
    });
    Happening::Manifest { manifest, seed: 7 }
}

fn session() -> Happening {
    Happening::Session {
        version: "0".into(),
        reopen: false,
        notes: vec![],
    }
}

/// The first trial, proposed and started.
fn trial() -> [Happening; 2] {
    let checked = ledger(vec![(0, manifest())]).unwrap().unwrap().checked;
    let proposal = Proposal {
        point: Point(vec![Value::Double(0.5)]),
        resource: None,
        why: Why::manual(),
    };
    let proposed = Happening::Proposed {
        first_index: 1,
        trials: vec![ProposalRecord::new(&checked.job.space, &proposal)],
        added: false,
    };
    let started = Happening::Started {
        trial: 1,
        attempt: 1,
        pid: 4711,
        log_from: 0,
    };
    [proposed, started]
}

#[test]
fn the_clock_stands_between_sessions_and_one_that_crashed_ended_with_its_last_event() {
    let paused = Happening::Paused {
        message: "interrupted".into(),
    };
    let [proposed, started] = trial();
    let mut happenings = vec![
        (0, manifest()),
        (0, session()),
        (10, paused),
        (100, session()),
        (101, proposed),
        (105, started),
    ];
    let crashed = ledger(happenings.clone()).unwrap().unwrap();
    assert_eq!(crashed.snapshot.trials[0].phase, Phase::Running);
    assert_eq!(crashed.processes, [(1, 4711)]);
    happenings.push((200, session()));
    let resumed = ledger(happenings).unwrap().unwrap();
    assert_eq!(resumed.snapshot.trials[0].phase, Phase::Queued);
    assert_eq!(resumed.at(at(203)).active, SignedDuration::from_secs(10 + 5 + 3));
}

#[test]
fn a_journal_begins_with_its_manifest() {
    assert!(ledger(vec![]).unwrap().is_none());
    assert!(ledger(vec![(0, session())]).is_err());
    let seeded = ledger(vec![(0, manifest())]).unwrap().unwrap();
    assert!(seeded.checked.job.seed == 7 && !seeded.is_at_work());
}
