//! Is the job at its end?

use super::status::{best, gpu_hours};
use super::{Counts, EndReason, Ended, Phase, Snapshot, Trial};
use crate::optimizer::Goal;
use jiff::Timestamp;

/// The end of a job, if it is reached; the first rule that holds gives the reason.
pub fn ended(snapshot: &Snapshot, now: Timestamp) -> Option<Ended> {
    let rules = [target_reached, too_many_failures, trials_spent, no_improvement];
    rules
        .iter()
        .find_map(|rule| rule(snapshot))
        .or_else(|| time_spent(snapshot))
        .or_else(|| gpu_hours_spent(snapshot, now))
}

fn end(reason: EndReason, message: String) -> Option<Ended> {
    Some(Ended { reason, message })
}

fn target_reached(snapshot: &Snapshot) -> Option<Ended> {
    let objective = &snapshot.job.objective;
    let target = objective.target?;
    let best = best(snapshot)?;
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
    let last = snapshot
        .trials
        .iter()
        .filter(|t| matches!(t.phase, Phase::Failed(_)))
        .max_by_key(|t| (t.ended, t.index))?;
    let name = snapshot.job.name_of(last);
    let message = format!(
        "{failed} trials failed, the budget bears {limit}; the last, {name}: {}",
        last.message
    );
    end(EndReason::TooManyFailures, message)
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
    let mut best: Option<f64> = None;
    let mut idle = 0;
    for trial in finished {
        let value = trial.value.filter(|_| trial.phase == Phase::Succeeded);
        match value {
            Some(v) if best.is_none_or(|b| objective.better(v, b)) => {
                best = Some(v);
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
