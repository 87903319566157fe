//! What earlier runs know (warm start).

use super::event::PriorRecord;
use super::{Ledger, RunDir, read_journal};
use crate::api::{self, Fault};
use crate::tuning::Job;

/// The finished trials of a run that are points of this job's space.
pub(super) fn observations(run: &RunDir, job: &Job, path: &str) -> Result<Vec<PriorRecord>, Fault> {
    let fault = |message: String| Fault::new(path, message);
    let here = run.root().display();
    let events =
        read_journal(&run.journal()).map_err(|e| fault(format!("no run to learn from at {here}: {e}")))?;
    let ledger = Ledger::of(&events)
        .map_err(|f| fault(f.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let ledger = ledger.ok_or_else(|| fault(format!("the run at {here} has not begun")))?;
    let parent = &ledger.snapshot;
    let of_parent = &parent.job.objective;
    api::learns_from(&job.objective, &of_parent.metric, of_parent.goal)
        .map_err(|why| fault(format!("of the run at {here}, {why}")))?;
    let records = parent.trials.iter().filter_map(|t| {
        let value = api::prior_value(t)?;
        let parameters = api::assignment(&parent.job.space, &t.point);
        api::point(&job.space, &parameters)
            .is_ok()
            .then_some(PriorRecord { parameters, value })
    });
    let records: Vec<PriorRecord> = records.collect();
    if records.is_empty() {
        return Err(fault(format!(
            "no finished trial of the run at {here} is a point of this job's parameters"
        )));
    }
    Ok(records)
}
