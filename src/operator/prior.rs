//! What earlier jobs know (warm start).

use super::conditions::{self, JobState};
use super::context::Context;
use super::error::Error;
use super::record::Record;
use super::stores::Owner;
use crate::api::{self, ObjectiveSpec, PriorObservation, TuningJobStatus};
use crate::optimizer::Observation;
use crate::tuning::Job;
use kube::ResourceExt;
use kube::api::DynamicObject;

/// Most observations that are taken over.
const MAX_PRIOR: usize = 200;

/// The finished trials of earlier jobs that are points of this job's space, or the state of a job that has to wait for them or
/// can't learn from them.
///
/// All of it is asked for anew. Each kind has a watch of its own: the one may tell that a job has ended before the other has
/// brought the values of its trials, and what is missing now would be missing for ever.
pub async fn gather(
    ctx: &Context,
    owner: &Owner,
    job: &Job,
    from: &[String],
) -> Result<Result<Vec<PriorObservation>, JobState>, Error> {
    let mut found = Vec::new();
    for name in from {
        let Some(parent) = ctx.cluster.job(&owner.0, name).await? else {
            let why = format!("spec.warmStart.from: there is no TuningJob {name:?} in this namespace");
            return Ok(Err(JobState::Waiting(why)));
        };
        if let Err(why) = fits(job, &parent) {
            let why = format!("spec.warmStart.from: of TuningJob {name:?}, {why}");
            return Ok(Err(JobState::Invalid(why)));
        }
        let status = parent.data.get("status").cloned().unwrap_or_default();
        let status: TuningJobStatus = serde_json::from_value(status).unwrap_or_default();
        if conditions::recorded_end(&status).is_none() {
            let why = format!("spec.warmStart.from: TuningJob {name:?} has not ended");
            return Ok(Err(JobState::Waiting(why)));
        }
        let trials = ctx.cluster.trials_of(&owner.0, name).await?;
        let own = trials.iter().filter(|t| is_owned(t, &parent));
        let mut records: Vec<Record> = own.filter_map(|t| Record::parse(t).ok()).collect();
        records.sort_by_key(|r| r.index);
        found.extend(records.iter().filter_map(|r| observation(job, r)));
    }
    found.truncate(MAX_PRIOR);
    Ok(Ok(found))
}

/// Whether what the parent measured is what this job measures; the error is a sentence.
fn fits(job: &Job, parent: &DynamicObject) -> Result<(), String> {
    let objective = parent
        .data
        .pointer("/spec/objective")
        .cloned()
        .unwrap_or_default();
    let objective: ObjectiveSpec = serde_json::from_value(objective).map_err(|e| e.to_string())?;
    api::learns_from(&job.objective, &objective.metric, objective.goal.into())
}

/// Not those of an earlier job of the same name.
fn is_owned(trial: &DynamicObject, job: &DynamicObject) -> bool {
    trial
        .owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == job.uid().as_ref())
}

fn observation(job: &Job, record: &Record) -> Option<PriorObservation> {
    let trial = record.trial(&job.space)?;
    Some(PriorObservation {
        trial: record.object.name_any(),
        parameters: record.spec.parameters.clone(),
        value: api::prior_value(&trial)?,
    })
}

/// The same for the optimizer.
pub fn observations(job: &Job, prior: &[PriorObservation]) -> Vec<Observation> {
    let trials = prior.iter().map(|p| (&p.parameters, p.value));
    api::prior_observations(&job.space, 0, trials)
}
