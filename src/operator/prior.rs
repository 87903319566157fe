//! What earlier jobs know (warm start).

use super::conditions;
use super::context::Context;
use super::error::Error;
use super::record::Record;
use super::stores::Owner;
use crate::api::{self, PriorObservation, TuningJobStatus};
use crate::optimizer::Observation;
use crate::tuning::Job;
use kube::ResourceExt;
use kube::api::DynamicObject;

/// Most observations that are taken over.
const MAX_PRIOR: usize = 200;

/// The finished trials of earlier jobs that are points of this job's space; what has to be waited for is a sentence.
///
/// All of it is asked for anew. Each kind has a watch of its own: the one may tell that a job has ended before the other has
/// brought the values of its trials, and what is missing now would be missing for ever.
pub async fn gather(
    ctx: &Context,
    owner: &Owner,
    job: &Job,
    from: &[String],
) -> Result<Result<Vec<PriorObservation>, String>, Error> {
    let mut found = Vec::new();
    for name in from {
        let Some(parent) = ctx.cluster.job(&owner.0, name).await? else {
            return Ok(Err(format!(
                "spec.warmStart.from: there is no TuningJob {name:?} in this namespace"
            )));
        };
        let status = parent.data.get("status").cloned().unwrap_or_default();
        let status: TuningJobStatus = serde_json::from_value(status).unwrap_or_default();
        if conditions::recorded_end(&status).is_none() {
            return Ok(Err(format!(
                "spec.warmStart.from: TuningJob {name:?} has not ended"
            )));
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
