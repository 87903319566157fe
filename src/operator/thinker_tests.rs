//! Who waits for an answer, and for how long.

use super::*;
use crate::tuning::{Phase, Snapshot, Trial};
use std::sync::atomic::{AtomicUsize, Ordering};

fn snapshot(n_done: u32) -> Snapshot {
    let manifest = serde_json::json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 9}, "trial": {"container": {"image": "x"}},
        },
    });
    let mut snapshot = Snapshot::new(crate::api::check(&manifest).unwrap().job);
    let proposals = crate::tuning::propose(&snapshot, n_done.max(1));
    for (index, proposal) in (1..=n_done).zip(proposals) {
        let mut trial = Trial::new(
            index,
            proposal.point,
            None,
            proposal.why,
            jiff::Timestamp::UNIX_EPOCH,
        );
        (trial.phase, trial.value) = (Phase::Succeeded, Some(f64::from(index)));
        snapshot.trials.push(trial);
    }
    snapshot
}

fn owner(name: &str) -> Owner {
    ("team".into(), name.into())
}

#[tokio::test]
async fn the_answer_is_the_optimizers_own() {
    let (thinker, snapshot) = (Thinker::new(Arc::new(|_| {})), snapshot(3));
    let next = thinker
        .next(&owner("a"), Question::next(&snapshot, 2))
        .await
        .unwrap();
    assert_eq!(next, Some(crate::tuning::propose(&snapshot, 2)));
    let best = thinker
        .best(&owner("a"), Question::best(&snapshot))
        .await
        .unwrap();
    assert_eq!(best, Some(crate::tuning::advise(&snapshot)));
}

#[tokio::test]
async fn a_question_is_thought_about_once_and_another_one_anew() {
    static THOUGHTS: AtomicUsize = AtomicUsize::new(0);
    fn think(question: &Question) -> Vec<Proposal> {
        THOUGHTS.fetch_add(1, Ordering::SeqCst);
        question.propose()
    }
    let thinker = Thinker::new(Arc::new(|_| {}));
    for (n_done, thoughts) in [(3, 1), (3, 1), (2, 2), (2, 2)] {
        let question = Question::next(&snapshot(n_done), 1);
        thinker
            .ask(&owner("a"), question, |t| &mut t.next, think)
            .await
            .unwrap();
        assert_eq!(THOUGHTS.load(Ordering::SeqCst), thoughts);
    }
}

#[tokio::test]
async fn nobody_waits_for_a_long_thought_and_its_job_is_woken_when_it_is_there() {
    fn slowly(question: &Question) -> Vec<Proposal> {
        std::thread::sleep(Duration::from_secs(2));
        question.propose()
    }
    let (woken, mut wakes) = tokio::sync::mpsc::unbounded_channel();
    let thinker = Thinker::new(Arc::new(move |owner| drop(woken.send(owner.clone()))));
    let question = Question::next(&snapshot(3), 1);
    let a = owner("a");
    let ask = || thinker.ask(&a, question.clone(), |t| &mut t.next, slowly);
    assert_eq!(ask().await.unwrap(), None);
    assert_eq!(wakes.recv().await, Some(owner("a")));
    assert_eq!(ask().await.unwrap(), Some(question.propose()));
}

#[tokio::test]
async fn a_panic_costs_one_answer() {
    fn never(_: &Question) -> Vec<Proposal> {
        panic!("no such matrix")
    }
    let thinker = Thinker::new(Arc::new(|_| {}));
    let question = Question::next(&snapshot(3), 1);
    // Where a panic takes its time to print, the answer comes to who asks again.
    let refused = loop {
        let answer = thinker
            .ask(&owner("a"), question.clone(), |t| &mut t.next, never)
            .await;
        if !matches!(answer, Ok(None)) {
            break answer;
        }
    };
    assert_eq!(refused.unwrap_err().kind(), "panic");
    let answer = thinker.next(&owner("a"), question.clone()).await.unwrap();
    assert_eq!(answer, Some(question.propose()));
}
