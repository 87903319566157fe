//! How old is the value of a trial that has ended well?

use super::{FinalReport, Progress, Reported, Trial};
use jiff::Timestamp;

/// What is to be said of the age of a trial's last value, in a sentence; `None`: it was said at the end, and so was how far the
/// trial came. `report` is what it left at its end, where that has the value.
pub(super) fn age_of_value(
    trial: &Trial,
    reported: &Reported,
    report: Option<&FinalReport>,
    end: Timestamp,
) -> Option<String> {
    if let Some(report) = report {
        let progress = unfinished(trial).filter(|_| report.step.is_none())?;
        return Some(format!(
            "its value is from its final report, which names no step: its progress was last seen at {progress}"
        ));
    }
    if reported.may_have_gaps {
        let step = trial
            .last()
            .map(|p| format!(" at step {}", p.step))
            .unwrap_or_default();
        return Some(format!(
            "its value is the last that was read{step}: whether it said another one after that is not known"
        ));
    }
    let read = reported.last_read?;
    let seconds = end.duration_since(read).as_secs_f64().max(0.0);
    let progress = unfinished(trial).map(|progress| format!(" at {progress}"));
    Some(format!(
        "its value was read {seconds:.1} s before it ended{}; what it showed after that is not known, but in a final report",
        progress.unwrap_or_default()
    ))
}

/// How far a trial was when it last said so, where that was before its end.
fn unfinished(trial: &Trial) -> Option<String> {
    let Progress {
        step, total_steps, ..
    } = trial.progress;
    let (step, total) = step.zip(total_steps)?;
    (step < total).then(|| format!("step {step} of {total}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::fixtures::{at, trial};

    fn age(step: u64, reported: &Reported, report: Option<FinalReport>) -> String {
        let mut trial = trial(1, 0.5);
        trial.progress = Progress {
            step: Some(step),
            total_steps: Some(1),
            epoch: None,
        };
        age_of_value(&trial, reported, report.as_ref(), at(160)).unwrap_or_default()
    }

    fn report(step: Option<u64>) -> Option<FinalReport> {
        Some(FinalReport {
            step,
            ..FinalReport::default()
        })
    }

    #[test]
    fn a_report_without_a_step_says_where_the_progress_was_last_seen() {
        let read = Reported {
            last_read: Some(at(157)),
            ..Reported::default()
        };
        assert_eq!(
            age(0, &read, report(None)),
            "its value is from its final report, which names no step: its progress was last seen at step 0 of 1"
        );
        for (step, report) in [(1, report(None)), (0, report(Some(1)))] {
            assert_eq!(age(step, &read, report), "", "at step {step}");
        }
    }

    #[test]
    fn a_value_that_was_only_read_says_how_long_before_the_end_and_where() {
        let read = Reported {
            last_read: Some(at(157)),
            ..Reported::default()
        };
        assert!(
            age(0, &read, None).starts_with("its value was read 3.0 s before it ended at step 0 of 1; what")
        );
        assert!(age(1, &read, None).starts_with("its value was read 3.0 s before it ended; what"));
        // Every line of an output is read to its end.
        assert_eq!(age(0, &Reported::default(), None), "");
    }
}
