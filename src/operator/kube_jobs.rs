//! The Jobs of a job's trials: those that are to come, and those that nobody needs any more.

use super::attempt_state;
use super::cluster::{Created, Refusal, refusal};
use super::error::Error;
use super::observe::{kube_job, pods_of};
use super::pass::Pass;
use super::record::Record;
use super::trial_job;
use super::waiting::Trouble;
use crate::api::{Retain, TrialFailure, TrialPhase, TrialStatus};
use crate::tuning::sentence;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// Creates the Jobs of trials that were started and have none; deletes those that are of no use.
pub async fn create_and_delete(pass: &mut Pass<'_>) -> Result<(), Error> {
    for record in pass.records.clone() {
        let job = kube_job(pass, &record);
        match (job, record.is_started()) {
            (None, true) => create(pass, &record).await?,
            (Some(job), _) if job.metadata.deletion_timestamp.is_some() => {
                pass.look_again = true;
                end_stranded_pods(pass, &record, &job).await?;
            }
            (Some(job), is_started) if is_surplus(pass, &record, &job, is_started) => {
                let has_ended = attempt_state::has_ended(&job);
                pass.ctx.cluster.delete_kube_job(&job, has_ended).await?;
                pass.look_again |= !has_ended;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn create(pass: &mut Pass<'_>, record: &Record) -> Result<(), Error> {
    // Not from the watch: a trial that has ended in the meantime must not be run again.
    let live = match record.is_fresh {
        true => Some(record.clone()),
        false => {
            let live = pass.ctx.cluster.trial(&pass.owner.0, &record.name()).await?;
            live.and_then(|o| Record::parse(&o).ok())
        }
    };
    let Some(live) = live else { return Ok(()) };
    let same = live.object.uid() == record.object.uid() && live.status.attempts == record.status.attempts;
    let Some(trial) = live
        .trial(&pass.checked.job.space)
        .filter(|_| same && live.is_started())
    else {
        pass.look_again = true;
        return Ok(());
    };
    let gpus = pass.checked.job.gpus_per_trial;
    if live.status.gpus != gpus {
        // Its job asks for others since it was started: what its pod holds is what is counted.
        let status = TrialStatus {
            gpus,
            ..pass.record(record.index).status.clone()
        };
        pass.look_again = true;
        return pass.write_trial(record.index, status).await;
    }
    let job = trial_job::trial_job(
        &pass.ctx.settings,
        &pass.checked.spec,
        &pass.checked.job,
        &live,
        &trial,
        pass.bar(),
    );
    match pass.ctx.cluster.create_kube_job(&job).await {
        Ok(Created::New(_)) => Ok(()),
        Ok(Created::Existed) => {
            pass.look_again = true;
            Ok(())
        }
        Err(error) => match refusal(&error) {
            Some(refusal) => refused(pass, record.index, refusal).await,
            None => Err(error.into()),
        },
    }
}

/// The trial waits with the API server's sentence, and so does its job.
async fn refused(pass: &mut Pass<'_>, index: u32, refusal: Refusal) -> Result<(), Error> {
    let Refusal { why, is_final } = refusal;
    let cure = match is_final {
        true => {
            "mend spec.trial; if the API server lets nobody change what is wrong there, delete the job and apply it again"
        }
        false => "it is tried again every 30 s",
    };
    let message = sentence(&format!("the API server refuses its Job: {why}; {cure}"));
    let record = pass.record(index);
    let why = format!("{}: {message}", record.name());
    let status = TrialStatus {
        message,
        ..record.status.clone()
    };
    pass.write_trial(index, status).await?;
    pass.refused.get_or_insert(Trouble { why, is_final });
    Ok(())
}

/// Pods on a node that is not heard of any more would keep their Job, and with it their trial, for ever.
///
/// Nobody knows whether they still run. So the trial first gets another folder for its checkpoints, in which it begins anew:
/// two attempts never write to one. Only then the pod is taken out of the API server by force.
async fn end_stranded_pods(pass: &mut Pass<'_>, record: &Record, job: &Job) -> Result<(), Error> {
    let limit = pass.ctx.settings.lost_node_after;
    let now = Timestamp::now();
    let is_lost = |p: &Pod| {
        attempt_state::belongs(p, job) && attempt_state::overdue(p, now).is_some_and(|d| d >= limit)
    };
    let lost: Vec<Pod> = pods_of(pass, record).into_iter().filter(is_lost).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let record = pass.record(record.index);
    if !record.status.phase.is_final() {
        let mut status = record.status.clone();
        status.checkpoint_folder += 1;
        pass.write_trial(record.index, status).await?;
    }
    for pod in lost {
        let note = format!(
            "{} is taken away by force: its node {} is not heard of any more",
            pod.name_any(),
            pod.spec
                .as_ref()
                .and_then(|s| s.node_name.as_deref())
                .unwrap_or("unknown")
        );
        pass.ctx.cluster.force_delete_pod(&pod).await?;
        pass.ctx
            .events
            .warning(&pass.object, "NodeLost", "Replace", &note)
            .await;
    }
    Ok(())
}

/// A Job is of no use once its trial waits again or has ended; an ended one stays where `retain` says so.
fn is_surplus(pass: &Pass, record: &Record, job: &Job, is_started: bool) -> bool {
    let attempt = attempt_state::attempt_of(job);
    if is_started {
        return attempt < record.status.attempts;
    }
    if attempt > record.status.attempts {
        // Newer than what the watch of the trials has told so far.
        return false;
    }
    let retained = match (
        pass.checked.spec.retain.unwrap_or(Retain::Failed),
        record.status.phase,
    ) {
        (_, TrialPhase::Queued | TrialPhase::Cancelled | TrialPhase::EarlyStopped) => false,
        (Retain::All, _) => true,
        (Retain::Failed, phase) => phase == TrialPhase::Failed,
        (Retain::None, _) => false,
    };
    // What still runs is stopped in any case; what has ended by itself stays if it is wanted.
    !retained || !has_stopped(record, job)
}

fn has_stopped(record: &Record, job: &Job) -> bool {
    let by_us = [TrialFailure::TimedOut, TrialFailure::Refused].map(Some);
    attempt_state::has_ended(job) || !by_us.contains(&record.status.failure)
}
