//! Snapshot and time to plan.
//!
//! Level-triggered: the plan follows from what is, not from what happened. Carrying out a plan and deciding again ends in
//! an empty plan, so a shell may decide as often as it likes, and a shell that died half-way just decides again.

use super::convergence::converged;
use super::early_stopping::lags_behind;
use super::propose::next_index;
use super::retry::may_start;
use super::stopping::{check_end, judged};
use super::{
    Action, Counts, EndReason, Ended, MedianStop, Phase, Plan, Snapshot, StopReason, Trial, propose, status,
};
use crate::optimizer::Proposal;
use jiff::{SignedDuration, Timestamp};

/// What to do now.
pub fn decide(snapshot: &Snapshot, now: Timestamp) -> Plan {
    decide_with(snapshot, now, |n| Some(propose(snapshot, n)))
}

/// What to do now, where proposals are somebody else's: it is asked for this many where new trials are due, and where it has
/// none yet (`None`), everything else is decided.
pub fn decide_with(
    snapshot: &Snapshot,
    now: Timestamp,
    proposals: impl FnOnce(u32) -> Option<Vec<Proposal>>,
) -> Plan {
    let status = status(snapshot, now);
    let plan = |actions, wake_in| Plan {
        actions,
        status: status.clone(),
        wake_in,
    };
    if let Some(end) = &snapshot.ended {
        // What is mended may go on: its trials wait instead of being given up.
        let actions = if end.reason.waits_to_be_mended() {
            stop_running(snapshot)
        } else {
            stop_all(snapshot)
        };
        return plan(actions, None);
    }
    if let Some(end) = check_end(snapshot, now) {
        return plan(vec![Action::End(end)], None);
    }
    if snapshot.job.suspend {
        return plan(stop_running(snapshot), None);
    }
    let mut actions = give_up(snapshot, now);
    actions.extend(start(snapshot, now));
    actions.extend(create(snapshot, &status.counts, proposals));
    plan(actions, next_deadline(snapshot, now))
}

/// Everything that still waits or runs is no longer needed.
fn stop_all(snapshot: &Snapshot) -> Vec<Action> {
    let active = snapshot.trials.iter().filter(|t| !t.phase.is_final());
    active
        .map(|t| Action::Stop {
            index: t.index,
            reason: StopReason::JobEnded,
        })
        .collect()
}

/// What runs is put back, and what nodes would not run is given new tries: somebody has looked at it.
fn stop_running(snapshot: &Snapshot) -> Vec<Action> {
    let stop = |t: &Trial| Action::Stop {
        index: t.index,
        reason: StopReason::Suspended,
    };
    let active = snapshot
        .trials
        .iter()
        .filter(|t| works(t) || t.phase == Phase::Queued && t.n_lost > 0);
    active.map(stop).collect()
}

/// Running trials that ran too long or lag behind.
fn give_up(snapshot: &Snapshot, now: Timestamp) -> Vec<Action> {
    let job = &snapshot.job;
    let too_long = |t: &Trial| {
        job.budget
            .max_trial_duration
            .is_some_and(|limit| t.duration(now) >= limit)
    };
    let working = snapshot.trials.iter().filter(|t| works(t));
    working
        .filter_map(|t| {
            if too_long(t) {
                return Some(Action::Stop {
                    index: t.index,
                    reason: StopReason::TimedOut,
                });
            }
            median_stop(snapshot, job.early_stopping.as_ref()?, t)
        })
        .collect()
}

fn median_stop(snapshot: &Snapshot, rule: &MedianStop, trial: &Trial) -> Option<Action> {
    let behind = lags_behind(&snapshot.job, rule, trial, &snapshot.trials)?;
    let message = behind.sentence(&snapshot.job);
    let index = trial.index;
    if !rule.shadow {
        return Some(Action::Stop {
            index,
            reason: StopReason::LagsBehind { message },
        });
    }
    trial.shadow_stop.is_none().then_some(Action::ShadowStop {
        index,
        step: behind.step,
        message: format!("would have been stopped: {message}"),
    })
}

/// Queued trials, as long as there are places: a smaller `parallelTrials` lets the others wait.
fn start(snapshot: &Snapshot, now: Timestamp) -> Vec<Action> {
    let places = snapshot
        .job
        .budget
        .parallel
        .saturating_sub(Counts::of(&snapshot.trials).running);
    let due = |t: &&Trial| may_start(&snapshot.job, t, now);
    let queued = snapshot.trials.iter().filter(due);
    queued
        .take(places as usize)
        .map(|t| Action::Start { index: t.index })
        .collect()
}

/// New trials, or the end where the strategy has none left and nothing runs.
fn create(
    snapshot: &Snapshot,
    counts: &Counts,
    proposals: impl FnOnce(u32) -> Option<Vec<Proposal>>,
) -> Option<Action> {
    let n = counts.affordable(&snapshot.job.budget);
    if n == 0 {
        return None;
    }
    let proposals = proposals(n)?;
    if let Some(end) = converged(snapshot, counts, &proposals) {
        // What runs may yet change that.
        return (counts.active() == 0).then(|| Action::End(judged(snapshot, end)));
    }
    if !proposals.is_empty() {
        let first_index = next_index(&snapshot.trials);
        return Some(Action::Create {
            first_index,
            proposals,
        });
    }
    (counts.active() == 0).then(|| {
        let message = format!("after {} trials the strategy has no point left", counts.done());
        let reason = EndReason::SpaceExhausted;
        Action::End(judged(snapshot, Ended { reason, message }))
    })
}

/// Time to the next limit that passes without any news.
fn next_deadline(snapshot: &Snapshot, now: Timestamp) -> Option<SignedDuration> {
    let budget = &snapshot.job.budget;
    let job_left = budget.max_duration.map(|limit| limit - snapshot.active);
    let trial_left = budget.max_trial_duration.and_then(|limit| {
        let working = snapshot.trials.iter().filter(|t| works(t));
        working.map(|t| limit - t.duration(now)).min()
    });
    let gpus: u32 = running(snapshot).map(|t| t.gpus).sum();
    let gpu_left = budget.max_gpu_hours.filter(|_| gpus > 0).map(|limit| {
        let hours = (limit - super::status::gpu_hours(snapshot, now)) / f64::from(gpus);
        SignedDuration::try_from_secs_f64(hours * 3600.0).unwrap_or(SignedDuration::MAX)
    });
    let retry_left = snapshot
        .trials
        .iter()
        .filter(|t| t.phase == Phase::Queued)
        .filter_map(|t| Some(t.not_before?.duration_since(now)))
        .filter(|left| left.is_positive())
        .min();
    let all = [job_left, trial_left, gpu_left, retry_left];
    let left = all.into_iter().flatten().min()?;
    Some(left.max(SignedDuration::ZERO))
}

/// Whether there is anything to stop: what has ended is judged by its own end, once that is known.
fn works(trial: &Trial) -> bool {
    trial.phase == Phase::Running && trial.attempt_ended.is_none()
}

fn running(snapshot: &Snapshot) -> impl Iterator<Item = &Trial> {
    snapshot.trials.iter().filter(|t| t.phase == Phase::Running)
}
