//! The plot as characters: the mean in braille dots, the band as a shade, a letter-sized symbol for each trial.

use super::{Kind, Plot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Points};

const LINE: Style = Style::new().fg(Color::DarkGray);
const BEST: (&str, Color) = ("★", Color::Green);
const RECOMMENDED: (&str, Color) = ("◆", Color::Magenta);

/// The plot in `width` by `height` characters (at least 40 by 10), with ANSI colours or without any.
pub fn terminal(plot: &Plot, width: u16, height: u16, colors: bool) -> String {
    text(&paint(plot, width, height), colors)
}

/// The plot in cells, from the upper left corner.
pub(in crate::view) fn paint(plot: &Plot, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width.clamp(40, 400), height.clamp(10, 200));
    let mut buffer = Buffer::empty(area);
    let gutter = plot
        .y
        .ticks
        .iter()
        .map(|t| t.1.chars().count())
        .max()
        .unwrap_or(0) as u16
        + 2;
    let data = Rect::new(gutter, 2, area.width - gutter - 1, area.height - 5);
    buffer.set_stringn(gutter, 0, &plot.title, data.width.into(), Style::new());
    legend(&mut buffer, plot, gutter);
    // Trials without a value have the last row for themselves.
    let floor = u16::from(!plot.without_value.is_empty());
    let heights = Rect {
        height: data.height - floor,
        ..data
    };
    x_axis(&mut buffer, plot, data);
    y_axis(&mut buffer, plot, heights);
    prediction(&mut buffer, plot, heights);
    for (x, kind) in &plot.without_value {
        put(
            &mut buffer,
            (column(plot, data, *x), data.bottom() - 1),
            kind_symbol(*kind),
        );
    }
    marks(&mut buffer, plot, heights);
    buffer
}

fn kind_symbol(kind: Kind) -> (&'static str, Color) {
    match kind {
        Kind::Succeeded => ("●", Color::Reset),
        Kind::EarlyStopped => ("▼", Color::Yellow),
        Kind::Failed => ("×", Color::Red),
        Kind::Running => ("○", Color::Cyan),
    }
}

fn legend(buffer: &mut Buffer, plot: &Plot, left: u16) {
    let mut entries: Vec<((&str, Color), &str)> = plot
        .kinds()
        .into_iter()
        .map(|k| (kind_symbol(k), k.word()))
        .collect();
    entries.extend(plot.best.map(|_| (BEST, "best")));
    entries.extend(plot.recommended.map(|_| (RECOMMENDED, "recommended")));
    if plot.curve.len() > 1 {
        entries.push((("⠒", Color::Blue), "posterior"));
        entries.push((("░", Color::Blue), "90 %"));
    }
    let mut x = left;
    for ((symbol, color), word) in entries {
        let room = usize::from(buffer.area.width.saturating_sub(x));
        if room < word.chars().count() + 2 {
            return;
        }
        buffer.set_string(x, 1, symbol, Style::new().fg(color));
        x = buffer.set_stringn(x + 2, 1, word, room - 2, Style::new()).0 + 2;
    }
}

fn x_axis(buffer: &mut Buffer, plot: &Plot, data: Rect) {
    for y in data.top()..data.bottom() {
        buffer.set_string(data.left() - 1, y, "│", LINE);
    }
    buffer.set_string(data.left() - 1, data.bottom(), "└", LINE);
    for x in data.left()..data.right() {
        buffer.set_string(x, data.bottom(), "─", LINE);
    }
    let mut free_from = 0;
    for (place, text) in &plot.x.ticks {
        let x = column(plot, data, *place);
        let width = text.chars().count() as u16;
        let left = x
            .saturating_sub(width / 2)
            .min(buffer.area.width.saturating_sub(width));
        if left < free_from {
            continue;
        }
        free_from = left + width + 1;
        buffer.set_string(x, data.bottom(), "┬", LINE);
        buffer.set_string(left, data.bottom() + 1, text, Style::new());
    }
    let width = plot.x.label.chars().count() as u16;
    let left = data.left() + data.width.saturating_sub(width) / 2;
    buffer.set_stringn(
        left,
        data.bottom() + 2,
        &plot.x.label,
        data.width.into(),
        Style::new(),
    );
    if plot.n_beyond > 0 {
        let text = format!("{} beyond this axis", plot.n_beyond);
        let left = data.right().saturating_sub(text.chars().count() as u16);
        put(buffer, (left, data.bottom() + 2), (&text, Color::Red));
    }
}

