//! One trial as cells of a table.

use super::RunView;
use super::grid::{Column, Room};
use super::numbers::{aligned_or_dash, cut, duration, escape, value};
use crate::space::Parameter;
use crate::tuning::{COLLAPSED_SENTENCE, Phase, Trial};

/// Columns of the trials: name, parameters, progress, objective, state, duration. The best one bears a star.
pub(super) fn trial_columns(view: &RunView, trials: &[&Trial]) -> Vec<Column> {
    let each = |f: &dyn Fn(&Trial) -> String| trials.iter().map(|t| f(t)).collect::<Vec<_>>();
    let best = view.status.best.map(|b| b.index);
    let name = |t: &Trial| {
        let star = if Some(t.index) == best { "*" } else { " " };
        format!("{star}{}", view.snapshot.job.name_of(t))
    };
    let mut columns = vec![Column::left(" trial", each(&name))];
    columns.extend(
        view.snapshot
            .job
            .space
            .parameters()
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let cells = each(&|t| t.point.0.get(i).map(value).unwrap_or_default());
                let room = if i == 0 { Room::Keep } else { Room::Drop };
                parameter_column(p, cells).with_room(room)
            }),
    );
    let optional = [
        Column::right(
            "epoch",
            each(&|t| t.progress.epoch.map(|e| format!("{e:.1}")).unwrap_or_default()),
        ),
        Column::right("step", each(&step)),
        Column::right(
            "resource",
            each(&|t| t.resource.map(|r| r.to_string()).unwrap_or_default()),
        ),
    ];
    columns.extend(
        optional
            .into_iter()
            .filter(|c| !c.is_empty())
            .map(|c| c.with_room(Room::Drop)),
    );
    let metric = cut(&escape(view.metric()), 20);
    columns.push(Column::right(&metric, each(&|t| aligned_or_dash(value_now(t)))));
    columns.push(Column::left("state", each(&|t| state(t).to_owned())));
    columns.push(Column::right("time", each(&|t| time(view, t))));
    columns
}

/// What there is to say about each trial, as a column.
pub(super) fn message_column(trials: &[&Trial]) -> Column {
    Column::left("message", trials.iter().map(|t| message(t)).collect()).with_room(Room::Cut)
}

/// The final value, or the last that was reported; a value that is not a number counts as none.
pub(super) fn value_now(trial: &Trial) -> Option<f64> {
    trial
        .value
        .or_else(|| trial.last().map(|p| p.value))
        .filter(|v| !v.is_nan())
}

/// The phase, or the kind of failure.
pub(super) fn state(trial: &Trial) -> &'static str {
    match trial.phase {
        Phase::Failed(failure) => failure.word(),
        phase => phase.word(),
    }
}

/// The trial's own message, and what else is worth a word.
pub(super) fn message(trial: &Trial) -> String {
    let mut parts = Vec::new();
    if !trial.message.is_empty() {
        parts.push(escape(&trial.message));
    }
    if trial.is_collapsed() {
        parts.push(COLLAPSED_SENTENCE.into());
    }
    if let Some(shadow) = trial.shadow_stop.as_ref().filter(|s| s.message != trial.message) {
        parts.push(escape(&shadow.message));
    }
    if trial.attempts > 1 {
        parts.push(format!("{} attempts", trial.attempts));
    }
    parts.join("; ")
}

fn parameter_column(parameter: &Parameter, cells: Vec<String>) -> Column {
    if parameter.ordered() {
        Column::right(parameter.name(), cells)
    } else {
        Column::left(parameter.name(), cells)
    }
}

fn step(trial: &Trial) -> String {
    match (trial.progress.step, trial.progress.total_steps) {
        (Some(step), Some(total)) => format!("{step}/{total}"),
        (Some(step), None) => step.to_string(),
        _ => String::new(),
    }
}

fn time(view: &RunView, trial: &Trial) -> String {
    if trial.started.is_none() {
        "-".into()
    } else {
        duration(trial.duration(view.now))
    }
}
