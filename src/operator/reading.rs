//! What the attempts of trials have reported: heard from their pods while they run, and read once more at the end.

use super::attempt_state::{AttemptView, SeenPod};
use super::pass::Pass;
use super::prometheus_server::NoAnswer;
use super::record::Record;
use super::reported::ReportedMetrics;
use super::scrapers::TrialPod;
use super::source::Source;
use crate::contract::final_report;
use crate::metrics::TrialReport;
use crate::tuning::{AttemptState, CurvePoint, Exited, Progress, Reported};
use jiff::{SignedDuration, Timestamp};

/// How long after a trial's end a Prometheus server that can't be asked is waited for.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How long one is waited for that knows nothing of the trial: what reads through others or writes remotely lags behind.
const LAG: SignedDuration = SignedDuration::from_mins(2);

/// What a trial has said at its end is not known yet; a sentence.
pub struct Outstanding(pub String);

/// What an attempt has reported, as far as it can be known now.
pub async fn read_metrics(
    pass: &Pass<'_>,
    record: &Record,
    attempt: &AttemptView,
) -> Result<Reported, Outstanding> {
    let source = Source::of(&pass.checked, &pass.owner.0);
    let Some(pod) = &attempt.pod else {
        return Ok(Reported::default());
    };
    let heard = match &attempt.state {
        AttemptState::Running(run) => {
            let refusal = source.refusal(pod);
            if let (Some(metrics), None) = (source.of_pod(pod, run.start(Timestamp::now())), &refusal) {
                let objective = &pass.checked.job.objective.metric;
                pass.ctx.scrapers.follow(&who(pass, pod), metrics, objective);
            }
            let mut heard = pass.ctx.scrapers.heard(&pod.uid);
            heard.trouble = heard.trouble.or(refusal.map(|r| r.sentence));
            heard
        }
        AttemptState::Leaving { .. } => pass.ctx.scrapers.heard(&pod.uid),
        AttemptState::Exited(exited) => at_the_end(pass, &source, pod, exited).await?,
        _ => return Ok(Reported::default()),
    };
    let objective = &pass.checked.job.objective.metric;
    let report = pod.message.as_deref().map(TrialReport::parse);
    let mut reported = reported(&heard, &source, record, why_not(report.as_ref(), objective));
    reported.last_words.clone_from(&pod.message);
    let report = report.and_then(Result::ok);
    reported.report = report.map(|report| final_report(report, objective));
    Ok(reported)
}

fn who(pass: &Pass, pod: &SeenPod) -> TrialPod {
    TrialPod {
        owner: pass.owner.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
    }
}

/// What was heard of a pod that has ended, where possible read once more.
async fn at_the_end(
    pass: &Pass<'_>,
    source: &Source<'_>,
    pod: &SeenPod,
    exited: &Exited,
) -> Result<ReportedMetrics, Outstanding> {
    let objective = &pass.checked.job.objective.metric;
    let mut heard = pass.ctx.scrapers.heard(&pod.uid);
    // A log is whole only now.
    if let Some(metrics) = source.log_metrics() {
        let scrapers = &pass.ctx.scrapers;
        heard = scrapers.rest_of_log(&who(pass, pod), metrics, objective).await;
    }
    heard.trouble = heard.trouble.or(source.refusal(pod).map(|r| r.sentence));
    let (start, until) = exited.span(Timestamp::now());
    if let Some(query) = source.range_query(&pod.name, start) {
        let since_end = Timestamp::now().duration_since(until);
        let wait = |why: String| Outstanding(format!("it has ended, and its value is waited for: {why}"));
        match pass.ctx.scrapers.ask_server(&query, objective, until).await {
            Ok(news) if news.metrics.is_empty() && since_end < LAG && !says(pod, objective) => {
                return Err(wait(format!("{} has no value yet", source.place())));
            }
            Ok(news) => heard = news,
            // The trial has done its part: it is no failure of its own yet.
            Err(NoAnswer::Unreachable(why)) if since_end < PATIENCE && !says(pod, objective) => {
                return Err(wait(why));
            }
            Err(why) => heard.trouble = Some(why.to_string()),
        }
    }
    Ok(heard)
}

/// Whether its final report has the objective: then nobody else need be asked.
fn says(pod: &SeenPod, objective: &str) -> bool {
    let report = pod.message.as_deref().and_then(|m| TrialReport::parse(m).ok());
    report.is_some_and(|r| r.metrics.contains_key(objective))
}

/// Why a termination message has no value of the objective.
fn why_not(report: Option<&Result<TrialReport, String>>, objective: &str) -> Option<String> {
    match report? {
        Ok(report) => report.why_not(objective),
        Err(why) => Some(why.clone()),
    }
}

fn reported(heard: &ReportedMetrics, source: &Source, record: &Record, message: Option<String>) -> Reported {
    let behind = |why: Option<&String>| why.map_or_else(String::new, |why| format!(" ({why})"));
    Reported {
        points: news(heard, record),
        metrics: heard.metrics.clone(),
        progress: Progress {
            step: heard.step,
            total_steps: heard.total_steps,
            epoch: None,
        },
        report: None,
        outstanding: None,
        last_words: None,
        looked_in: format!(
            "neither in {}{} nor in its termination message{}",
            source.place(),
            behind(heard.trouble.as_ref().or(heard.unread.as_ref())),
            behind(message.as_ref())
        ),
        // What another operator heard of it is in the status.
        trouble: heard.trouble.clone(),
        may_have_gaps: source.is_fleeting() && heard.metrics.is_empty(),
        last_read: heard.last_read,
        is_outdated: heard.is_outdated,
    }
}

/// The points that the status does not have yet. (It may have thinned out those before.)
fn news(heard: &ReportedMetrics, record: &Record) -> Vec<CurvePoint> {
    let last = record.status.curve.last();
    let is_last = |(step, value): &(u64, f64)| last.is_some_and(|p| p.step == *step && p.value == *value);
    let known = heard
        .points
        .iter()
        .rposition(is_last)
        .map_or(0, |place| place + 1);
    let point = |&(step, value): &(u64, f64)| CurvePoint { step, value };
    heard.points[known..].iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(curve: &[(u64, f64)]) -> Record {
        let curve: Vec<_> = curve
            .iter()
            .map(|(step, value)| serde_json::json!({"step": step, "value": value}))
            .collect();
        let object = serde_json::json!({
            "apiVersion": "tuning-operator.io/v1alpha1", "kind": "Trial", "metadata": {"name": "a-0001"},
            "spec": {"job": "a", "index": 1, "parameters": {}}, "status": {"curve": curve},
        });
        Record::parse(&serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn only_points_that_the_status_does_not_have_are_news() {
        let heard = |points: &[(u64, f64)]| ReportedMetrics {
            points: points.to_vec(),
            ..ReportedMetrics::default()
        };
        let cases: [(&[_], &[_], usize); 4] = [
            (&[], &[(1, 0.1), (2, 0.2)], 2),
            (&[(1, 0.1), (2, 0.2)], &[(1, 0.1), (2, 0.2)], 0),
            (&[(1, 0.1), (2, 0.2)], &[(1, 0.1), (2, 0.2), (3, 0.2)], 1),
            // A resumed attempt measures a step again.
            (&[(1, 0.1), (2, 0.2)], &[(2, 0.3), (3, 0.4)], 2),
        ];
        for (status, points, n) in cases {
            assert_eq!(
                news(&heard(points), &record(status)).len(),
                n,
                "{status:?} {points:?}"
            );
        }
    }
}
