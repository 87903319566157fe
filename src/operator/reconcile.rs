//! One pass over one TuningJob: observe, decide, apply.

use super::checkpoints;
use super::cluster::is_conflict;
use super::conditions::{self, JobState};
use super::context::Context;
use super::error::Error;
use super::kube_jobs;
use super::observe::{observe, stop_scraping};
use super::pass::Pass;
use super::placement::affinity;
use super::record::Record;
use super::settings::Settings;
use super::status;
use super::waiting::{self, Trouble};
use crate::api::{self, Checked, Fault, TrialPhase, TuningJobStatus};
use crate::tuning::{Plan, Question, Snapshot, decide_with, sentence, stuck};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most rounds of deciding in one pass; what is left over is done in the next.
const MAX_ROUNDS: usize = 6;
/// How a trial goes on that nodes would not run so often that only a person can help.
const CURE: &str = "once the cause is mended, set spec.suspend to true and back to false to go on";
/// Wait before another look where something else has to happen first, such as a deletion.
const SOON: Duration = Duration::from_secs(2);
/// Wait before another look at a job of which there is no news: whatever a watch may have missed is found then.
const RESYNC: Duration = Duration::from_secs(600);
/// Wait before another look where something keeps trials from running, of which no watch may tell.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Looks at a job and does what is to be done.
pub async fn reconcile(object: Arc<DynamicObject>, ctx: Arc<Context>) -> Result<Action, Error> {
    match pass(&object, &ctx).await {
        // Someone else has written first: what was decided is out of date, and the watch brings what is new.
        Err(Error::Kube(error)) if is_conflict(&error) => Ok(Action::requeue(Duration::from_millis(500))),
        other => other,
    }
}

async fn pass(object: &DynamicObject, ctx: &Context) -> Result<Action, Error> {
    if object.metadata.deletion_timestamp.is_some() {
        let owner = (object.namespace().unwrap_or_default(), object.name_any());
        ctx.scrapers.keep(&owner, &[]);
        return checkpoints::on_deletion(ctx, object).await;
    }
    let owner = (object.namespace().unwrap_or_default(), object.name_any());
    let previous = object.data.get("status").cloned().unwrap_or_default();
    let previous: TuningJobStatus = serde_json::from_value(previous).unwrap_or_default();
    let checked = match check(object, &ctx.settings) {
        Ok(checked) => checked,
        Err(faults) => return refuse(ctx, object, previous, &faults).await,
    };
    let mut pass = Pass {
        ctx,
        owner,
        object: object.clone(),
        checked,
        status: previous.clone(),
        written: previous,
        records: Vec::new(),
        look_again: false,
        refused: None,
    };
    if !pass.hold_checkpoints().await? {
        return Ok(Action::requeue(SOON));
    }
    let objects = ctx.stores.trials.of(&pass.owner);
    let (unreadable, newcomers) = pass.load(objects.iter().map(|o| DynamicObject::clone(o)));
    if let Some(action) = pass.acknowledge().await? {
        return Ok(action);
    }
    if !pass.adopt(newcomers).await? {
        return Ok(Action::requeue(SOON));
    }
    let observed = observe(&pass).await?;
    let trouble = pass.transition(&observed).await?;
    let wake_in = pass.advance().await?;
    stop_scraping(&pass, &observed);
    kube_jobs::create_and_delete(&mut pass).await?;
    let lasting = unreadable.or_else(|| pass.stuck()).map(Trouble::lasting);
    let waiting = trouble.map(Trouble::passing);
    let trouble = lasting.or(pass.refused.take()).or(waiting);
    let tries_again = trouble.as_ref().map(|_| TRY_AGAIN);
    let patience = pass.conclude(trouble).await?;
    let cleans = pass.clean_up().await?;
    let lives = pass.time_to_live(Timestamp::now());
    if lives.is_some_and(|left| !left.is_positive()) {
        ctx.cluster.delete_job(&pass.object).await?;
        return Ok(Action::await_change());
    }
    let looks = observed.iter().filter_map(|o| o.attempt.look_again);
    let times = [wake_in, lives, cleans, patience, tries_again];
    Ok(pass.next_look(times.into_iter().flatten().chain(looks).min()))
}

