//! What does the state of an attempt make of its trial? Pure.

use super::listen::Heard;
use super::record::failure_word;
use super::sight::{End, Sight};
use crate::api::{TrialPhase, TrialStatus, ValueSource};
use crate::metrics::TrialReport;
use crate::tuning::{Ending, Exit, Failure, Job, StopReason, Verdict, judge};
use jiff::Timestamp;

/// Longest sentence that is kept of a trial's own words, in characters.
const LONGEST_SENTENCE: usize = 600;

/// A trial after its attempt was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Its status now.
    pub status: TrialStatus,
    /// A sentence, if no trial of the job would fare better.
    pub halt: Option<String>,
    /// A sentence, if it waits for something that a person has to mend.
    pub trouble: Option<String>,
}

/// Looks at the attempt of a trial that was started; for any other trial nothing changes.
pub fn settle(
    job: &Job,
    source: Source,
    status: &TrialStatus,
    sight: &Sight,
    heard: &Heard,
    now: Timestamp,
) -> Settled {
    let mut settled = Settled {
        status: status.clone(),
        halt: None,
        trouble: None,
    };
    if !matches!(status.phase, TrialPhase::Pending | TrialPhase::Running) {
        return settled;
    }
    let gpus = job.gpus_per_trial;
    let new = &mut settled.status;
    match sight {
        Sight::Absent | Sight::Going => {}
        Sight::Waiting(why) => {
            new.close_attempt(now, gpus);
            new.phase = TrialPhase::Pending;
            new.message = why.as_deref().map(sentence).unwrap_or_default();
            settled.trouble.clone_from(why);
        }
        Sight::Disrupted(why) => {
            new.close_attempt(now, gpus);
            new.phase = TrialPhase::Pending;
            new.message = sentence(why);
        }
        Sight::Running { pod, since, .. } => {
            begin(new, pod, *since, gpus);
            new.message.clear();
            listen(new, heard);
        }
        Sight::Ended(end) => {
            if let Some(started) = end.started {
                begin(new, &end.pod, started, gpus);
            }
            listen(new, heard);
            let halt = conclude(job, source, new, end, heard);
            new.close_attempt(end.finished.unwrap_or(now), gpus);
            if halt.is_none() {
                new.completion_time = Some(end.finished.unwrap_or(now));
            }
            settled.halt = halt;
        }
        Sight::Lost(why) => requeue(new, sentence(why), now, gpus),
        Sight::Unclear(why) => {
            fail(new, Failure::Crashed, sentence(why));
            new.close_attempt(now, gpus);
            new.completion_time = Some(now);
        }
    }
    settled
}

/// Where the metrics of a job's trials are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// How a value is marked that was read there.
    pub mark: ValueSource,
    /// The place in words.
    pub place: &'static str,
}

/// A trial that was asked to stop, or whose job needs it no more.
pub fn stop(job: &Job, status: &TrialStatus, reason: &StopReason, now: Timestamp) -> TrialStatus {
    let mut new = status.clone();
    let gpus = job.gpus_per_trial;
    match reason {
        StopReason::Suspended => {
            requeue(&mut new, "the job is suspended".into(), now, gpus);
            return new;
        }
        StopReason::LagsBehind { message } => {
            new.phase = TrialPhase::EarlyStopped;
            new.value = new.curve.last().map(|p| p.value);
            new.message = sentence(message);
        }
        StopReason::TimedOut => fail(
            &mut new,
            Failure::TimedOut,
            "it ran longer than spec.budget.maxTrialDuration".into(),
        ),
        StopReason::JobEnded => {
            new.phase = TrialPhase::Cancelled;
            new.message = "the job has ended".into();
        }
    }
    new.close_attempt(now, gpus);
    new.completion_time = Some(now);
    new
}

