//! All writing of Trials and of the job's end: what became of attempts, and the steps of a plan.

use super::JOB_LABEL;
use super::cluster::{Created, Refusal, refusal, trial_resource};
use super::conditions::{self, JobState};
use super::error::Error;
use super::observe::Observed;
use super::pass::Pass;
use super::record::Record;
use super::source::Source;
use super::transition::{Change, change, is_news};
use super::waiting::Trouble;
use super::{status, trial_conditions};
use crate::api::{self, ProposalRecord, TrialObjectSpec, TrialPhase, TrialStatus};
use crate::optimizer::Proposal;
use crate::shell::lock;
use crate::tuning::{Action, EndReason, Ended, Failure, Phase, Trial, lifecycle, sentence};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::api::DynamicObject;
use std::time::{Duration, Instant};

/// Least time between two writes of nothing but progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

impl Pass<'_> {
    /// Carries out one step; false where something else has to happen first.
    pub async fn carry_out(&mut self, action: Action, now: Timestamp) -> Result<bool, Error> {
        match action {
            Action::Create {
                first_index,
                proposals,
            } => return self.create(first_index, &proposals).await,
            Action::Start { index } => {
                let text = status::point_text(&self.record(index).spec.parameters);
                let gpus = self.checked.job.gpus_per_trial;
                self.change(
                    index,
                    |trial| lifecycle::start(trial, gpus),
                    |status| {
                        status.pod = None;
                        status.point = text;
                    },
                )
                .await?;
            }
            Action::Stop { index, reason } => {
                let objective = self.checked.job.objective.clone();
                let stop = |trial: &mut Trial| *trial = lifecycle::stop(&objective, trial, &reason, now);
                let no_pod = |status: &mut TrialStatus| {
                    if status.phase == TrialPhase::Queued {
                        status.pod = None;
                        status.avoid_nodes.clear();
                    }
                };
                self.change(index, stop, no_pod).await?;
            }
            Action::ShadowStop { index, step, message } => {
                let note = |trial: &mut Trial| lifecycle::note_shadow_stop(trial, step, &message);
                self.change(index, note, |_| {}).await?;
            }
            Action::End(end) => self.end(end).await?,
        }
        Ok(true)
    }

    /// Writes what became of the trials whose attempts were looked at; the answer is what one waits for that a person has to
    /// mend.
    pub async fn transition(&mut self, observed: &[Observed]) -> Result<Option<String>, Error> {
        let now = Timestamp::now();
        let job = &self.checked.job;
        let mark = Source::of(&self.checked, &self.owner.0).mark();
        let changes: Vec<(u32, String, Change)> = observed
            .iter()
            .filter_map(|o| {
                let record = self.record(o.index);
                Some((o.index, record.name(), change(job, mark, record, o, now)?))
            })
            .collect();
        // The job's end first: were it forgotten, the trials would run into the same again.
        let halt = changes
            .iter()
            .find_map(|(_, name, c)| Some(format!("{name}: {}", c.halt.as_ref()?)));
        if let Some(message) = halt.filter(|_| conditions::recorded_end(&self.status).is_none()) {
            let reason = EndReason::BadConfiguration;
            self.end(Ended { reason, message }).await?;
        }
        let mut trouble = None;
        for (index, name, change) in changes {
            if self.is_worth_writing(index, &change) {
                self.write_or_isolate(index, change.status).await?;
            }
            // Only now: a write that had failed would find again what was heard.
            if let Some(pod) = change.silent_pod {
                self.ctx.scrapers.forget(&pod);
            }
            trouble = trouble.or(change.trouble.map(|sentence| format!("{name}: {sentence}")));
        }
        Ok(trouble)
    }

    /// News are written at once; mere progress now and then.
    fn is_worth_writing(&self, index: u32, change: &Change) -> bool {
        let record = self.record(index);
        let uid = record.object.uid().unwrap_or_default();
        let mut written = lock(&self.ctx.progress_written);
        let is_due = written
            .get(&uid)
            .is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
        let is_worth = is_news(&record.status, &change.status) || is_due && record.status != change.status;
        match (is_worth, change.status.completion_time) {
            (true, None) => {
                // Who was not written for so long is due as well as one of which nothing is known.
                written.retain(|_, at| at.elapsed() < PROGRESS_INTERVAL);
                written.insert(uid, Instant::now());
            }
            (true, Some(_)) => drop(written.remove(&uid)),
            (false, _) => {}
        }
        is_worth
    }

    /// Changes a trial as the core has it, then what only a cluster knows of it.
    async fn change(
        &mut self,
        index: u32,
        change: impl FnOnce(&mut Trial),
        and: impl FnOnce(&mut TrialStatus),
    ) -> Result<(), Error> {
        let job = &self.checked.job;
        let record = self.record(index);
        let Some(mut trial) = record.trial(&job.space) else {
            return Ok(());
        };
        change(&mut trial);
        let mut status = record.status_of(&trial);
        and(&mut status);
        self.write_or_isolate(index, status).await
    }

    /// The trial of this number.
    pub fn record(&self, index: u32) -> &Record {
        let found = self.records.iter().find(|r| r.index == index);
        found.expect("plans speak of trials of the snapshot")
    }

    /// Writes a trial's status. One that the API server will never take costs its own trial, which fails and says why, and
    /// holds up no other.
    async fn write_or_isolate(&mut self, index: u32, status: TrialStatus) -> Result<(), Error> {
        let error = match self.write_trial(index, status).await {
            Err(Error::Kube(error)) => error,
            other => return other,
        };
        let Some(refused) = refusal(&error).filter(|r| r.is_final) else {
            return Err(error.into());
        };
        let record = self.record(index);
        tracing::warn!(
            trial = record.name(),
            why = refused.why,
            "a trial can't be recorded"
        );
        let Some(mut trial) = record.trial(&self.checked.job.space) else {
            return Ok(());
        };
        let message = sentence(&format!("the API server refuses to record it: {}", refused.why));
        let failed = Phase::Failed(Failure::Refused);
        lifecycle::finish(&mut trial, failed, None, message, Timestamp::now());
        let status = record.status_of(&trial);
        match self.write_trial(index, status).await {
            Err(Error::Kube(error)) if refusal(&error).is_some_and(|r| r.is_final) => {
                let why = format!("{}: {error}", self.record(index).name());
                self.refused.get_or_insert(Trouble::lasting(why));
                Ok(())
            }
            other => other,
        }
    }

    /// Writes a trial's status; nothing else may have written since it was read.
    pub async fn write_trial(&mut self, index: u32, status: TrialStatus) -> Result<(), Error> {
        let record = self.record(index);
        let mut status = status;
        trial_conditions::set(&mut status, record.object.metadata.generation, Timestamp::now());
        if record.status == status {
            return Ok(());
        }
        let object = self
            .ctx
            .cluster
            .write_trial_status(&record.object, &status)
            .await?;
        if let Some(record) = self.records.iter_mut().find(|r| r.index == index) {
            record.object = object;
            record.status = status;
            record.is_fresh = true;
        }
        Ok(())
    }

    async fn create(&mut self, first_index: u32, proposals: &[Proposal]) -> Result<bool, Error> {
        for (index, proposal) in (first_index..).zip(proposals) {
            let object = self.trial_object(index, proposal);
            let known = self.ctx.stores.trials.of(&self.owner);
            if known.iter().any(|t| t.name_any() == object.name_any()) {
                // Of an earlier job with this name. Of one that stays the job's status tells.
                return Ok(false);
            }
            let created = match self.ctx.cluster.create_trial(&object).await {
                Ok(Created::New(created)) => created,
                // Ours, not seen yet, or of an earlier job with this name: either way to be waited for.
                Ok(Created::Existed) => return Ok(false),
                Err(error) => {
                    let Refusal { why, is_final } = refusal(&error).ok_or(error)?;
                    let why = format!("the API server refuses Trial {}: {why}", object.name_any());
                    self.refused.get_or_insert(Trouble { why, is_final });
                    return Ok(false);
                }
            };
            let Ok(record) = Record::parse(&created) else {
                return Ok(false);
            };
            self.records.push(record);
            self.ctx.telemetry.proposed(1);
            let note = format!("{} at {}", object.name_any(), {
                let parameters = api::assignment(&self.checked.job.space, &proposal.point);
                status::point_text(&parameters)
            });
            self.ctx
                .events
                .normal(&self.object, "TrialProposed", "Propose", &note)
                .await;
        }
        Ok(true)
    }

    fn trial_object(&self, index: u32, proposal: &Proposal) -> DynamicObject {
        let job = &self.checked.job;
        let record = ProposalRecord::new(&job.space, proposal);
        let spec = TrialObjectSpec {
            job: job.name.clone(),
            index: Some(index),
            parameters: record.parameters,
            resource: record.resource,
            why: Some(record.why),
        };
        let mut object = DynamicObject::new(&job.trial_name(index), &trial_resource()).within(&self.owner.0);
        object.labels_mut().insert(JOB_LABEL.into(), job.name.clone());
        object.metadata.owner_references = Some(vec![owner_reference(&self.object)]);
        object.data = serde_json::json!({"spec": spec});
        object
    }

    /// Records the end before anything follows from it.
    pub async fn end(&mut self, end: Ended) -> Result<(), Error> {
        let now = Timestamp::now();
        status::keep_time(&mut self.status, false, now);
        let (is_success, reason, message) = (end.reason.is_success(), end.reason.word(), end.message.clone());
        conditions::set(
            &mut self.status,
            &JobState::Ended(end),
            self.object.metadata.generation,
            now,
        );
        self.write_status().await?;
        match is_success {
            true => {
                self.ctx
                    .events
                    .normal(&self.object, reason, "Complete", &message)
                    .await
            }
            false => {
                self.ctx
                    .events
                    .warning(&self.object, reason, "Fail", &message)
                    .await
            }
        }
        Ok(())
    }

    /// Writes the job's status, if it has changed.
    pub async fn write_status(&mut self) -> Result<(), Error> {
        if self.status != self.written {
            self.object = self
                .ctx
                .cluster
                .write_job_status(&self.object, &self.status)
                .await?;
            self.ctx.remember_write(&self.owner, &self.object);
            self.written = self.status.clone();
        }
        Ok(())
    }
}

/// Whoever carries it goes with the job.
pub fn owner_reference(job: &DynamicObject) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", api::GROUP, api::VERSION),
        kind: api::KIND.into(),
        name: job.name_any(),
        uid: job.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