/// The manifest's own check, and what only a cluster refuses.
fn check(object: &DynamicObject, settings: &Settings) -> Result<Checked, Vec<Fault>> {
    let manifest = serde_json::json!({
        "apiVersion": format!("{}/{}", api::GROUP, api::VERSION),
        "kind": api::KIND,
        "metadata": {"name": object.name_any()},
        "spec": object.data.get("spec").cloned().unwrap_or_default(),
    });
    let mut checked = api::check(&manifest)?;
    checked.job.retry = settings.retry;
    let trial = &checked.spec.trial;
    let mut faults = Vec::new();
    if trial.command.is_some() {
        let message = "programs of one machine can't run on a cluster: use container";
        faults.push(Fault::new("spec.trial.command", message));
    }
    if let Some(Err(why)) = trial.affinity.as_ref().map(affinity) {
        faults.push(Fault::new("spec.trial.affinity", why));
    }
    let asks = checked
        .spec
        .metrics
        .as_ref()
        .is_some_and(|m| m.prom_query.is_some());
    if asks && settings.prometheus.is_none() {
        let message = "this operator was told no Prometheus server: set its --prometheus-url (prometheusUrl in the chart), \
                       or use prometheus or logs";
        faults.push(Fault::new("spec.metrics.promQuery", message));
    }
    if faults.is_empty() {
        Ok(checked)
    } else {
        Err(faults)
    }
}

async fn refuse(
    ctx: &Context,
    object: &DynamicObject,
    previous: TuningJobStatus,
    faults: &[Fault],
) -> Result<Action, Error> {
    let sentence = conditions::faults_sentence(faults);
    let mut status = previous.clone();
    let state = JobState::Invalid(sentence.clone());
    conditions::set(&mut status, &state, object.metadata.generation, Timestamp::now());
    if status != previous {
        ctx.cluster.write_job_status(object, &status).await?;
        ctx.events
            .warning(object, "InvalidSpec", "Validate", &sentence)
            .await;
    }
    Ok(Action::requeue(RESYNC))
}

