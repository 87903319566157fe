//! How the attempts of a job's trials stand, and what they have reported.

use super::TRIAL_LABEL;
use super::attempt_state::{self, AttemptView, Lens};
use super::error::Error;
use super::pass::Pass;
use super::reading::read_metrics;
use super::record::Record;
use crate::tuning::{AttemptState, Reported};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use std::sync::Arc;

/// Time between two questions to a Prometheus server.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// Time between two looks at a place in a queue.
const QUEUE_MOVES: SignedDuration = SignedDuration::from_secs(10);
/// How long a pod that has no container yet is believed to be on its way, before anybody's complaints are read.
const SETTING_UP: SignedDuration = SignedDuration::from_secs(15);

/// The attempt of one trial, as it was found.
#[derive(Debug)]
pub struct Observed {
    /// The trial's number in the job.
    pub index: u32,
    /// How it stands.
    pub attempt: AttemptView,
    /// What it has reported.
    pub reported: Reported,
}

/// Looks at every trial that was started.
pub async fn observe(pass: &Pass<'_>) -> Result<Vec<Observed>, Error> {
    let mut all = Vec::new();
    for record in pass.records.iter().filter(|r| r.is_started()) {
        let mut attempt = look(pass, record).await?;
        let reported = read_metrics(pass, record, &attempt)
            .await
            .unwrap_or_else(|why| Reported {
                outstanding: Some(why.0),
                ..Reported::default()
            });
        if reported.outstanding.is_some() {
            attempt.look_again = Some(ASK_AGAIN);
        }
        all.push(Observed {
            index: record.index,
            attempt,
            reported,
        });
    }
    Ok(all)
}

/// The Job of a trial, whichever attempt it is.
pub fn kube_job(pass: &Pass, record: &Record) -> Option<Arc<Job>> {
    let uid = record.object.uid();
    let jobs = pass.ctx.stores.kube_jobs.of(&pass.owner);
    jobs.into_iter()
        .find(|j| j.name_any() == record.name() && attempt_state::is_controlled_by(&**j, uid.as_deref()))
}

/// The pods that carry a trial's label.
pub fn pods_of(pass: &Pass, record: &Record) -> Vec<Pod> {
    let name = record.name();
    let pods = pass.ctx.stores.pods.of(&pass.owner);
    let own = pods.iter().filter(|p| p.labels().get(TRIAL_LABEL) == Some(&name));
    own.map(|p| Pod::clone(p)).collect()
}

/// The last of a Job's that is gone and had ended: its Job alone would not tell how.
fn departed_of(pass: &Pass, job: &Job) -> Option<Pod> {
    let pods = pass.ctx.stores.departed.of(&pass.owner);
    let mut own = pods.iter().filter(|p| attempt_state::belongs(p, job));
    own.next_back().map(|p| Pod::clone(p))
}

/// Whether the trial has been told of the end of a pod that is gone, and waits for the Job to make another one.
fn is_told(record: &Record, job: &Job, pod: &Pod) -> bool {
    let is_known = record.status.pod.as_deref() == Some(&pod.name_any());
    is_known && record.status.attempt_start_time.is_none() && !attempt_state::has_ended(job)
}

async fn look(pass: &Pass<'_>, record: &Record) -> Result<AttemptView, Error> {
    let lens = Lens {
        last_pod: record.status.pod.as_deref(),
        lost_after: pass.ctx.settings.lost_node_after,
        now: Timestamp::now(),
    };
    // The Job of another attempt is on its way out.
    let job = kube_job(pass, record).filter(|j| attempt_state::attempt_of(j) == record.status.attempts);
    let Some(job) = job else {
        return Ok(attempt_state::observe(None, &[], &lens));
    };
    let mut pods = pods_of(pass, record);
    if !pods.iter().any(|p| attempt_state::belongs(p, &job)) {
        pods.extend(departed_of(pass, &job).filter(|pod| !is_told(record, &job, pod)));
    }
    let seen = complaints(
        pass,
        &job,
        attempt_state::observe(Some(&job), &pods, &lens),
        lens.now,
    )
    .await;
    match seen {
        AttemptView {
            state: AttemptState::Unclear { .. },
            ..
        } => {
            // The watch of the Jobs may be ahead of that of the pods.
            let label = format!("{TRIAL_LABEL}={}", record.name());
            let mut pods = pass.ctx.cluster.pods(&pass.owner.0, &label).await?;
            if !pods.iter().any(|p| attempt_state::belongs(p, &job)) {
                pods.extend(departed_of(pass, &job));
            }
            Ok(attempt_state::observe(Some(&job), &pods, &lens))
        }
        seen => Ok(seen),
    }
}

