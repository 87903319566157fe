//! The live screen: how the job stands, its trials, what is worth a word.

use super::RunView;
use super::cells::{message_column, state, trial_columns};
use super::grid::{Column, GAP, fit, pad};
use super::numbers::{aligned, cut, duration, escape, short};
use super::plot::{Plot, paint, plotted_parameter};
use super::progress::{job_eta, job_fraction, trial_eta};
use super::report::doubt;
use super::table::phases_line;
use crate::optimizer::Goal;
use crate::tuning::{Phase, Trial};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Most notices shown at once: the last.
const MAX_NOTICES: usize = 4;
/// Rows above the table.
const HEAD_ROWS: u16 = 7;
/// Fewest and most rows of a plot.
const PLOT_ROWS: (u16, u16) = (14, 20);
/// Rows of a window that always shows a plot.
const TALL: u16 = 38;

/// Draws a run. Looks its best from 80x24 on; in less room, rows and columns are left out.
pub fn draw(frame: &mut Frame, view: &RunView) {
    let notices = notices(view);
    let n_notices = u16::try_from(notices.len()).unwrap_or(0);
    let areas = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(2),
        Constraint::Length(3),
        Constraint::Min(2),
        Constraint::Length(plot_rows(view, frame.area(), HEAD_ROWS + n_notices)),
        Constraint::Length(n_notices),
    ]);
    let [
        header_area,
        bar_area,
        results_area,
        table_area,
        plot_area,
        notices_area,
    ] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(header(view, header_area.width)), header_area);
    frame.render_widget(bar(view, bar_area.width), bar_area);
    frame.render_widget(Paragraph::new(results(view)), results_area);
    draw_table(frame, view, table_area);
    draw_plot(frame, view, plot_area);
    frame.render_widget(Paragraph::new(notices), notices_area);
}

/// Name and state on the left, times on the right; below, what is asked for.
fn header(view: &RunView, width: u16) -> Vec<Line<'static>> {
    let (job, status) = (&view.snapshot.job, &view.status);
    let (state, color) = match &status.ended {
        Some(end) if end.reason.is_success() => ("done", Color::Green),
        Some(_) => ("failed", Color::Red),
        None if status.suspended => ("suspended", Color::Yellow),
        None => ("running", Color::Cyan),
    };
    let mut times = format!("elapsed {}", duration(view.snapshot.active));
    if let Some(eta) = job_eta(view) {
        times.push_str(&format!("   about {} left", duration(eta)));
    }
    let name = cut(&escape(&view.name), 40);
    let used = name.chars().count() + 2 + state.len() + times.chars().count();
    let space = " ".repeat(usize::from(width).saturating_sub(used).max(1));
    let first = vec![
        name.bold(),
        "  ".into(),
        Span::styled(state, color),
        space.into(),
        times.into(),
    ];
    let verb = match job.objective.goal {
        Goal::Maximize => "maximize",
        Goal::Minimize => "minimize",
    };
    let mut asked = vec![format!("{verb} {}", escape(view.metric()))];
    asked.extend(job.objective.target.map(|t| format!("target {}", short(t))));
    asked.push(job.strategy.word().to_owned());
    asked.push(format!("{} at once", job.budget.parallel));
    if status.gpu_hours > 0.0 {
        let limit = job
            .budget
            .max_gpu_hours
            .map(|l| format!(" of {}", short(l)))
            .unwrap_or_default();
        asked.push(format!("{:.2}{limit} GPU-hours", status.gpu_hours));
    }
    asked.extend(
        job.budget
            .max_duration
            .map(|d| format!("at most {}", duration(d))),
    );
    while asked.len() > 1 && asked.join(" · ").chars().count() > usize::from(width) {
        asked.pop();
    }

    vec![Line::from(first), Line::from(asked.join(" · ")).dark_gray()]
}

/// The trial budget as a bar, in eighths of a character; below, the trials by phase.
fn bar(view: &RunView, width: u16) -> Paragraph<'static> {
    let counts = &view.status.counts;
    let label = format!(" {} of {}", counts.done(), view.snapshot.job.budget.max_trials);
    let cells = usize::from(width).saturating_sub(label.chars().count());
    let eighths = (job_fraction(view) * (cells * 8) as f64) as usize;
    let mut filled = "█".repeat(eighths / 8);
    if let Some(part) = " ▏▎▍▌▋▊▉".chars().nth(eighths % 8).filter(|c| *c != ' ') {
        filled.push(part);
    }
    let rest = "░".repeat(cells.saturating_sub(filled.chars().count()));
    let bar = Line::from(vec![filled.cyan(), rest.dark_gray(), label.into()]);
    Paragraph::new(vec![bar, Line::from(phases_line(counts)).dark_gray()])
}

fn results(view: &RunView) -> Vec<Line<'static>> {
    let metric = escape(view.metric());
    let best = match view.status.best.zip(view.best_trial()) {
        Some((best, trial)) => vec![
            "best         ".dark_gray(),
            format!("{metric} {}", aligned(best.value)).bold(),
            format!(
                " at {}, {}{}",
                view.assignment(&trial.point),
                view.snapshot.job.trial_name(best.index),
                doubt(best)
            )
            .into(),
        ],
        None => vec!["best         none yet".dark_gray()],
    };
    let recommended = view.recommendation.as_ref().map_or_else(Vec::new, |r| {
        vec![
            "recommended  ".dark_gray(),
            format!("{metric} {}", aligned(r.mean)).bold(),
            match r.interval {
                Some(i) => format!(
                    " at {}, {} to {}",
                    view.assignment(&r.point),
                    aligned(i.low),
                    aligned(i.high)
                ),
                None => format!(" at {}", view.assignment(&r.point)),
            }
            .into(),
        ]
    });
    vec![Line::from(best), Line::from(recommended), Line::default()]
}

