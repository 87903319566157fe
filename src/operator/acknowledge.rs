//! The first step of a pass: this generation of the spec was seen, before anything is done about it.

use super::conditions::{self, JobState};
use super::error::Error;
use super::pass::Pass;
use super::prior;
use crate::tuning::{Ended, reopens};
use jiff::Timestamp;
use kube::runtime::controller::Action;
use std::time::Duration;

impl Pass<'_> {
    /// Says that this generation of the spec was seen, before anything is done about it.
    pub async fn acknowledge(&mut self) -> Result<Option<Action>, Error> {
        let generation = self.object.metadata.generation;
        let is_new = self.status.start_time.is_none();
        if self.status.observed_generation == generation && !is_new {
            self.checked.job.prior = prior::observations(&self.checked.job, &self.status.prior);
            return Ok(None);
        }
        let now = Timestamp::now();
        if is_new && let Some(from) = &self.checked.spec.warm_start {
            match prior::gather(self.ctx, &self.owner, &self.checked.job, &from.from).await? {
                Ok(found) => self.status.prior = found,
                Err(state) => {
                    conditions::set(&mut self.status, &state, generation, now);
                    self.write_status().await?;
                    return Ok(Some(Action::requeue(Duration::from_secs(10))));
                }
            }
        }
        let state = match conditions::recorded_end(&self.status) {
            Some(end) if !self.reopen(&end, now).await? => JobState::Ended(end),
            _ => JobState::Working(None),
        };
        self.status.start_time.get_or_insert(now);
        conditions::set(&mut self.status, &state, generation, now);
        self.checked.job.prior = prior::observations(&self.checked.job, &self.status.prior);
        self.write_status().await?;
        for note in &self.checked.notes {
            let note = note.to_string();
            self.ctx
                .events
                .warning(&self.object, "SeldomMeant", "Validate", &note)
                .await;
        }
        Ok(None)
    }

    /// Whether a job that has ended goes on with the manifest as it is now.
    async fn reopen(&mut self, end: &Ended, now: Timestamp) -> Result<bool, Error> {
        // Not from the watch: where it lags behind, the budget would look less spent than it is.
        let live = self.ctx.cluster.trials_of(&self.owner.0, &self.owner.1).await?;
        self.records.clear();
        self.load(live.into_iter());
        let goes_on = reopens(&self.snapshot(now), end, now);
        if goes_on && end.reason.waits_to_be_mended() {
            self.status.resumed_time = Some(now);
        }
        Ok(goes_on)
    }
}
