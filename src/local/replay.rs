//! Proposes every trial of a run again, and compares to the last bit.

use super::event::{Event, Happening};
use super::ledger::Ledger;
use crate::api::{Fault, ProposalRecord};
use crate::tuning::propose;

/// One proposal, made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Index of the trial.
    pub index: u32,
    /// What the journal has.
    pub recorded: ProposalRecord,
    /// What is proposed now; `None` if nothing is.
    pub proposed: Option<ProposalRecord>,
}

impl Replayed {
    /// Whether point and reasons are the same to the last bit.
    pub fn is_same(&self) -> bool {
        // Doubles are written with the shortest text that reads back to the same bits: equal records are equal bits.
        let mut proposed = self.proposed.clone();
        if let (Some(again), None) = (&mut proposed, &self.recorded.why.observed_trials) {
            // Of a version that did not write down which trials it knew.
            (again.why.observed_trials, again.why.pending_trials) = (None, None);
        }
        proposed.as_ref() == Some(&self.recorded)
    }
}

/// Makes every proposal of a journal again, each from what the journal held at that time.
pub fn replay(events: &[Event]) -> Result<Vec<Replayed>, Vec<Fault>> {
    let mut replayed = Vec::new();
    for (i, event) in events.iter().enumerate() {
        // What a person has added was not proposed.
        let Happening::Proposed {
            first_index,
            trials,
            added: false,
        } = &event.what
        else {
            continue;
        };
        let Some(ledger) = Ledger::of(&events[..i])? else {
            continue;
        };
        let snapshot = ledger.at(event.at);
        let again = propose(&snapshot, trials.len() as u32);
        for (k, recorded) in trials.iter().enumerate() {
            let proposed = again.get(k).map(|p| ProposalRecord::new(&snapshot.job.space, p));
            replayed.push(Replayed {
                index: first_index + k as u32,
                recorded: recorded.clone(),
                proposed,
            });
        }
    }
    Ok(replayed)
}
