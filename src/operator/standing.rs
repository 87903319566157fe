//! How a job stands, as its status says it. Pure.
//!
//! Conditions follow kstatus: Reconciling while there is work to do, Stalled where only a person can help, Ready at the
//! end. Complete, Failed and Suspended are for people and `kubectl wait`.

use crate::api::{
    self, BestRecord, Condition, ConditionStatus, Fault, RecommendedRecord, TrialCounts, TuningJobStatus,
};
use crate::optimizer::Recommendation;
use crate::tuning::{ALL_COLLAPSED, Counts, EndReason, Ended, Job, Snapshot, Status, sentence};
use jiff::Timestamp;

/// What to say of a job beside its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Its spec can't be used.
    Invalid(String),
    /// It waits for another job or object.
    Waiting(String),
    /// A person has to mend something before its trials can go on.
    Stuck(String),
    /// Its trials wait for something that may come about by itself.
    Held(String),
    /// It works; a sentence, if some of its trials can't run.
    Working(Option<String>),
    /// It holds still.
    Suspended,
    /// It has ended.
    Ended(Ended),
}

/// The end that a status tells of, if the job has ended.
pub fn ended(status: &TuningJobStatus) -> Option<Ended> {
    let holds =
        |c: &&Condition| c.status == ConditionStatus::True && (c.type_ == "Complete" || c.type_ == "Failed");
    let condition = status.conditions.iter().find(holds)?;
    let reason = EndReason::ALL
        .into_iter()
        .find(|r| r.word() == condition.reason)?;
    Some(Ended {
        reason,
        message: condition.message.clone(),
    })
}

/// The faults of a spec as one sentence.
pub fn faults_sentence(faults: &[Fault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    sentence(&all.join("; "))
}

/// The numbers of a status: counts, best, progress.
pub fn numbers(previous: &TuningJobStatus, snapshot: &Snapshot, status: &Status) -> TuningJobStatus {
    let mut new = previous.clone();
    let (job, counts) = (&snapshot.job, &status.counts);
    new.trials = counts_record(counts);
    new.progress = Some(format!("{}/{}", counts.done(), job.budget.max_trials));
    new.gpu_hours = (status.gpu_hours * 1e4).round() / 1e4;
    new.best = status.best.and_then(|best| {
        let trial = snapshot.trials.iter().find(|t| t.index == best.index)?;
        let parameters = api::assignment(&job.space, &trial.point);
        Some(BestRecord {
            trial: job.name_of(trial),
            point: point_text(&parameters),
            parameters,
            value: best.value,
            value_text: value_text(best.value, best.is_collapsed),
            collapsed: best.is_collapsed,
        })
    });
    new
}

/// The point to use, if it can be written: JSON has no word for what is not finite.
pub fn recommended(job: &Job, found: &Recommendation, trials: u32) -> Option<RecommendedRecord> {
    let (mean, low, high) = (found.mean, found.low, found.high);
    let is_finite = [mean, low, high].iter().all(|v| v.is_finite());
    is_finite.then(|| RecommendedRecord {
        parameters: api::assignment(&job.space, &found.point),
        mean,
        low,
        high,
        trials,
    })
}

/// A point on one line, with four digits of each number.
pub fn point_text(parameters: &api::Assignment) -> String {
    let text = |value: &serde_json::Value| match value.as_f64() {
        Some(x) => number_text(x),
        None => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    };
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    sentence(&pairs.join(" "))
}

fn number_text(x: f64) -> String {
    match x {
        x if x != 0.0 && !(1e-3..1e6).contains(&x.abs()) => format!("{x:.3e}"),
        x => format!("{}", (x * 1e4).round() / 1e4),
    }
}

/// A value of the objective for a table, which has no other place to say that it means nothing.
pub fn value_text(value: f64, is_collapsed: bool) -> String {
    let word = if is_collapsed { " collapsed" } else { "" };
    format!("{}{word}", number_text(value))
}

fn counts_record(counts: &Counts) -> TrialCounts {
    TrialCounts {
        total: counts.total,
        queued: counts.queued,
        running: counts.running,
        succeeded: counts.succeeded,
        early_stopped: counts.early_stopped,
        failed: counts.failed,
        cancelled: counts.cancelled,
    }
}

/// Phase, message and conditions.
pub fn stand(status: &mut TuningJobStatus, standing: &Standing, generation: Option<i64>, now: Timestamp) {
    use ConditionStatus::{False, True};
    let (phase, reason, message) = words(standing, status);
    let at_end = matches!(standing, Standing::Ended(_));
    let good_end = matches!(standing, Standing::Ended(e) if e.reason.is_success());
    let bad_end = at_end && !good_end;
    let stalled = bad_end || matches!(standing, Standing::Invalid(_) | Standing::Stuck(_));
    let working = matches!(
        standing,
        Standing::Working(_) | Standing::Waiting(_) | Standing::Held(_)
    );
    let says = [
        ("Ready", good_end),
        ("Reconciling", working),
        ("Stalled", stalled),
        ("Complete", good_end),
        ("Failed", bad_end),
        ("Suspended", matches!(standing, Standing::Suspended)),
    ];
    let earlier = std::mem::take(&mut status.conditions);
    let condition = |(type_, holds): (&str, bool)| {
        let condition = Condition {
            type_: type_.to_owned(),
            status: if holds { True } else { False },
            reason: reason.to_owned(),
            message: message.clone(),
            last_transition_time: now,
            observed_generation: generation,
        };
        condition.since(&earlier)
    };
    status.conditions = says.map(condition).into();
    status.observed_generation = generation;
    status.phase = Some(phase.into());
    status.message = message;
    status.completion_time = at_end.then(|| status.completion_time.unwrap_or(now));
}

fn words(standing: &Standing, status: &TuningJobStatus) -> (&'static str, &'static str, String) {
    match standing {
        Standing::Invalid(why) => ("Stalled", "InvalidSpec", why.clone()),
        Standing::Waiting(why) => ("Pending", "Waiting", why.clone()),
        Standing::Stuck(why) => ("Stalled", "TrialsCannotRun", why.clone()),
        Standing::Suspended => ("Suspended", "Suspended", "spec.suspend is true".into()),
        Standing::Ended(end) => {
            let phase = if end.reason.is_success() {
                "Complete"
            } else {
                "Failed"
            };
            (phase, end.reason.word(), end.message.clone())
        }
        Standing::Held(why) => {
            let trials = &status.trials;
            let has_begun = trials.succeeded + trials.early_stopped + trials.failed > 0;
            let phase = if has_begun { "Running" } else { "Pending" };
            (phase, "TrialsWaiting", why.clone())
        }
        Standing::Working(trouble) => {
            let progress = status.progress.clone().unwrap_or_default();
            let trouble = trouble.as_ref().map(|why| format!("; {why}"));
            let doubt = status.best.as_ref().filter(|best| best.collapsed);
            let doubt = doubt.map(|_| format!("; {ALL_COLLAPSED}"));
            let notes = [doubt, trouble].into_iter().flatten().collect::<String>();
            (
                "Running",
                "TrialsRunning",
                format!("{progress} trials done{notes}"),
            )
        }
    }
}

/// The clock of `maxDuration`: it runs while the job is neither suspended nor at its end.
pub fn keep_time(status: &mut TuningJobStatus, active: bool, now: Timestamp) {
    match (active, status.active_since) {
        (true, None) => status.active_since = Some(now),
        (false, Some(since)) => {
            status.active_seconds += now.duration_since(since).as_secs_f64().max(0.0);
            status.active_since = None;
        }
        _ => {}
    }
}