fn begin(status: &mut TrialStatus, pod: &str, since: Timestamp, gpus: u32) {
    if status.pod.as_deref() != Some(pod) {
        // The Job has started another pod for the same attempt: the first one was disrupted.
        status.close_attempt(since, gpus);
        status.pod = Some(pod.to_owned());
    }
    status.phase = TrialPhase::Running;
    status.attempt_start_time.get_or_insert(since);
    status.start_time.get_or_insert(since);
}

fn listen(status: &mut TrialStatus, heard: &Heard) {
    status.add_points(heard.points.iter().copied());
    let finite = heard.metrics.iter().filter(|(_, v)| v.is_finite());
    status.metrics.extend(finite.map(|(k, v)| (k.clone(), *v)));
    status.step = heard.step.or(status.step);
    status.total_steps = heard.total_steps.or(status.total_steps);
}

fn conclude(job: &Job, source: Source, status: &mut TrialStatus, end: &End, heard: &Heard) -> Option<String> {
    let objective = &job.objective.metric;
    let report = end
        .message
        .as_deref()
        .and_then(|m| TrialReport::parse(m).ok())
        .unwrap_or_default();
    let (value, mark) = match (report.metrics.get(objective), heard.metrics.get(objective)) {
        (Some(value), _) => (Some(*value), ValueSource::TerminationMessage),
        (None, Some(value)) => (Some(*value), source.mark),
        (None, None) => (None, source.mark),
    };
    let said = end.message.as_deref().map(str::trim).filter(|m| !m.is_empty());
    let verdict = judge(&Ending {
        exit: end.exit,
        value,
        sentence: said.map(sentence),
        looked_for: format!(
            "{objective}, neither in {}{} nor in its termination message",
            source.place,
            heard
                .trouble
                .as_ref()
                .map(|why| format!(" ({why})"))
                .unwrap_or_default()
        ),
    });
    if end.exit == Exit::Code(0) {
        status.add_points(report.curve_of(objective));
        let finite = report.metrics.iter().filter(|(_, v)| v.is_finite());
        status.metrics.extend(finite.map(|(k, v)| (k.clone(), *v)));
        status.step = report.step.or(status.step);
    }
    match verdict {
        Verdict::Succeeded(value) => {
            status.phase = TrialPhase::Succeeded;
            status.value = Some(value);
            status.source = Some(mark);
            status.message.clear();
        }
        Verdict::Failed(failure, message) => fail(status, failure, sentence(&message)),
        Verdict::Halt(message) => {
            status.phase = TrialPhase::Queued;
            status.message = sentence(&message);
            return Some(sentence(&message));
        }
    }
    None
}

fn fail(status: &mut TrialStatus, failure: Failure, message: String) {
    status.phase = TrialPhase::Failed;
    status.failure = Some(failure_word(failure));
    status.message = message;
}

fn requeue(status: &mut TrialStatus, message: String, now: Timestamp, gpus: u32) {
    status.close_attempt(now, gpus);
    status.phase = TrialPhase::Queued;
    status.pod = None;
    status.message = message;
}

