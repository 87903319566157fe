//! The trials as plain text.

use super::RunView;
use super::cells::{message_column, trial_columns};
use super::grid::{fit, lines};
use crate::tuning::{Counts, Trial};

/// One line for each trial, by index, the best marked with a star, and a line of counts. With a width, in characters,
/// messages are cut and parameters left out until it fits.
pub fn table(view: &RunView, width: Option<usize>) -> String {
    let mut trials: Vec<&Trial> = view.snapshot.trials.iter().collect();
    trials.sort_by_key(|t| t.index);
    let mut columns = trial_columns(view, &trials);
    let messages = message_column(&trials);
    if !messages.is_empty() {
        columns.push(messages);
    }
    let n_dropped = width.map_or(0, |w| fit(&mut columns, w));
    let mut text = lines(&columns).join("\n");
    text.push_str(&format!(
        "\n\n{}\n",
        counts_line(&view.status.counts, view.snapshot.job.budget.max_trials)
    ));
    if n_dropped > 0 {
        let columns = if n_dropped == 1 {
            "column is"
        } else {
            "columns are"
        };
        text.push_str(&format!("{n_dropped} {columns} not shown: there is no room\n"));
    }
    text
}

/// `12 of 30 trials: 2 running, 9 succeeded, 1 failed`.
fn counts_line(counts: &Counts, max_trials: u32) -> String {
    let phases = phases_line(counts);
    let colon = if phases.is_empty() { "" } else { ": " };
    format!("{} of {max_trials} trials{colon}{phases}", counts.total)
}

/// `2 running, 9 succeeded, 1 failed`; empty without any trial.
pub(super) fn phases_line(counts: &Counts) -> String {
    let parts = [
        (counts.queued, "queued"),
        (counts.running, "running"),
        (counts.succeeded, "succeeded"),
        (counts.early_stopped, "stopped early"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    parts.join(", ")
}