impl Pass<'_> {
    /// Decides and carries out, until nothing is left to do; the answer is when to look again even without news.
    async fn advance(&mut self) -> Result<Option<SignedDuration>, Error> {
        let mut wake_in = None;
        for _ in 0..MAX_ROUNDS {
            let now = Timestamp::now();
            let is_over = conditions::recorded_end(&self.status).is_some();
            status::keep_time(&mut self.status, !is_over && !self.checked.job.suspend, now);
            let begin = Instant::now();
            let snapshot = self.snapshot(now);
            let plan = self.plan(&snapshot, now).await?;
            self.ctx.telemetry.decided(begin.elapsed());
            self.status = status::numbers(&self.status, &snapshot, &plan.status);
            let model = self
                .status
                .best
                .as_ref()
                .and_then(|best| self.model_of(&best.trial));
            if let Some(best) = &mut self.status.best {
                best.model = model;
            }
            self.advise(&snapshot, now).await?;
            wake_in = plan.wake_in;
            if plan.actions.is_empty() {
                break;
            }
            for step in plan.actions {
                if !self.carry_out(step, now).await? {
                    self.look_again = true;
                    return Ok(wake_in);
                }
            }
        }
        Ok(wake_in)
    }

    /// What to do now; without the proposals that are still being thought out.
    async fn plan(&self, snapshot: &Snapshot, now: Timestamp) -> Result<Plan, Error> {
        let mut due = None;
        let plan = decide_with(snapshot, now, |n| {
            due = Some(n);
            None
        });
        let Some(n) = due else { return Ok(plan) };
        let question = Question::next(snapshot, n);
        let proposals = self.ctx.thinker.next(&self.owner, question).await?;
        Ok(match proposals {
            Some(proposals) => decide_with(snapshot, now, |_| Some(proposals)),
            None => plan,
        })
    }

    /// The point to use, and whether a range may be too narrow. The model is asked only when it has something new to learn from.
    async fn advise(&mut self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Error> {
        let trials = &self.status.trials;
        let n_finished = trials.succeeded + trials.early_stopped + trials.failed;
        let learned_from = self.status.recommended.as_ref().map(|r| r.trials);
        if learned_from == Some(n_finished) {
            if conditions::recorded_end(&self.status).is_some() {
                // Nobody will ask again.
                self.ctx.thinker.forget(&self.owner);
            }
            return Ok(());
        }
        let question = Question::best(snapshot);
        let found = self.ctx.thinker.best(&self.owner, question).await?;
        if let Some(advice) = found {
            let job = &self.checked.job;
            let record = |r| status::recommended(job, &r, n_finished);
            self.status.recommended = advice.recommendation.and_then(record);
            let generation = self.object.metadata.generation;
            conditions::set_range(&mut self.status, job, advice.ends.as_deref(), generation, now);
        }
        Ok(())
    }

    /// How the job stands now, and when that changes by time alone.
    fn state(&mut self, trouble: Option<Trouble>, now: Timestamp) -> (JobState, Option<SignedDuration>) {
        let runs = self.records.iter().any(|r| r.status.phase == TrialPhase::Running);
        let ended = conditions::recorded_end(&self.status);
        if let (None, Some(trouble), false) = (&ended, &trouble, runs) {
            let patience = self.ctx.settings.stalled_after;
            return waiting::state(&mut self.status, trouble, patience, now);
        }
        self.status.waiting_since = None;
        let state = match ended {
            Some(end) => JobState::Ended(end),
            None if self.checked.job.suspend => JobState::Suspended,
            None => {
                let why = trouble.map(|t| t.why);
                let why = why.or_else(|| self.waits().filter(|_| !runs));
                JobState::Working(why.map(|why| sentence(&why)))
            }
        };
        (state, None)
    }

    /// Says how the job stands now; the answer is when that changes by time alone.
    async fn conclude(&mut self, trouble: Option<Trouble>) -> Result<Option<SignedDuration>, Error> {
        let now = Timestamp::now();
        let (state, patience) = self.state(trouble, now);
        let was_stuck = self.written.phase.as_deref() == Some("Stalled");
        conditions::set(&mut self.status, &state, self.object.metadata.generation, now);
        self.write_status().await?;
        if let (JobState::Stuck(why), false) = (&state, was_stuck) {
            self.ctx
                .events
                .warning(&self.object, "TrialsCannotRun", "Run", why)
                .await;
        }
        Ok(patience)
    }

    /// What a trial waits for that is nobody's business, such as its turn in a queue.
    fn waits(&self) -> Option<String> {
        let waits = |r: &&Record| r.status.phase == TrialPhase::Pending && !r.status.message.is_empty();
        let record = self.records.iter().find(waits)?;
        Some(format!("{}: {}", record.name(), record.status.message))
    }

    /// A trial that nodes would not run.
    fn stuck(&self) -> Option<String> {
        let job = &self.checked.job;
        self.records.iter().find_map(|record| {
            let trial = record.trial(&job.space)?;
            let why = stuck(job, &trial)?;
            Some(format!("{}: {why}; {CURE}", record.name()))
        })
    }

    fn next_look(&self, wake_in: Option<SignedDuration>) -> Action {
        let deadline = wake_in.and_then(|d| Duration::try_from(d).ok());
        let soon = self.look_again.then_some(SOON);
        match deadline.into_iter().chain(soon).min() {
            Some(wait) => Action::requeue(wait.max(Duration::from_millis(100))),
            None => Action::requeue(RESYNC),
        }
    }

    /// What `ttlSecondsAfterFinished` leaves of the job's time; `None` where it stays.
    fn time_to_live(&self, now: Timestamp) -> Option<SignedDuration> {
        let ttl = SignedDuration::from_secs(i64::from(self.checked.spec.ttl_seconds_after_finished?));
        Some(self.status.completion_time? + ttl).map(|end| end.duration_since(now))
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
