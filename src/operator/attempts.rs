//! The attempts of a job's trials in one pass: what their Jobs and pods say, and which Jobs are to come and go.

use super::cluster::Created;
use super::listen::{Ear, Heard, NoAnswer, Question, heard_in};
use super::reconcile::{Error, Pass};
use super::record::Record;
use super::settle::{Source, settle};
use super::sight::{self, Sight, see};
use super::{TRIAL_LABEL, trial_job};
use crate::api::{MetricsSpec, Retain, TrialPhase, TrialStatus, ValueSource};
use crate::metrics::{self, MetricDefinition};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Least time between two writes of nothing but progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// How long after a trial's end a Prometheus server is waited for.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What was seen of all attempts.
#[derive(Debug, Default)]
pub struct Attempts {
    /// Why no trial of the job would fare better.
    pub halt: Option<String>,
    /// What a trial waits for that a person has to mend.
    pub trouble: Option<String>,
}

/// Looks at every trial that was started and writes what became of it.
pub async fn settle_all(pass: &mut Pass<'_>) -> Result<Attempts, Error> {
    let mut attempts = Attempts::default();
    let started: Vec<Record> = pass.records.iter().filter(|r| is_started(r)).cloned().collect();
    for record in started {
        let seen = look(pass, &record).await?;
        let heard = listen(pass, &record, &seen).await?;
        let now = Timestamp::now();
        let settled = settle(
            &pass.checked.job,
            source(pass),
            &record.status,
            &seen,
            &heard,
            now,
        );
        if is_worth_writing(pass, &record, &settled.status) {
            pass.write_trial(record.index, settled.status.clone()).await?;
        }
        let name = record.name();
        let whose = |sentence: String| format!("{name}: {sentence}");
        attempts.halt = attempts.halt.or(settled.halt.map(whose));
        attempts.trouble = attempts.trouble.or(settled.trouble.map(whose));
    }
    Ok(attempts)
}

fn is_started(record: &Record) -> bool {
    matches!(record.status.phase, TrialPhase::Pending | TrialPhase::Running)
}

fn kube_job(pass: &Pass, record: &Record) -> Option<Arc<Job>> {
    let uid = record.object.uid();
    let jobs = pass.ctx.stores.kube_jobs.of(&pass.owner);
    jobs.into_iter()
        .find(|j| j.owner_references().iter().any(|o| Some(&o.uid) == uid.as_ref()))
}

async fn look(pass: &mut Pass<'_>, record: &Record) -> Result<Sight, Error> {
    let name = record.name();
    let Some(job) = kube_job(pass, record) else {
        return Ok(Sight::Absent);
    };
    if sight::attempt_of(&job) != record.status.attempts {
        return Ok(Sight::Going);
    }
    let pods: Vec<Pod> = pass
        .ctx
        .stores
        .pods
        .of(&pass.owner)
        .iter()
        .map(|p| Pod::clone(p))
        .collect();
    let seen = see(Some(&job), &pods);
    match seen {
        // The watch of the pods may be behind that of the Jobs.
        Sight::Unclear(_) => {
            let pods = pass
                .ctx
                .cluster
                .pods(&pass.owner.0, &format!("{TRIAL_LABEL}={name}"))
                .await?;
            Ok(see(Some(&job), &pods))
        }
        seen => Ok(seen),
    }
}

async fn listen(pass: &Pass<'_>, record: &Record, seen: &Sight) -> Result<Heard, Error> {
    let objective = &pass.checked.job.objective.metric;
    let definitions = definitions(pass.checked.spec.metrics.as_ref());
    match seen {
        Sight::Running { pod, uid, ip, since } => {
            let ear = match (trial_job::port(pass.checked.spec.metrics.as_ref()), ip) {
                _ if question(pass, pod, *since).is_some() => question(pass, pod, *since).map(Ear::Server),
                (None, _) => Some(Ear::Log {
                    namespace: pass.owner.0.clone(),
                    pod: pod.clone(),
                    definitions,
                }),
                (Some(port), Some(ip)) => ip.parse().ok().map(|ip| Ear::Endpoint {
                    ip,
                    port,
                    path: path(pass.checked.spec.metrics.as_ref()),
                }),
                (Some(_), None) => None,
            };
            if let Some(ear) = ear {
                pass.ctx.listeners.follow(uid, ear, objective, pass.reference());
            }
            Ok(pass.ctx.listeners.heard(uid))
        }
        Sight::Ended(end) => {
            let mut heard = pass.ctx.listeners.heard(&end.uid);
            if !definitions.is_empty() {
                // A log is whole only now. One that can't be read any more has told what was heard before.
                if let Ok(log) = pass.ctx.cluster.log(&pass.owner.0, &end.pod).await {
                    heard = heard_in(&log, &definitions, objective);
                }
            }
            if let Some(question) = end.started.and_then(|since| question(pass, &end.pod, since)) {
                let until = end.finished.unwrap_or_else(Timestamp::now);
                let since_end = Timestamp::now().duration_since(until);
                match pass.ctx.listeners.ask_server(&question, objective, until).await {
                    Ok(news) => heard = news,
                    // The trial has done its part: it is no failure of its own yet.
                    Err(NoAnswer::Unreachable(why)) if since_end < PATIENCE => {
                        return Err(Error::Prometheus(why));
                    }
                    Err(why) => heard.trouble = Some(why.to_string()),
                }
            }
            pass.ctx.listeners.forget(&end.uid);
            // What was heard before this operator began is in the status.
            if heard.metrics.is_empty() {
                heard.metrics.clone_from(&record.status.metrics);
            }
            Ok(heard)
        }
        _ => Ok(Heard::default()),
    }
}

