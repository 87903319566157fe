//! How far is it, and how long still?

use super::RunView;
use crate::tuning::{Phase, Trial};
use jiff::{SignedDuration, Timestamp};

/// Part of its steps that a trial must have made before they tell its pace: earlier, its start-up weighs too much.
const SOONEST: f64 = 0.05;

/// Time until a running trial is done, if it says how many of its steps it has made and these are a few already.
pub fn trial_eta(trial: &Trial, now: Timestamp) -> Option<SignedDuration> {
    let fraction = trial_fraction(trial).filter(|f| *f >= SOONEST)?;
    (trial.phase == Phase::Running).then(|| scaled(trial.duration(now), (1.0 - fraction) / fraction))
}

/// Part of the trial budget that is done, in `[0, 1]`; running trials count by the steps they have made.
pub fn job_fraction(view: &RunView) -> f64 {
    let done = f64::from(view.status.counts.done());
    let under_way: f64 = running(view).filter_map(trial_fraction).sum();
    ((done + under_way) / f64::from(view.snapshot.job.budget.max_trials.max(1))).clamp(0.0, 1.0)
}

/// Time until the trial budget is spent, if trials go on as long as they did and never wait; the job's time limit may
/// come first. `None` before the first trial shows how long one takes, and while the job is at rest.
pub fn job_eta(view: &RunView) -> Option<SignedDuration> {
    let (job, counts) = (&view.snapshot.job, &view.status.counts);
    if view.status.ended.is_some() || view.status.suspended {
        return None;
    }
    let per_trial = trial_duration(view)?;
    let left = |t: &Trial| {
        let rest = (per_trial - t.duration(view.now)).max(SignedDuration::ZERO);
        trial_eta(t, view.now).unwrap_or(rest)
    };
    let n_to_come = job
        .budget
        .max_trials
        .saturating_sub(counts.done() + counts.running);
    let under_way: SignedDuration = running(view).map(left).sum();
    let work = scaled(per_trial, f64::from(n_to_come)) + under_way;
    let eta = scaled(work, 1.0 / f64::from(job.budget.parallel.max(1)));
    // Without anything to come, the trial that ends last decides.
    let eta = eta.max(running(view).map(left).max().unwrap_or_default());
    let limit = job
        .budget
        .max_duration
        .map(|limit| (limit - view.snapshot.active).max(SignedDuration::ZERO));
    Some(limit.map_or(eta, |limit| limit.min(eta)))
}

/// Mean duration of the trials that succeeded; before there is one, what the running ones will take.
fn trial_duration(view: &RunView) -> Option<SignedDuration> {
    let succeeded = view
        .snapshot
        .trials
        .iter()
        .filter(|t| t.phase == Phase::Succeeded);
    let durations: Vec<_> = succeeded.map(|t| t.duration(view.now)).collect();
    let expected = || {
        running(view)
            .filter_map(|t| Some(t.duration(view.now) + trial_eta(t, view.now)?))
            .collect()
    };
    let durations: Vec<SignedDuration> = if durations.is_empty() {
        expected()
    } else {
        durations
    };
    let n = i32::try_from(durations.len()).ok().filter(|n| *n > 0)?;
    Some(durations.iter().sum::<SignedDuration>() / n)
}

/// Part of a trial's steps that are made, in `[0, 1]`.
fn trial_fraction(trial: &Trial) -> Option<f64> {
    let (step, total) = (trial.progress.step?, trial.progress.total_steps?);
    (total > 0).then(|| (step as f64 / total as f64).min(1.0))
}

fn running(view: &RunView) -> impl Iterator<Item = &Trial> {
    view.snapshot.trials.iter().filter(|t| t.phase == Phase::Running)
}

fn scaled(d: SignedDuration, factor: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(d.as_secs_f64() * factor).unwrap_or(SignedDuration::MAX)
}
