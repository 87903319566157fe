//! Is the job at its end?

use super::status::{Best, best, gpu_hours, observed};
use super::{Counts, EndReason, Ended, Failure, Phase, Snapshot, Trial};
use crate::optimizer::Goal;
use jiff::Timestamp;

/// The end of a job, if it is reached; the first rule that holds gives the reason.
pub(super) fn check_end(snapshot: &Snapshot, now: Timestamp) -> Option<Ended> {
    let rules = [
        target_reached,
        metric_missing,
        too_many_failures,
        trials_spent,
        no_improvement,
    ];
    rules
        .iter()
        .find_map(|rule| rule(snapshot))
        .or_else(|| time_spent(snapshot))
        .or_else(|| gpu_hours_spent(snapshot, now))
        .map(|end| judged(snapshot, end))
}

/// Whether a job that has ended goes on, now that its manifest has changed: where the rule that ended it holds no more, such
/// as for a larger budget. What a person had to mend outside of the manifest is taken up again by way of `suspend`.
pub fn reopens(snapshot: &Snapshot, end: &Ended, now: Timestamp) -> bool {
    match end.reason {
        EndReason::SpaceExhausted => false,
        EndReason::Converged => !snapshot.job.budget.end_when_converged,
        reason if reason.waits_to_be_mended() => snapshot.job.suspend,
        _ => check_end(snapshot, now).is_none(),
    }
}

/// An end of which nothing came is no success, and one with a value that says nothing is not handed over without a word.
pub(super) fn judged(snapshot: &Snapshot, end: Ended) -> Ended {
    if !end.reason.is_success() {
        return end;
    }
    match best(snapshot) {
        None => without_value(snapshot, end),
        Some(best) if best.is_collapsed => Ended {
            message: format!("{}; {ALL_COLLAPSED}", end.message),
            ..end
        },
        Some(_) => end,
    }
}

/// What is said of a job where no trial has a value that means anything.
pub const ALL_COLLAPSED: &str = "every trial with a value collapsed (one answer for every input), so neither the best nor the \
                                 recommended point is worth anything";

fn without_value(snapshot: &Snapshot, end: Ended) -> Ended {
    let last = last_failed(snapshot).map(|(name, message)| format!("; the last, {name}: {message}"));
    Ended {
        reason: EndReason::NoTrialSucceeded,
        message: format!("{}, and none succeeded{}", end.message, last.unwrap_or_default()),
    }
}

fn last_failed(snapshot: &Snapshot) -> Option<(String, &str)> {
    let failed = snapshot
        .trials
        .iter()
        .filter(|t| matches!(t.phase, Phase::Failed(_)));
    let last = failed.max_by_key(|t| (t.ended, t.index))?;
    Some((snapshot.job.name_of(last), &last.message))
}

fn end(reason: EndReason, message: String) -> Option<Ended> {
    Some(Ended { reason, message })
}

fn target_reached(snapshot: &Snapshot) -> Option<Ended> {
    let objective = &snapshot.job.objective;
    let target = objective.target?;
    // A collapsed model has not reached anything, whatever its value.
    let best = best(snapshot).filter(|b| !b.is_collapsed)?;
    if objective.better(target, best.value) {
        return None;
    }
    let relation = match objective.goal {
        Goal::Maximize => "at least",
        Goal::Minimize => "at most",
    };
    let trial = snapshot.trials.iter().find(|t| t.index == best.index)?;
    let name = snapshot.job.name_of(trial);
    let message = format!(
        "{name} has {} {}, {relation} the target {target}",
        objective.metric, best.value
    );
    end(EndReason::TargetReached, message)
}

fn too_many_failures(snapshot: &Snapshot) -> Option<Ended> {
    let limit = snapshot.job.budget.max_failed?;
    let failed = Counts::of(&snapshot.trials).failed;
    if failed <= limit {
        return None;
    }
    let (name, why) = last_failed(snapshot)?;
    let message = format!("{failed} trials failed, the budget bears {limit}; the last, {name}: {why}");
    end(EndReason::TooManyFailures, message)
}

/// Trials that all end well without the objective are one mistake, not many: it is said after this many.
const MUTE_TRIALS: usize = 3;

/// The first trials, or all that there are to be, have said no objective, for the same reason.
fn metric_missing(snapshot: &Snapshot) -> Option<Ended> {
    let is_since = |t: &&Trial| snapshot.resumed.is_none_or(|at| t.ended > Some(at));
    let own_end = |t: &&Trial| t.phase.is_final() && t.phase != Phase::Cancelled;
    let finished: Vec<&Trial> = snapshot.trials.iter().filter(own_end).filter(is_since).collect();
    let first = finished.first()?;
    let enough = finished.len() >= MUTE_TRIALS.min(snapshot.job.budget.max_trials as usize);
    let mute = Phase::Failed(Failure::MetricMissing);
    let same = |t: &&Trial| t.phase == mute && t.message == first.message;
    if !enough || !finished.iter().all(same) || best(snapshot).is_some() {
        return None;
    }
    let message = match finished.len() {
        1 => format!("{}: {}", snapshot.job.name_of(first), first.message),
        n => format!("all {n} trials so far have the same fault: {}", first.message),
    };
    end(EndReason::MetricMissing, message)
}

fn trials_spent(snapshot: &Snapshot) -> Option<Ended> {
    let max = snapshot.job.budget.max_trials;
    let done = Counts::of(&snapshot.trials).done();
    if done < max {
        return None;
    }
    end(EndReason::TrialsSpent, format!("all {max} trials are done"))
}

fn no_improvement(snapshot: &Snapshot) -> Option<Ended> {
    let limit = snapshot.job.budget.max_without_improvement?;
    let idle = without_improvement(snapshot);
    if idle < limit {
        return None;
    }
    end(
        EndReason::NoImprovement,
        format!("{idle} trials in a row brought no new best, the budget bears {limit}"),
    )
}

/// Trials that came to an end of their own since the last new best, in the order of their ends.
fn without_improvement(snapshot: &Snapshot) -> u32 {
    let objective = &snapshot.job.objective;
    let mut finished: Vec<&Trial> = snapshot
        .trials
        .iter()
        .filter(|t| matches!(t.phase, Phase::Succeeded | Phase::EarlyStopped | Phase::Failed(_)))
        .collect();
    finished.sort_by_key(|t| (t.ended, t.index));
    let mut best: Option<Best> = None;
    let mut idle = 0;
    for trial in finished {
        match observed(trial) {
            Some(new) if best.is_none_or(|b| new.beats(b, objective)) => {
                best = Some(new);
                idle = 0;
            }
            // Before anything has succeeded there is nothing to improve on: failures have a limit of their own.
            _ if best.is_none() => {}
            _ => idle += 1,
        }
    }
    idle
}

fn time_spent(snapshot: &Snapshot) -> Option<Ended> {
    let limit = snapshot.job.budget.max_duration?;
    if snapshot.active < limit {
        return None;
    }
    end(
        EndReason::TimeSpent,
        format!("the job was active for its whole {limit:#}"),
    )
}

fn gpu_hours_spent(snapshot: &Snapshot, now: Timestamp) -> Option<Ended> {
    let limit = snapshot.job.budget.max_gpu_hours?;
    let spent = gpu_hours(snapshot, now);
    if spent < limit {
        return None;
    }
    end(
        EndReason::GpuHoursSpent,
        format!("{spent:.2} GPU-hours are spent, the budget is {limit}"),
    )
}

#[cfg(test)]
#[path = "stopping_tests.rs"]
mod tests;