/// Why nothing comes of an attempt that waits without a word: what is said of its pod, or of its Job where there is none.
async fn complaints(pass: &Pass<'_>, job: &Job, seen: AttemptView, now: Timestamp) -> AttemptView {
    let is_queued = attempt_state::is_suspended(job) && !attempt_state::has_ended(job);
    if is_queued
        && matches!(
            seen.state,
            AttemptState::Waiting {
                needs_help: false,
                ..
            }
        )
    {
        return queued(pass, job, seen).await;
    }
    let is_silent = matches!(&seen.state, AttemptState::Waiting { why, .. } if why.is_empty());
    if !is_silent {
        return seen;
    }
    let created = job.creation_timestamp().map_or(now, |t| attempt_state::time(&t));
    let left = SETTING_UP - now.duration_since(created);
    if left.is_positive() {
        let look_again = Some(left);
        return AttemptView { look_again, ..seen };
    }
    let of_pod = seen.pod.as_ref().map(|p| p.uid.clone());
    let uid = of_pod.or(job.uid()).unwrap_or_default();
    let (warnings, cluster) = (&pass.ctx.warnings, &pass.ctx.cluster);
    // No decision depends on it: without the right to read events, only the sentence is missing.
    let found = warnings.last(cluster, &pass.owner.0, &uid).await;
    let found = found.unwrap_or_else(|error| {
        tracing::warn!(%error, "events could not be read");
        None
    });
    let state = match found {
        Some(why) => AttemptState::Waiting {
            why,
            needs_help: true,
        },
        None => seen.state,
    };
    AttemptView {
        state,
        look_again: Some(SETTING_UP * 2),
        ..seen
    }
}

/// What an attempt waits for that a queue has not admitted.
async fn queued(pass: &Pass<'_>, job: &Job, seen: AttemptView) -> AttemptView {
    let (queues, cluster) = (&pass.ctx.queues, &pass.ctx.cluster);
    let state = match queues.waits_for(cluster, &pass.owner.0, job).await {
        Some(why) => AttemptState::Waiting {
            why,
            needs_help: false,
        },
        None => seen.state,
    };
    AttemptView {
        state,
        look_again: Some(QUEUE_MOVES),
        ..seen
    }
}

/// Follows on those alone whose trials go on, once all was decided. What was heard of a pod that has ended stays until its
/// trial has it, too: its attempt is seen until then.
pub fn stop_scraping(pass: &Pass, observed: &[Observed]) {
    let goes_on = |o: &&Observed| pass.record(o.index).is_started();
    let pods = observed
        .iter()
        .filter(goes_on)
        .filter_map(|o| o.attempt.pod.as_ref());
    let wanted: Vec<&str> = pods.map(|pod| pod.uid.as_str()).collect();
    pass.ctx.scrapers.keep(&pass.owner, &wanted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_is_gone_is_told_of_once() {
        let told = |status: serde_json::Value, pod: &str, ended: bool| {
            let object = serde_json::json!({
                "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "a-0001"},
                "spec": {"job": "a", "index": 1, "parameters": {}}, "status": status,
            });
            let record = Record::parse(&serde_json::from_value(object).unwrap()).unwrap();
            let mut job = Job::default();
            if ended {
                let status = serde_json::json!({"conditions": [{"type": "Failed", "status": "True"}]});
                job.status = Some(serde_json::from_value(status).unwrap());
            }
            let mut gone = Pod::default();
            gone.metadata.name = Some(pod.into());
            is_told(&record, &job, &gone)
        };
        let paused = serde_json::json!({"pod": "p"});
        let running = serde_json::json!({"pod": "p", "attemptStartTime": "2026-01-02T03:04:05Z"});
        assert!(told(paused.clone(), "p", false));
        assert!(!told(running, "p", false), "its end is news");
        assert!(!told(paused.clone(), "q", false), "another's end is news");
        assert!(!told(paused, "p", true), "how the Job ended is told by it");
    }
}