/// A trial's own words on one line, without control characters, of bounded length: they go into statuses and events.
pub fn sentence(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_SENTENCE) {
        None => line,
        // The end of a message says what went wrong.
        Some(_) => {
            let skip = line.chars().count() - LONGEST_SENTENCE;
            format!("… {}", line.chars().skip(skip).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SOURCE: Source = Source {
        mark: ValueSource::Prometheus,
        place: "its metrics page",
    };

    fn job() -> Job {
        let manifest = json!({
            "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
            "spec": {
                "objective": {"metric": "f1", "goal": "Maximize"},
                "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
                "budget": {"maxTrials": 3},
                "trial": {"container": {"image": "x"}, "resources": {"limits": {"nvidia.com/gpu": 2}}},
            },
        });
        crate::api::check(&manifest).unwrap().job
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pending() -> TrialStatus {
        TrialStatus {
            phase: TrialPhase::Pending,
            attempts: 1,
            ..TrialStatus::default()
        }
    }

    fn ended(exit: Exit, message: &str) -> Sight {
        Sight::Ended(End {
            pod: "p".into(),
            uid: "u".into(),
            exit,
            message: Some(message.into()),
            started: Some(at(100)),
            finished: Some(at(160)),
        })
    }

    fn heard(points: &[(u64, f64)]) -> Heard {
        Heard {
            metrics: points.iter().map(|(_, v)| ("f1".to_owned(), *v)).collect(),
            points: points.to_vec(),
            ..Heard::default()
        }
    }

    #[test]
    fn the_termination_message_is_the_truth_and_what_was_heard_stands_in() {
        let told = settle(
            &job(),
            SOURCE,
            &pending(),
            &ended(Exit::Code(0), "{\"f1\": 0.9}"),
            &heard(&[(1, 0.5)]),
            at(200),
        );
        assert_eq!(
            (told.status.value, told.status.source),
            (Some(0.9), Some(ValueSource::TerminationMessage))
        );
        let mute = settle(
            &job(),
            SOURCE,
            &pending(),
            &ended(Exit::Code(0), ""),
            &heard(&[(1, 0.5)]),
            at(200),
        );
        assert_eq!(
            (mute.status.value, mute.status.source),
            (Some(0.5), Some(ValueSource::Prometheus))
        );
        assert_eq!((mute.status.ran_seconds, mute.status.gpu_seconds), (60.0, 120.0));
        assert_eq!(mute.status.completion_time, Some(at(160)));
    }

    #[test]
    fn a_second_pod_of_an_attempt_goes_on_with_the_curve_and_the_clock() {
        let running = |pod: &str, since: i64| Sight::Running {
            pod: pod.into(),
            uid: pod.into(),
            ip: None,
            since: at(since),
        };
        let first = settle(
            &job(),
            SOURCE,
            &pending(),
            &running("p1", 100),
            &heard(&[(10, 0.5), (20, 0.6)]),
            at(150),
        );
        let gone = settle(
            &job(),
            SOURCE,
            &first.status,
            &Sight::Disrupted("drained".into()),
            &Heard::default(),
            at(160),
        );
        assert_eq!((gone.status.phase, gone.trouble), (TrialPhase::Pending, None));
        let second = settle(
            &job(),
            SOURCE,
            &gone.status,
            &running("p2", 300),
            &heard(&[(20, 0.7)]),
            at(310),
        );
        let curve: Vec<(u64, f64)> = second.status.curve.iter().map(|p| (p.step, p.value)).collect();
        assert_eq!(curve, [(10, 0.5), (20, 0.7)]);
        assert_eq!(
            (second.status.ran_seconds, second.status.attempt_start_time),
            (60.0, Some(at(300)))
        );
        assert_eq!(second.status.start_time, Some(at(100)));
    }

    #[test]
    fn bad_configuration_halts_and_blames_no_trial() {
        let settled = settle(
            &job(),
            SOURCE,
            &pending(),
            &ended(Exit::Code(42), "no data"),
            &Heard::default(),
            at(200),
        );
        assert_eq!(
            (settled.status.phase, settled.halt.as_deref()),
            (TrialPhase::Queued, Some("no data"))
        );
        assert_eq!(settled.status.completion_time, None);
    }

    #[test]
    fn what_was_not_started_or_has_ended_stays_as_it_is() {
        for phase in [TrialPhase::Queued, TrialPhase::Succeeded, TrialPhase::Cancelled] {
            let status = TrialStatus { phase, ..pending() };
            let settled = settle(
                &job(),
                SOURCE,
                &status,
                &ended(Exit::Code(1), ""),
                &Heard::default(),
                at(200),
            );
            assert_eq!(settled.status, status);
        }
    }

    #[test]
    fn a_sentence_is_one_line_without_control_characters_and_its_end_is_kept() {
        assert_eq!(sentence("a\u{1b}[31m\n\tb"), "a [31m b");
        let long = sentence(&format!("{} the end", "x".repeat(5000)));
        assert!(long.ends_with("the end") && long.chars().count() <= LONGEST_SENTENCE + 2);
    }
}
