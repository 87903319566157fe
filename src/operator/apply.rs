//! Carries out the steps of a plan.

use super::cluster::{Created, trial_resource};
use super::reconcile::{Error, Pass};
use super::record::Record;
use super::standing::{self, Standing};
use super::{JOB_LABEL, settle};
use crate::api::{self, ProposalRecord, TrialObjectSpec, TrialPhase};
use crate::optimizer::Proposal;
use crate::tuning::{Action as Step, Ended};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::api::DynamicObject;

impl Pass<'_> {
    /// Carries out one step; false where something else has to happen first.
    pub async fn carry_out(&mut self, step: Step, now: Timestamp) -> Result<bool, Error> {
        match step {
            Step::Create {
                first_index,
                proposals,
            } => return self.create(first_index, &proposals).await,
            Step::Start { index } => {
                let mut status = self.record(index).status.clone();
                status.phase = TrialPhase::Pending;
                status.attempts += 1;
                status.pod = None;
                status.message.clear();
                status.point = standing::point_text(&self.record(index).spec.parameters);
                self.write_trial(index, status).await?;
            }
            Step::Stop { index, reason } => {
                let status = settle::stop(&self.checked.job, &self.record(index).status, &reason, now);
                self.write_trial(index, status).await?;
            }
            Step::ShadowStop { index, step, message } => {
                let mut status = self.record(index).status.clone();
                status.shadow_stop_step = Some(step);
                status.message = settle::sentence(&message);
                self.write_trial(index, status).await?;
            }
            Step::End(end) => self.end(end).await?,
        }
        Ok(true)
    }

    fn record(&self, index: u32) -> &Record {
        let found = self.records.iter().find(|r| r.index == index);
        found.expect("plans speak of trials of the snapshot")
    }

    /// Writes a trial's status; nothing else may have written since it was read.
    pub async fn write_trial(&mut self, index: u32, status: crate::api::TrialStatus) -> Result<(), Error> {
        let record = self.record(index);
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
            let Created::New(created) = self.ctx.cluster.create_trial(&object).await? else {
                // Ours, not seen yet, or of an earlier job with this name: either way to be waited for.
                return Ok(false);
            };
            let Ok(record) = Record::parse(&created) else {
                return Ok(false);
            };
            self.records.push(record);
            self.ctx.telemetry.proposed(1);
            let note = format!("{} at {}", object.name_any(), {
                let parameters = api::assignment(&self.checked.job.space, &proposal.point);
                standing::point_text(&parameters)
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
        object.metadata.owner_references = Some(vec![self.owner_reference()]);
        object.data = serde_json::json!({"spec": spec});
        object
    }

    /// Whoever carries it goes with the job.
    pub fn owner_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: format!("{}/{}", api::GROUP, api::VERSION),
            kind: api::KIND.into(),
            name: self.owner.1.clone(),
            uid: self.object.uid().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: None,
        }
    }

    /// Records the end before anything follows from it.
    pub async fn end(&mut self, end: Ended) -> Result<(), Error> {
        let now = Timestamp::now();
        standing::keep_time(&mut self.status, false, now);
        let (is_success, reason, message) = (end.reason.is_success(), end.reason.word(), end.message.clone());
        standing::stand(
            &mut self.status,
            &Standing::Ended(end),
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