fn draw_table(frame: &mut Frame, view: &RunView, area: Rect) {
    let room = usize::from(area.height).saturating_sub(1);
    let n_trials = view.snapshot.trials.len();
    // Hidden trials cost a line that says so.
    let trials = chosen(
        view,
        if n_trials > room {
            room.saturating_sub(1)
        } else {
            room
        },
    );
    let mut columns = trial_columns(view, &trials);
    let left = |t: &&Trial| trial_eta(t, view.now).map(duration).unwrap_or_default();
    columns.push(Column::right("left", trials.iter().map(left).collect()));
    columns.push(message_column(&trials));
    columns.retain(|c| !c.is_empty());
    fit(&mut columns, usize::from(area.width));
    let mut lines = vec![row(&columns, &|c| &c.title).style(Style::new().add_modifier(Modifier::UNDERLINED))];
    for (i, trial) in trials.iter().enumerate() {
        let is_best = view.status.best.is_some_and(|b| b.index == trial.index);
        lines.push(row(&columns, &|c| &c.cells[i]).style(style(trial, is_best)));
    }
    if trials.len() < n_trials {
        let hidden = n_trials - trials.len();
        lines.push(Line::from(format!(" … {hidden} more")).dark_gray());
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Room that the trials leave, or in a tall window a part of theirs, goes to a plot.
fn plot_rows(view: &RunView, area: Rect, other_rows: u16) -> u16 {
    let n_rows = u16::try_from(view.snapshot.trials.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let (fewest, most) = PLOT_ROWS;
    let free = area.height.saturating_sub(other_rows).saturating_sub(n_rows);
    let rows = if area.height >= TALL {
        free.max(fewest)
    } else {
        free
    };
    if rows < fewest || area.width < 60 {
        0
    } else {
        rows.min(most)
    }
}

/// The observations so far, without a model: fitting one takes longer than a screen may.
fn draw_plot(frame: &mut Frame, view: &RunView, area: Rect) {
    let parameter = plotted_parameter(view, None).unwrap_or(0);
    let plot = Plot::new(view, parameter, &[], &[]).filter(|_| area.height >= PLOT_ROWS.0);
    let Some(plot) = plot else { return };
    // The first row stays empty, between table and plot.
    let drawn = paint(&plot, area.width, area.height - 1);
    let target = frame.buffer_mut();
    for place in drawn.area.positions() {
        if let Some(cell) = target.cell_mut((area.x + place.x, area.y + 1 + place.y)) {
            *cell = drawn[place].clone();
        }
    }
}

fn row(columns: &[Column], cell: &dyn Fn(&Column) -> &String) -> Line<'static> {
    let padded = columns.iter().map(|c| pad(cell(c), c.width(), c.right_aligned));
    Line::from(padded.collect::<Vec<_>>().join(&" ".repeat(GAP)))
}

fn style(trial: &Trial, is_best: bool) -> Style {
    let style = match trial.phase {
        Phase::Running => Style::new().fg(Color::Cyan),
        Phase::Succeeded => Style::new(),
        Phase::EarlyStopped => Style::new().fg(Color::Yellow),
        Phase::Failed(_) => Style::new().fg(Color::Red),
        Phase::Queued | Phase::Cancelled => Style::new().fg(Color::DarkGray),
    };
    if is_best {
        style.fg(Color::Green).add_modifier(Modifier::BOLD)
    } else {
        style
    }
}

/// The trials that matter most, at most `room`, by index: the running ones, the best, the latest ended, then the rest.
fn chosen(view: &RunView, room: usize) -> Vec<&Trial> {
    let best = view.status.best.map(|b| b.index);
    let rank = |t: &Trial| match t.phase {
        Phase::Running => 0,
        _ if Some(t.index) == best => 1,
        Phase::Queued | Phase::Cancelled => 3,
        _ => 2,
    };
    let mut trials: Vec<&Trial> = view.snapshot.trials.iter().collect();
    trials.sort_by_key(|t| (rank(t), std::cmp::Reverse((t.ended, t.index))));
    trials.truncate(room);
    trials.sort_by_key(|t| t.index);
    trials
}

/// The notes, the last failure and the end of the job, the last few of them.
fn notices(view: &RunView) -> Vec<Line<'static>> {
    let end = view
        .status
        .ended
        .iter()
        .map(|e| Line::from(escape(&e.message)).bold());
    let notes = view
        .notes
        .iter()
        .map(|n| Line::from(format!("note: {}", escape(n))).dark_gray());
    let failed = view
        .snapshot
        .trials
        .iter()
        .filter(|t| matches!(t.phase, Phase::Failed(_)));
    let failure = failed.max_by_key(|t| (t.ended, t.index)).map(|t| {
        let name = view.snapshot.job.trial_name(t.index);
        Line::from(format!("{name} {}: {}", state(t), escape(&t.message))).red()
    });
    let mut lines: Vec<_> = notes.chain(failure).chain(end).collect();
    lines.drain(..lines.len().saturating_sub(MAX_NOTICES));
    lines
}
