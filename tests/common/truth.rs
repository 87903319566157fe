//! What runs for a trial in a simulated world, and what a shell can see of it.

use jiff::Timestamp;
use std::collections::BTreeMap;
use tuning_operator::tuning::{
    AttemptState, CurvePoint, Exit, Exited, FinalReport, Interruption, Reported, Run, StopReason,
};

/// What runs for a trial, or ran: the truth, which a shell only sees a part of.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which attempt it is, as its Job says.
    pub number: u32,
    /// Tells one run of it from the next.
    pub run: u64,
    pub began: Timestamp,
    pub said: Vec<CurvePoint>,
    pub state: Truth,
    pub asked: Option<StopReason>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    Runs,
    Exited(Exit, Timestamp, Option<f64>),
    TakenAway {
        restarts: bool,
        at: Timestamp,
        report: Option<f64>,
    },
    Refused,
}

impl Attempt {
    /// How it looks to a shell that saw this run last.
    pub fn seen(&self, seen_last: Option<u64>) -> (AttemptState, Reported) {
        let run = Run {
            is_new: seen_last != Some(self.run),
            created: self.began,
            started: Some(self.began),
        };
        let exited = |exit, finished, interrupted| {
            AttemptState::Exited(Exited {
                run,
                finished: Some(finished),
                exit,
                interrupted,
            })
        };
        let why = "the node was drained".to_owned();
        let mut report = None;
        let state = match &self.state {
            Truth::Runs => AttemptState::Running(run),
            Truth::Refused => {
                let why = "the node has no room".to_owned();
                AttemptState::Lost { why, by_node: true }
            }
            Truth::Exited(exit, at, said) => {
                report = *said;
                exited(*exit, *at, None)
            }
            Truth::TakenAway {
                restarts,
                at,
                report: said,
            } => {
                report = *said;
                let interruption = Interruption {
                    why,
                    restarts: *restarts,
                    may_have_finished: true,
                };
                exited(Exit::Code(0), *at, Some(interruption))
            }
        };
        let reported = Reported {
            points: self.said.clone(),
            metrics: self
                .said
                .last()
                .map(|p| ("f1".to_owned(), p.value))
                .into_iter()
                .collect(),
            report: report.map(|f1| FinalReport {
                metrics: BTreeMap::from([("f1".to_owned(), f1)]),
                ..FinalReport::default()
            }),
            ..Reported::default()
        };
        (state, reported)
    }
}