/// What a Prometheus server is asked about a pod, if it is to be asked.
fn question(pass: &Pass, pod: &str, since: Timestamp) -> Option<Question> {
    let query = pass.checked.spec.metrics.as_ref()?.prom_query.as_ref()?;
    let labels = query
        .labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let selector = metrics::selector(&query.metric, labels, &pass.owner.0, pod);
    Some(Question { selector, since })
}

fn definitions(metrics: Option<&MetricsSpec>) -> Vec<MetricDefinition> {
    let logs = metrics.and_then(|m| m.logs.as_ref());
    let definition = |d: &crate::api::MetricDefinition| MetricDefinition {
        name: d.name.clone(),
        regex: d.regex.clone(),
    };
    logs.map(|l| l.definitions.iter().map(definition).collect())
        .unwrap_or_default()
}

fn path(metrics: Option<&MetricsSpec>) -> String {
    let prometheus = metrics.and_then(|m| m.prometheus.clone());
    prometheus.unwrap_or_default().path
}

fn source(pass: &Pass) -> Source {
    let metrics = pass.checked.spec.metrics.as_ref();
    let (logs, query) = (
        metrics.and_then(|m| m.logs.as_ref()),
        metrics.and_then(|m| m.prom_query.as_ref()),
    );
    match (logs, query) {
        (Some(_), _) => Source {
            mark: ValueSource::Logs,
            place: "its log",
        },
        (_, Some(_)) => Source {
            mark: ValueSource::PromQuery,
            place: "the series of spec.metrics.promQuery",
        },
        _ => Source {
            mark: ValueSource::Prometheus,
            place: "its metrics page",
        },
    }
}

/// News are written at once; mere progress now and then.
fn is_worth_writing(pass: &Pass, record: &Record, new: &TrialStatus) -> bool {
    let core = |status: &TrialStatus| TrialStatus {
        step: None,
        total_steps: None,
        metrics: Default::default(),
        ..status.clone()
    };
    let is_news = core(&record.status) != core(new);
    let uid = record.object.uid().unwrap_or_default();
    let mut written = pass
        .ctx
        .progress_written
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let is_due = written
        .get(&uid)
        .is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
    if is_news || is_due && record.status != *new {
        match new.completion_time {
            None => written.insert(uid, Instant::now()),
            Some(_) => written.remove(&uid),
        };
        return true;
    }
    false
}

/// Jobs of trials that were started and have none; Jobs that nobody needs any more.
pub async fn create_and_delete(pass: &mut Pass<'_>) -> Result<(), Error> {
    for record in pass.records.clone() {
        let job = kube_job(pass, &record);
        match (job, is_started(&record)) {
            (None, true) => create(pass, &record).await?,
            (Some(job), is_started) if is_surplus(pass, &record, &job, is_started) => {
                let has_ended = sight::has_ended(&job);
                pass.ctx.cluster.delete_kube_job(&job, has_ended).await?;
                pass.look_again |= !has_ended;
            }
            (Some(job), true) if job.metadata.deletion_timestamp.is_some() => pass.look_again = true,
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
        .filter(|_| same && is_started(&live))
    else {
        pass.look_again = true;
        return Ok(());
    };
    let job = trial_job::trial_job(
        &pass.ctx.settings,
        &pass.checked.spec,
        &pass.checked.job,
        &live,
        &trial,
    );
    match pass.ctx.cluster.create_kube_job(&job).await {
        Ok(Created::New(_)) => Ok(()),
        Ok(Created::Existed) => {
            pass.look_again = true;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// A Job is of no use once its trial waits again or has ended; an ended one stays where `retain` says so.
fn is_surplus(pass: &Pass, record: &Record, job: &Job, is_started: bool) -> bool {
    if job.metadata.deletion_timestamp.is_some() {
        return false;
    }
    let attempt = sight::attempt_of(job);
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
    let timed_out = record.status.failure == Some(crate::api::TrialFailure::TimedOut);
    sight::has_ended(job) || !timed_out
}
