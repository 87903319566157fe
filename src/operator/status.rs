//! The numbers of a job's status, and how they read. Pure.

use crate::api::{self, BestRecord, RecommendedRecord, TrialCounts, TuningJobStatus};
use crate::optimizer::Recommendation;
use crate::tuning::{Counts, Job, Snapshot, Status, sentence};
use jiff::Timestamp;

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
            model: None,
        })
    });
    new
}

/// The point to use, if it can be written: JSON has no word for what is not finite.
pub fn recommended(job: &Job, found: &Recommendation, trials: u32) -> Option<RecommendedRecord> {
    let mean = found.mean;
    let interval = found.interval.filter(|i| i.low.is_finite() && i.high.is_finite());
    mean.is_finite().then(|| RecommendedRecord {
        parameters: api::assignment(&job.space, &found.point),
        mean,
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        let cases = [
            (0.8122270742358079, "0.8122"),
            (0.0, "0"),
            (-1.5, "-1.5"),
            (2e-5, "2.000e-5"),
            (123_456_789.0, "1.235e8"),
        ];
        for (value, text) in cases {
            assert_eq!(value_text(value, false), text);
        }
        assert_eq!(value_text(0.8122270742358079, true), "0.8122 collapsed");
        let point = serde_json::from_value(serde_json::json!({"rate": 2.34567e-5, "optimizer": "adam"}));
        assert_eq!(point_text(&point.unwrap()), "optimizer=adam rate=2.346e-5");
    }

    #[test]
    fn the_clock_runs_only_while_the_job_is_active() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut status = TuningJobStatus::default();
        for (active, second) in [
            (true, 0),
            (true, 5),
            (false, 10),
            (false, 50),
            (true, 60),
            (false, 61),
        ] {
            keep_time(&mut status, active, at(second));
        }
        assert_eq!((status.active_seconds, status.active_since), (11.0, None));
        // A clock that was set back takes nothing away.
        keep_time(&mut status, true, at(100));
        keep_time(&mut status, false, at(90));
        assert_eq!(status.active_seconds, 11.0);
    }
}
