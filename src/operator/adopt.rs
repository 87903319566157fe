//! Trials that a person made by hand: they are given a number, and from then on are trials like any other.
//!
//! The number is written to the trial's status. No trial is proposed while one waits for its number, and a trial that
//! seems to wait is read anew first: a watch that lags behind never gives a number twice.

use super::apply::owner_reference;
use super::conditions;
use super::error::Error;
use super::pass::Pass;
use super::record::{Record, is_new};
use super::{status, trial_conditions};
use crate::api::{self, TrialObjectSpec, TrialPhase, TrialStatus};
use crate::tuning::sentence;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;

impl Pass<'_> {
    /// Takes in the trials that people have made since; false where a watch lags behind what this operator has written.
    pub async fn adopt(&mut self, mut newcomers: Vec<DynamicObject>) -> Result<bool, Error> {
        newcomers.sort_by_key(|t| (t.metadata.creation_timestamp.clone(), t.name_any()));
        for newcomer in newcomers {
            let live = self
                .ctx
                .cluster
                .trial(&self.owner.0, &newcomer.name_any())
                .await?;
            let Some(live) = live.filter(|t| t.metadata.deletion_timestamp.is_none()) else {
                continue;
            };
            if !is_new(&live) {
                return Ok(false);
            }
            if let Err(why) = self.fits(&live) {
                self.turn_away(&live, &why).await?;
            } else if !self.take_in(&live).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether it can be one of the job's trials; the error is a sentence.
    fn fits(&self, trial: &DynamicObject) -> Result<(), String> {
        let spec = trial.data.get("spec").cloned().unwrap_or_default();
        let spec: TrialObjectSpec = serde_json::from_value(spec).map_err(|e| format!("spec: {e}"))?;
        let job = &self.checked.job;
        api::point(&job.space, &spec.parameters).map_err(|name| {
            format!("spec.parameters.{name}: it is missing, or not a value of the job's parameter {name}")
        })?;
        let known = |name: &&String| !job.space.parameters().iter().any(|p| p.name() == name.as_str());
        if let Some(name) = spec.parameters.keys().find(known) {
            return Err(format!("spec.parameters.{name}: the job has no such parameter"));
        }
        let owners = trial.owner_references();
        if owners
            .iter()
            .any(|o| o.controller == Some(true) && Some(&o.uid) != self.object.uid().as_ref())
        {
            return Err("metadata.ownerReferences: it belongs to another controller".into());
        }
        if job.strategy.rations() {
            let word = job.strategy.word();
            return Err(format!("spec.job: {word} makes all trials of a job itself"));
        }
        if conditions::recorded_end(&self.status).is_some() {
            return Err("spec.job: the job has ended".into());
        }
        Ok(())
    }

    async fn turn_away(&self, trial: &DynamicObject, why: &str) -> Result<(), Error> {
        let now = Timestamp::now();
        let mut status = TrialStatus {
            phase: TrialPhase::Cancelled,
            completion_time: Some(now),
            message: sentence(why),
            ..TrialStatus::default()
        };
        trial_conditions::set(&mut status, trial.metadata.generation, now);
        self.ctx.cluster.write_trial_status(trial, &status).await?;
        Ok(())
    }

    /// Makes the job its owner, so that it goes with the job, and gives it the next number.
    async fn take_in(&mut self, trial: &DynamicObject) -> Result<bool, Error> {
        let index = self.records.iter().map(|r| r.index).max().unwrap_or(0) + 1;
        let name = self.checked.job.trial_name(index);
        if self.ctx.cluster.trial(&self.owner.0, &name).await?.is_some() {
            // One of ours has the number already, and the watch has not told yet.
            return Ok(false);
        }
        let owned = self
            .ctx
            .cluster
            .own_trial(trial, owner_reference(&self.object))
            .await?;
        let spec = owned
            .data
            .pointer("/spec/parameters")
            .cloned()
            .unwrap_or_default();
        let mut status = TrialStatus {
            index: Some(index),
            point: status::point_text(&serde_json::from_value(spec).unwrap_or_default()),
            ..TrialStatus::default()
        };
        trial_conditions::set(&mut status, owned.metadata.generation, Timestamp::now());
        let object = self.ctx.cluster.write_trial_status(&owned, &status).await?;
        if let Ok(record) = Record::parse(&object) {
            self.records.push(record);
        }
        let note = format!("{} is trial {index}: {}", trial.name_any(), status.point);
        self.ctx
            .events
            .normal(&self.object, "TrialAdopted", "Adopt", &note)
            .await;
        Ok(true)
    }
}
