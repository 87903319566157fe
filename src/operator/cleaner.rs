//! Brings the removal of a job's checkpoints one step further.

use super::attempt_state::{self, time};
use super::cleanup::{self, AttemptView, Purpose};
use super::cleanup_job::{self, Whose};
use super::cluster::Created;
use super::context::Context;
use super::error::Error;
use super::stores::Owner;
use super::{JOB_LABEL, TRIAL_LABEL, checkpoint_folder};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DynamicObject;
use std::time::Duration;

/// Wait before another look where the API server has to be asked.
const SOON: Duration = Duration::from_secs(2);
/// Longest wait for news that a watch should bring.
const LONG: Duration = Duration::from_secs(10);

/// What becomes of a cleanup.
#[derive(Debug)]
pub enum Progress {
    /// It is over.
    Over,
    /// It is over without having done all; the sentence says why.
    GivenUp(String),
    /// Look again then at the latest.
    Wait(Duration),
}

/// What a cleanup is about.
pub struct Cleaner<'a> {
    /// What every reconciliation works with.
    pub ctx: &'a Context,
    /// The job's namespace and name.
    pub owner: &'a Owner,
    /// The job.
    pub object: &'a DynamicObject,
    /// Where its checkpoints are.
    pub whose: Whose<'a>,
    /// Why they go.
    pub purpose: Purpose,
}

/// Jobs that belong to a job, as they are now.
pub async fn jobs_of(ctx: &Context, owner: &Owner) -> Result<Vec<Job>, Error> {
    Ok(ctx
        .cluster
        .kube_jobs(&owner.0, &format!("{JOB_LABEL}={}", owner.1))
        .await?)
}

/// Whether a Job is an attempt at a trial.
fn is_of_trial(job: &Job) -> bool {
    job.labels().contains_key(TRIAL_LABEL) && job.owner_references().iter().any(|o| o.kind == "Trial")
}

/// What was asked to go, when.
fn asked(meta: &kube::api::ObjectMeta) -> Option<Timestamp> {
    meta.deletion_timestamp.as_ref().map(time)
}

