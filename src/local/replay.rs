//! Proposes every trial of a run again, and compares to the last bit.

use super::event::{Event, Happening};
use super::ledger::Ledger;
use crate::api::{Fault, ProposalRecord};
use crate::optimizer::METHOD;
use crate::tuning::propose;

/// One proposal, made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Index of the trial.
    pub index: u32,
    /// What the journal has.
    pub recorded: ProposalRecord,
    /// What is proposed now; `None` if nothing is, or where another method made the proposal.
    pub proposed: Option<ProposalRecord>,
}

impl Replayed {
    /// Whether it can't be made again, since another method of the optimizer made it: its number.
    pub fn other_method(&self) -> Option<u32> {
        Some(self.recorded.why.method).filter(|method| *method != METHOD)
    }

    /// Whether point and reasons are the same to the last bit.
    pub fn is_same(&self) -> bool {
        // Doubles are written with the shortest text that reads back to the same bits: equal records are equal bits.
        self.proposed.as_ref() == Some(&self.recorded)
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
        let by_another = trials.iter().any(|t| t.why.method != METHOD);
        let again = if by_another {
            vec![]
        } else {
            propose(&snapshot, trials.len() as u32)
        };
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
