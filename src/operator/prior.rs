//! What earlier jobs know (warm start).

use super::context::{Context, Owner};
use super::record::Record;
use super::standing;
use crate::api::{self, PriorObservation, TuningJobStatus};
use crate::optimizer::{Observation, Outcome};
use crate::tuning::{Job, Phase};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

/// Most observations that are taken over.
const MOST: usize = 200;

/// The finished trials of earlier jobs that are points of this job's space; the error says what has to be waited for.
pub fn gather(
    ctx: &Context,
    owner: &Owner,
    job: &Job,
    from: &[String],
) -> Result<Vec<PriorObservation>, String> {
    let mut found = Vec::new();
    for name in from {
        let reference = ObjectRef::new_with(name, super::cluster::job_resource()).within(&owner.0);
        let parent = ctx.stores.jobs.get(&reference);
        let parent = parent.ok_or_else(|| {
            format!("spec.warmStart.from: there is no TuningJob {name:?} in this namespace")
        })?;
        let status = parent.data.get("status").cloned().unwrap_or_default();
        let status: TuningJobStatus = serde_json::from_value(status).unwrap_or_default();
        if standing::ended(&status).is_none() {
            return Err(format!("spec.warmStart.from: TuningJob {name:?} has not ended"));
        }
        let trials = ctx.stores.trials.of(&(owner.0.clone(), name.clone()));
        let mut records: Vec<Record> = trials.iter().filter_map(|t| Record::parse(t).ok()).collect();
        records.sort_by_key(|r| r.index);
        found.extend(records.iter().filter_map(|r| observation(job, r)));
    }
    found.truncate(MOST);
    Ok(found)
}

fn observation(job: &Job, record: &Record) -> Option<PriorObservation> {
    let trial = record.trial(&job.space)?;
    let value = match trial.phase {
        Phase::Succeeded => Some(trial.value?),
        Phase::Failed(_) => None,
        _ => return None,
    };
    Some(PriorObservation {
        trial: record.object.name_any(),
        parameters: record.spec.parameters.clone(),
        value,
    })
}

/// The same for the optimizer.
pub fn observations(job: &Job, prior: &[PriorObservation]) -> Vec<Observation> {
    let observation = |(index, p): (u32, &PriorObservation)| {
        Some(Observation {
            index,
            point: api::point(&job.space, &p.parameters).ok()?,
            outcome: p.value.map_or(Outcome::Failed, Outcome::Value),
            resource: None,
        })
    };
    (0..).zip(prior).filter_map(observation).collect()
}