impl Cleaner<'_> {
    /// Takes the trials' pods away, and then all of the job's checkpoints.
    pub async fn empty(&self) -> Result<Progress, Error> {
        let (mut jobs, mut pods) = self.known();
        if !self.has_trials(&jobs, &pods) && !jobs.iter().any(|j| self.is_named(j)) {
            // Not from the watch: what it has not told yet may still write.
            (jobs, pods) = self.live().await?;
        }
        if !self.has_trials(&jobs, &pods) {
            let since = asked(&self.object.metadata).unwrap_or_else(Timestamp::now);
            return self.follow(&jobs, &pods, &[], since).await;
        }
        let of_trials = jobs.iter().filter(|j| is_of_trial(j));
        let mut asked_last = asked(&self.object.metadata);
        for job in of_trials {
            match asked(&job.metadata) {
                Some(at) => asked_last = asked_last.max(Some(at)),
                None => {
                    // Whole only when its pods are gone.
                    self.ctx.cluster.delete_kube_job(job, false).await?;
                    asked_last = asked_last.max(Some(Timestamp::now()));
                }
            }
        }
        let stopping = pods.iter().filter_map(|p| asked(&p.metadata)).max();
        let since = asked_last.max(stopping).unwrap_or_else(Timestamp::now);
        let left = cleanup::until(since, self.ctx.settings.cleanup_patience, Timestamp::now());
        match left.is_positive() {
            true => Ok(Progress::Wait(shortest(left))),
            false => Ok(Progress::GivenUp(
                "pods of its trials do not go, and may still write".into(),
            )),
        }
    }

    /// Removes all but these folders, once no pod of a trial writes any more.
    pub async fn advance(&self, keep: &[String], since: Timestamp) -> Result<Progress, Error> {
        let (mut jobs, mut pods) = self.known();
        if !self.is_busy(&jobs, &pods) && !jobs.iter().any(|j| self.is_named(j)) {
            (jobs, pods) = self.live().await?;
        }
        if self.is_busy(&jobs, &pods) {
            return Ok(Progress::Wait(LONG));
        }
        self.follow(&jobs, &pods, keep, since).await
    }

    /// Brings the cleanup one step further; `since` is when it could have begun.
    async fn follow(
        &self,
        jobs: &[Job],
        pods: &[Pod],
        keep: &[String],
        since: Timestamp,
    ) -> Result<Progress, Error> {
        let job = jobs.iter().find(|j| self.is_named(j));
        let (patience, now) = (self.ctx.settings.cleanup_patience, Timestamp::now());
        let seen = cleanup::observe(job, pods, &self.whose.owner.uid, &self.purpose, patience, now);
        match (seen, job) {
            (AttemptView::Done, _) => Ok(Progress::Over),
            (AttemptView::Failed(why), _) => Ok(Progress::GivenUp(why)),
            (AttemptView::Works(left), _) => Ok(Progress::Wait(shortest(left))),
            (AttemptView::Going | AttemptView::Foreign, _) => {
                let going = job.and_then(|j| asked(&j.metadata));
                match cleanup::until(going.map_or(since, |at| at.max(since)), patience, now) {
                    left if left.is_positive() => Ok(Progress::Wait(shortest(left).min(SOON))),
                    _ => {
                        let name = cleanup::name(&self.owner.1);
                        Ok(Progress::GivenUp(format!(
                            "an earlier Job or another's, {name}, is in the way"
                        )))
                    }
                }
            }
            (AttemptView::Other, Some(job)) => {
                self.ctx
                    .cluster
                    .delete_kube_job(job, attempt_state::has_ended(job))
                    .await?;
                Ok(Progress::Wait(SOON))
            }
            (AttemptView::Absent | AttemptView::Other, _) => self.begin(keep, since).await,
        }
    }

    async fn begin(&self, keep: &[String], since: Timestamp) -> Result<Progress, Error> {
        let settings = &self.ctx.settings;
        let Some(job) = cleanup_job::job(settings, &self.whose, &self.purpose, keep) else {
            return Ok(Progress::Over);
        };
        match self.ctx.cluster.create_kube_job(&job).await {
            Ok(Created::New(_)) => Ok(Progress::Wait(LONG)),
            Ok(Created::Existed) => Ok(Progress::Wait(SOON)),
            Err(kube::Error::Api(status))
                if (400..500).contains(&status.code) && !matches!(status.code, 409 | 429) =>
            {
                Ok(Progress::GivenUp(status.message))
            }
            Err(kube::Error::Api(status))
                if !cleanup::until(since, settings.cleanup_patience * 2, Timestamp::now()).is_positive() =>
            {
                Ok(Progress::GivenUp(status.message))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Says what is left, and why.
    pub async fn say_left(&self, why: &str) {
        let folder = checkpoint_folder::of_job(&self.owner.1, &self.whose.owner.uid);
        let claim = cleanup::volume(self.whose.trial).and_then(|v| v.persistent_volume_claim.as_ref());
        let note = format!(
            "checkpoints are left in {}/{folder} of the claim {}: {why}",
            checkpoint_folder::ALL_JOBS,
            claim.map(|c| c.claim_name.as_str()).unwrap_or_default(),
        );
        // Events of the same reason and action are taken for one event, with the first one's words.
        let action = match self.purpose {
            Purpose::End(_) => "CleanUp",
            Purpose::Deletion => "Delete",
        };
        self.ctx
            .events
            .warning(self.object, "CheckpointsLeft", action, &note)
            .await;
    }

    /// Jobs and pods as the watches last told.
    fn known(&self) -> (Vec<Job>, Vec<Pod>) {
        let (jobs, pods) = (
            self.ctx.stores.kube_jobs.of(self.owner),
            self.ctx.stores.pods.of(self.owner),
        );
        (
            jobs.iter().map(|j| Job::clone(j)).collect(),
            pods.iter().map(|p| Pod::clone(p)).collect(),
        )
    }

    async fn live(&self) -> Result<(Vec<Job>, Vec<Pod>), Error> {
        let label = format!("{JOB_LABEL}={}", self.owner.1);
        let pods = self.ctx.cluster.pods(&self.owner.0, &label).await?;
        Ok((jobs_of(self.ctx, self.owner).await?, pods))
    }

    fn is_named(&self, job: &Job) -> bool {
        job.name_any() == cleanup::name(&self.owner.1)
    }

    fn has_trials(&self, jobs: &[Job], pods: &[Pod]) -> bool {
        jobs.iter().any(is_of_trial) || pods.iter().any(|p| p.labels().contains_key(TRIAL_LABEL))
    }

    /// Whether a pod of a trial may still write.
    fn is_busy(&self, jobs: &[Job], pods: &[Pod]) -> bool {
        let writes = |p: &Pod| p.labels().contains_key(TRIAL_LABEL) && !attempt_state::is_over(p);
        let works = |j: &Job| is_of_trial(j) && !attempt_state::has_ended(j);
        jobs.iter().any(works) || pods.iter().any(writes)
    }
}

/// A wait that ends when the time is up, and that does not rely on news alone.
fn shortest(left: SignedDuration) -> Duration {
    let left = Duration::try_from(left).unwrap_or(LONG);
    left.clamp(Duration::from_millis(100), LONG)
}