fn y_axis(buffer: &mut Buffer, plot: &Plot, heights: Rect) {
    let mut last = None;
    for (place, text) in &plot.y.ticks {
        let y = row(plot, heights, *place);
        // In few rows, ticks may coincide.
        if last.replace(y) == Some(y) {
            continue;
        }
        let width = usize::from(heights.left()) - 2;
        buffer.set_string(0, y, format!("{text:>width$}"), Style::new());
        buffer.set_string(heights.left() - 1, y, "┤", LINE);
    }
}

fn prediction(buffer: &mut Buffer, plot: &Plot, data: Rect) {
    if plot.curve.len() < 2 {
        return;
    }
    for x in data.left()..data.right() {
        let place = plot.x.low
            + (f64::from(x - data.left()) + 0.5) / f64::from(data.width) * (plot.x.high - plot.x.low);
        let Some([_, low, high]) = interpolate(&plot.curve, place) else {
            continue;
        };
        for y in row(plot, data, high)..=row(plot, data, low) {
            buffer.set_string(x, y, "░", Style::new().fg(Color::Blue));
        }
    }
    let n = usize::from(data.width) * 4;
    let (low, high) = (plot.x.low, plot.x.high);
    let places = (0..=n).map(|i| low + (high - low) * i as f64 / n as f64);
    let mean: Vec<(f64, f64)> = places
        .filter_map(|x| Some((x, interpolate(&plot.curve, x)?[0])))
        .collect();
    let mut layer = Buffer::empty(data);
    Canvas::default()
        .marker(Marker::Braille)
        .x_bounds([low, high])
        .y_bounds([plot.y.low, plot.y.high])
        .paint(|context| {
            context.draw(&Points {
                coords: &mean,
                color: Color::LightBlue,
            })
        })
        .render(data, &mut layer);
    for (cell, drawn) in data.positions().map(|p| (p, &layer[p])) {
        if !drawn.symbol().trim().is_empty() && drawn.symbol() != "\u{2800}" {
            buffer[cell] = drawn.clone();
        }
    }
}

/// Mean, lower and upper end at a place between two of the curve's.
fn interpolate(curve: &[[f64; 4]], place: f64) -> Option<[f64; 3]> {
    let (a, b) = curve
        .windows(2)
        .map(|w| (w[0], w[1]))
        .find(|(a, b)| a[0] <= place && place <= b[0])?;
    let t = if b[0] > a[0] {
        (place - a[0]) / (b[0] - a[0])
    } else {
        0.0
    };
    Some([1, 2, 3].map(|i| a[i] + t * (b[i] - a[i])))
}

fn marks(buffer: &mut Buffer, plot: &Plot, heights: Rect) {
    let at = |x, y| (column(plot, heights, x), row(plot, heights, y));
    for mark in &plot.observations {
        put(buffer, at(mark.x, mark.y), kind_symbol(mark.kind));
    }
    if let Some([x, mean, ..]) = plot.recommended {
        put(buffer, at(x, mean), RECOMMENDED);
    }
    if let Some((x, y)) = plot.best {
        put(buffer, at(x, y), BEST);
    }
}

fn put(buffer: &mut Buffer, (x, y): (u16, u16), (symbol, color): (&str, Color)) {
    buffer.set_string(x, y, symbol, Style::new().fg(color));
}

fn column(plot: &Plot, data: Rect, place: f64) -> u16 {
    data.left() + (plot.x.fraction(place) * f64::from(data.width - 1)).round() as u16
}

fn row(plot: &Plot, data: Rect, place: f64) -> u16 {
    data.bottom() - 1 - (plot.y.fraction(place) * f64::from(data.height - 1)).round() as u16
}

/// The buffer as lines; colours as ANSI sequences around the cells that have one.
fn text(buffer: &Buffer, colors: bool) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut current = Color::Reset;
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let blank = cell.symbol() == " ";
            if colors && !blank && cell.fg != current {
                line.push_str(ansi(cell.fg));
                current = cell.fg;
            }
            line.push_str(cell.symbol());
        }
        text.push_str(line.trim_end());
        if current != Color::Reset {
            text.push_str(ansi(Color::Reset));
        }
        text.push('\n');
    }
    text
}

fn ansi(color: Color) -> &'static str {
    match color {
        Color::Red => "\x1b[31m",
        Color::Green => "\x1b[32m",
        Color::Yellow => "\x1b[33m",
        Color::Blue => "\x1b[34m",
        Color::Magenta => "\x1b[35m",
        Color::Cyan => "\x1b[36m",
        Color::DarkGray => "\x1b[90m",
        Color::LightBlue => "\x1b[94m",
        _ => "\x1b[0m",
    }
}
