//! Keeps a job's checkpoints for as long as they are needed, and removes them then.
//!
//! A finalizer holds a job that is being deleted until its trials' pods are gone and a pod of the operator's own has
//! removed the job's folder. All of it is done as well as can be: what is refused, or takes too long, is said in an event
//! with the folder's name, and the job goes without it.

use super::apply::owner_reference;
use super::attempt_state;
use super::checkpoint_folder;
use super::cleaner::{self, Cleaner, Progress};
use super::cleanup::{self, MAX_KEPT, Purpose};
use super::cleanup_job::Whose;
use super::conditions;
use super::context::Context;
use super::error::Error;
use super::pass::Pass;
use super::stores::Owner;
use crate::api::{self, Retain, TrialSpec};
use crate::tuning::{bar_for_models, best_models};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;

/// Finalizer of a job whose checkpoints outlive its pods.
pub const FINALIZER: &str = "tuning-operator.io/checkpoints";
/// Finalizer of what is deleted while what belongs to it stays.
const ORPHAN: &str = "orphan";

impl Pass<'_> {
    /// Before a job is taken up or goes on: holds it, so that its checkpoints can be removed when it is deleted, and calls
    /// off what still removes those of an earlier end. False where that takes a moment.
    pub async fn hold_checkpoints(&mut self) -> Result<bool, Error> {
        if cleanup::volume(&self.checked.spec.trial).is_none() {
            return Ok(true);
        }
        if !self.object.finalizers().iter().any(|f| f == FINALIZER) {
            let mut finalizers = self.object.finalizers().to_vec();
            finalizers.push(FINALIZER.into());
            self.object = self.ctx.cluster.set_finalizers(&self.object, &finalizers).await?;
            self.ctx.remember_write(&self.owner, &self.object);
        }
        let goes_on = self.status.start_time.is_some()
            && self.status.observed_generation != self.object.metadata.generation;
        if !goes_on {
            return Ok(true);
        }
        // Not from the watch: a cleanup that begins late would take the folders of new trials.
        let jobs = cleaner::jobs_of(self.ctx, &self.owner).await?;
        let uid = self.object.uid().unwrap_or_default();
        let at_work = jobs.iter().find(|j| {
            j.name_any() == cleanup::name(&self.owner.1)
                && cleanup::is_of(j, &uid)
                && !attempt_state::has_ended(j)
        });
        if let Some(job) = at_work {
            if job.metadata.deletion_timestamp.is_none() {
                self.ctx.cluster.delete_kube_job(job, false).await?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Once a job has ended: removes the checkpoints that `retain` does not keep. The answer is when to look again.
    pub async fn clean_up(&mut self) -> Result<Option<SignedDuration>, Error> {
        let generation = self.object.metadata.generation.unwrap_or_default();
        let is_done = self.status.checkpoints_cleaned_generation == Some(generation);
        if is_done || conditions::recorded_end(&self.status).is_none() {
            return Ok(None);
        }
        let Some(mut keep) = cleanup::kept(&self.records, self.checked.spec.retain, &self.models()) else {
            return Ok(None);
        };
        keep.extend(self.unreadable_folders());
        let cleaner = Cleaner {
            ctx: self.ctx,
            owner: &self.owner,
            object: &self.object,
            whose: Whose {
                trial: &self.checked.spec.trial,
                namespace: &self.owner.0,
                owner: owner_reference(&self.object),
            },
            purpose: Purpose::End(generation),
        };
        let progress = match cleanup::volume(cleaner.whose.trial) {
            None => return Ok(None),
            Some(_) if keep.len() > MAX_KEPT => Progress::GivenUp(format!(
                "{} folders are to be kept: that is too many to tell apart",
                keep.len()
            )),
            Some(_) => {
                let since = self.status.completion_time.unwrap_or_else(Timestamp::now);
                cleaner.advance(&keep, since).await?
            }
        };
        match progress {
            Progress::Wait(wait) => return Ok(SignedDuration::try_from(wait).ok()),
            Progress::GivenUp(why) => cleaner.say_left(&why).await,
            Progress::Over => {}
        }
        self.status.checkpoints_cleaned_generation = Some(generation);
        self.write_status().await?;
        Ok(None)
    }

    /// How many models stay, where trials keep any.
    fn n_models(&self) -> Option<usize> {
        self.checked.spec.trial.bert.as_ref()?.n_models()
    }

    /// The trials whose models stay.
    fn models(&self) -> Vec<u32> {
        let n = self.n_models();
        n.map_or_else(Vec::new, |n| best_models(&self.snapshot(Timestamp::now()), n))
    }

    /// What the model of a new trial has to beat to be one that stays.
    pub fn bar(&self) -> Option<f64> {
        let n = self
            .n_models()
            .filter(|_| self.checked.spec.retain != Some(Retain::All))?;
        bar_for_models(&self.snapshot(Timestamp::now()), n)
    }

    /// Where the model of a trial is on the volume that keeps it.
    pub fn model_of(&self, trial: &str) -> Option<String> {
        self.n_models()?;
        cleanup::volume(&self.checked.spec.trial)?;
        let record = self.records.iter().find(|r| r.name() == trial)?;
        let number = checkpoint_folder::number(&record.status);
        let folder = checkpoint_folder::sub_path(&self.checked.job.name, &record.object, number);
        Some(format!("{folder}/{}", checkpoint_folder::MODEL))
    }

    /// Folders of trials that this operator can't read: nobody knows whether they are needed.
    fn unreadable_folders(&self) -> Vec<String> {
        let uid = self.object.uid();
        let trials = self.ctx.stores.trials.of(&self.owner);
        let ours = trials
            .iter()
            .filter(|t| t.owner_references().iter().any(|o| Some(&o.uid) == uid.as_ref()));
        let is_read = |trial: &DynamicObject| self.records.iter().any(|r| r.object.uid() == trial.uid());
        ours.filter(|t| !is_read(t))
            .map(|t| checkpoint_folder::of_trial(t, 0))
            .collect()
    }
}

/// A job is being deleted: once its trials' pods are gone its checkpoints are removed, and then it may go.
pub async fn on_deletion(ctx: &Context, object: &DynamicObject) -> Result<Action, Error> {
    if !object.finalizers().iter().any(|f| f == FINALIZER) {
        // All that belongs to it goes with it: the garbage collector follows the owner references.
        return Ok(Action::await_change());
    }
    let owner = (object.namespace().unwrap_or_default(), object.name_any());
    let trial = object.data.pointer("/spec/trial").cloned().unwrap_or_default();
    let trial: TrialSpec = serde_json::from_value(trial).unwrap_or_default();
    if cleanup::volume(&trial).is_some() && !is_orphaning(ctx, &owner, object).await? {
        let cleaner = Cleaner {
            ctx,
            owner: &owner,
            object,
            whose: Whose {
                trial: &trial,
                namespace: &owner.0,
                owner: owner_reference(object),
            },
            purpose: Purpose::Deletion,
        };
        match cleaner.empty().await? {
            Progress::Wait(wait) => return Ok(Action::requeue(wait)),
            Progress::GivenUp(why) => cleaner.say_left(&why).await,
            Progress::Over => {}
        }
    }
    let others: Vec<String> = object
        .finalizers()
        .iter()
        .filter(|f| *f != FINALIZER)
        .cloned()
        .collect();
    let released = ctx.cluster.set_finalizers(object, &others).await?;
    ctx.remember_write(&owner, &released);
    Ok(Action::await_change())
}

/// Whether what belongs to a job is to stay (`kubectl delete --cascade=orphan`). Where the garbage collector was faster, the
/// operator's own trials have no owner any more: it frees all of them before it takes its finalizer away. A watch may not
/// have told of that yet.
async fn is_orphaning(ctx: &Context, owner: &Owner, object: &DynamicObject) -> Result<bool, Error> {
    if object.finalizers().iter().any(|f| f == ORPHAN) {
        return Ok(true);
    }
    let is_numbered = |trial: &DynamicObject| {
        let told = |pointer: &str| trial.data.pointer(pointer).is_some();
        told("/spec/index") || told("/status/index")
    };
    let trials = ctx.stores.trials.of(owner);
    let Some(any) = trials.iter().find(|t| is_numbered(t)) else {
        return Ok(false);
    };
    let live = ctx.cluster.trial(&owner.0, &any.name_any()).await?;
    let is_owned = |trial: DynamicObject| trial.owner_references().iter().any(|o| o.kind == api::KIND);
    Ok(live.is_some_and(|trial| !is_owned(trial)))
}
