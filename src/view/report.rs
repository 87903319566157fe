//! What came out: the text at the end of a run.

use super::RunView;
use super::numbers::{aligned, duration, escape, short};
use super::table::table;
use crate::optimizer::{Goal, Recommendation};
use crate::tuning::{Best, Phase};
use jiff::SignedDuration;

/// The whole report: table, best and recommended point, what it cost, where the data came from. With a width, in
/// characters, the table is fitted to it.
pub fn report(view: &RunView, width: Option<usize>) -> String {
    let mut text = format!("{}\n\n{}\n", headline(view), table(view, width));
    for line in results(view).into_iter().chain(costs(view)) {
        text.push_str(&format!("{line}\n"));
    }
    if !view.notes.is_empty() {
        text.push('\n');
    }
    for note in &view.notes {
        text.push_str(&format!("note: {}\n", escape(note)));
    }
    text
}

fn headline(view: &RunView) -> String {
    let name = escape(&view.name);
    match &view.status.ended {
        Some(end) if end.reason.is_success() => format!("{name} is done: {}", escape(&end.message)),
        Some(end) => format!("{name} failed: {}", escape(&end.message)),
        None if view.status.suspended => format!("{name} is suspended"),
        None => format!("{name} is not done yet"),
    }
}

fn results(view: &RunView) -> Vec<String> {
    let metric = escape(view.metric());
    let Some((best, trial)) = view.status.best.zip(view.best_trial()) else {
        return vec![format!("best         none: no trial ended with {metric}")];
    };
    let name = view.snapshot.job.trial_name(best.index);
    let mut lines = vec![format!(
        "best         {metric} {} at {}, {name}{}",
        aligned(best.value),
        view.assignment(&trial.point),
        doubt(best)
    )];
    if let Some(model) = &view.model {
        lines.push(format!("model        {}", escape(model)));
    }
    if let Some(r) = &view.recommendation {
        let interval = match r.interval {
            Some(i) => format!("90 % interval {} to {}", aligned(i.low), aligned(i.high)),
            None => "too few different values are known for an interval".into(),
        };
        let place = view.assignment(&r.point);
        lines.push(format!(
            "recommended  {metric} {} expected at {place}, {interval}{}",
            aligned(r.mean),
            doubt(best)
        ));
        lines.push(winners_curse(view, best, r));
    }
    for end in &view.ends {
        lines.push(format!(
            "range        {}",
            escape(&end.sentence(&view.snapshot.job))
        ));
    }
    let n_succeeded = view.status.counts.succeeded;
    let n_near = view.n_within_one_percent();
    lines.push(format!(
        "{n_near} of {n_succeeded} succeeded trials came within 1 % of the best"
    ));
    match view.n_collapsed() {
        0 => {}
        1 => lines.push("1 trial collapsed: its model gives one answer for every input".into()),
        n => lines.push(format!(
            "{n} trials collapsed: their models give one answer for every input"
        )),
    }
    lines
}

/// What is said of the best and the recommended point where every trial with a value collapsed.
pub(super) fn doubt(best: Best) -> &'static str {
    if best.is_collapsed {
        ": worth nothing, every trial with a value collapsed"
    } else {
        ""
    }
}

/// Why the recommended point, and not the best observation, is what to use.
fn winners_curse(view: &RunView, best: Best, recommendation: &Recommendation) -> String {
    let n = view.status.counts.succeeded;
    let gain = match view.snapshot.job.objective.goal {
        Goal::Maximize => best.value - recommendation.mean,
        Goal::Minimize => recommendation.mean - best.value,
    };
    let so = if gain > 0.0 {
        format!("what to expect at the recommended point is {} worse", short(gain))
    } else {
        "what to expect at the recommended point is no worse".into()
    };
    format!("             of {n} noisy results the best is partly luck: {so}")
}

fn costs(view: &RunView) -> Vec<String> {
    let trials = &view.snapshot.trials;
    let total: SignedDuration = trials.iter().map(|t| t.duration(view.now)).sum();
    let mut succeeded: Vec<_> = trials
        .iter()
        .filter(|t| t.phase == Phase::Succeeded)
        .map(|t| t.duration(view.now))
        .collect();
    succeeded.sort();
    let mut line = format!(
        "active {}, trials together {}",
        duration(view.snapshot.active),
        duration(total)
    );
    if let (Some(low), Some(high)) = (succeeded.first(), succeeded.last()) {
        let median = succeeded[succeeded.len() / 2];
        let [low, median, high] = [*low, median, *high].map(duration);
        line.push_str(&format!(
            "; a succeeded trial took {median} (median), {low} to {high}"
        ));
    }
    let mut lines = vec![line];
    if view.status.gpu_hours > 0.0 {
        lines.push(format!("{:.2} GPU-hours", view.status.gpu_hours));
    }
    lines
}
