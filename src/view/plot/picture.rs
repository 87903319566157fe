//! The plot as a picture, the same for SVG and PNG.

use super::canvas::{Anchor, Canvas, Drawn, Place};
use super::{Kind, Plot};
use plotters::prelude::*;

/// Width of the picture in logical pixels.
pub(super) const WIDTH: f64 = 880.0;
/// Height of the picture in logical pixels.
pub(super) const HEIGHT: f64 = 540.0;

const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 28.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = HEIGHT - 72.0;
/// Where failed and running trials lie, which have no height of their own.
const FLOOR: f64 = BOTTOM - 9.0;

// Okabe and Ito's palette, which colour-blind readers can tell apart.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const SKY: RGBColor = RGBColor(86, 180, 233);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(150, 70, 130);
const INK: RGBColor = RGBColor(40, 40, 40);
const GREY: RGBColor = RGBColor(120, 120, 120);
const PALE: RGBColor = RGBColor(228, 228, 228);

/// Draws the whole picture.
pub(super) fn picture<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: &Plot) -> Drawn<DB> {
    canvas.area.fill(&WHITE)?;
    canvas.text(&plot.title, (LEFT, 24.0), 21.0, INK, Anchor::Left)?;
    axes(canvas, plot)?;
    prediction(canvas, plot)?;
    recommended(canvas, plot)?;
    for mark in &plot.observations {
        symbol(canvas, place(plot, mark.x, mark.y), mark.kind)?;
    }
    for (x, kind) in &plot.without_value {
        symbol(canvas, (place(plot, *x, plot.y.low).0, FLOOR), *kind)?;
    }
    if let Some([x, mean, ..]) = plot.recommended {
        diamond(canvas, place(plot, x, mean), 9.5)?;
    }
    if let Some((x, y)) = plot.best {
        canvas.ring(place(plot, x, y), 8.5, GREEN, 2.2)?;
    }
    legend(canvas, plot)
}

fn place(plot: &Plot, x: f64, y: f64) -> Place {
    (
        LEFT + plot.x.fraction(x) * (RIGHT - LEFT),
        BOTTOM - plot.y.fraction(y) * (BOTTOM - TOP),
    )
}

fn axes<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: &Plot) -> Drawn<DB> {
    for (y, text) in &plot.y.ticks {
        let (_, at) = place(plot, plot.x.low, *y);
        canvas.line(&[(LEFT, at), (RIGHT, at)], PALE, 1.0)?;
        canvas.text(text, (LEFT - 9.0, at), 15.5, INK, Anchor::Right)?;
    }
    for (x, text) in &plot.x.ticks {
        let (at, _) = place(plot, *x, plot.y.low);
        canvas.line(&[(at, TOP), (at, BOTTOM)], PALE, 1.0)?;
        canvas.line(&[(at, BOTTOM), (at, BOTTOM + 6.0)], GREY, 1.0)?;
        canvas.text(text, (at, BOTTOM + 18.0), 15.5, INK, Anchor::Center)?;
    }
    for x in &plot.x.minor {
        let (at, _) = place(plot, *x, plot.y.low);
        canvas.line(&[(at, BOTTOM), (at, BOTTOM + 3.5)], GREY, 1.0)?;
    }
    canvas.line(&[(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], GREY, 1.0)?;
    canvas.text(
        &plot.x.label,
        ((LEFT + RIGHT) / 2.0, HEIGHT - 24.0),
        17.0,
        INK,
        Anchor::Center,
    )?;
    canvas.text(
        &plot.y.label,
        (22.0, (TOP + BOTTOM) / 2.0),
        17.0,
        INK,
        Anchor::Upwards,
    )?;
    if plot.n_beyond > 0 {
        let text = format!("{} beyond this axis", plot.n_beyond);
        canvas.text(&text, (RIGHT, HEIGHT - 24.0), 14.0, VERMILION, Anchor::Right)?;
    }
    Ok(())
}

/// The 90 % band and the mean. Where they leave the axis they follow its end.
fn prediction<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: &Plot) -> Drawn<DB> {
    if plot.curve.len() < 2 {
        return Ok(());
    }
    let along = |column: usize| plot.curve.iter().map(move |c| place(plot, c[0], c[column]));
    let band: Vec<Place> = along(3).chain(along(2).rev()).collect();
    canvas.fill(&band, SKY.mix(0.22))?;
    canvas.line(&along(1).collect::<Vec<_>>(), BLUE, 2.2)
}

fn recommended<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: &Plot) -> Drawn<DB> {
    let Some([x, mean, low, high]) = plot.recommended else {
        return Ok(());
    };
    let at = place(plot, x, mean).0;
    canvas.dashes((at, TOP), (at, BOTTOM), PURPLE, 1.3)?;
    if plot.curve.len() > 1 {
        // The band shows the interval already.
        return Ok(());
    }
    let ends = [low, high].map(|v| place(plot, x, v).1);
    canvas.line(&[(at, ends[0]), (at, ends[1])], PURPLE, 2.4)?;
    for end in ends {
        canvas.line(&[(at - 5.0, end), (at + 5.0, end)], PURPLE, 2.4)?;
    }
    Ok(())
}

/// Hollow, for an observation often lies inside.
fn diamond<DB: DrawingBackend>(canvas: &Canvas<DB>, (x, y): Place, r: f64) -> Drawn<DB> {
    canvas.line(
        &[(x, y - r), (x + r, y), (x, y + r), (x - r, y), (x, y - r)],
        PURPLE,
        2.2,
    )
}

fn symbol<DB: DrawingBackend>(canvas: &Canvas<DB>, (x, y): Place, kind: Kind) -> Drawn<DB> {
    match kind {
        Kind::Succeeded => canvas.disc((x, y), 4.2, INK),
        Kind::EarlyStopped => {
            let corners = [(x - 5.0, y - 4.0), (x + 5.0, y - 4.0), (x, y + 5.0)];
            canvas.fill(&corners, ORANGE)
        }
        Kind::Failed => {
            let r = 4.2;
            canvas.line(&[(x - r, y - r), (x + r, y + r)], VERMILION, 2.2)?;
            canvas.line(&[(x - r, y + r), (x + r, y - r)], VERMILION, 2.2)
        }
        Kind::Running => canvas.ring((x, y), 4.2, GREY, 1.8),
    }
}

/// One row between title and data, so that it never lies over the data.
fn legend<DB: DrawingBackend>(canvas: &Canvas<DB>, plot: &Plot) -> Drawn<DB> {
    const SIZE: f64 = 15.0;
    let y = 56.0;
    let mut x = LEFT + 4.0;
    let mut entry = |text: &str| -> Result<f64, DrawingAreaErrorKind<DB::ErrorType>> {
        let symbol_at = x + 8.0;
        canvas.text(text, (x + 22.0, y), SIZE, INK, Anchor::Left)?;
        x += 22.0 + canvas.text_width(text, SIZE) + 20.0;
        Ok(symbol_at)
    };
    for kind in plot.kinds() {
        let at = entry(kind.word())?;
        symbol(canvas, (at, y), kind)?;
    }
    if plot.best.is_some() {
        let at = entry("best")?;
        canvas.ring((at, y), 7.0, GREEN, 2.2)?;
    }
    if plot.curve.len() > 1 {
        let at = entry("posterior, 90 %")?;
        canvas.fill(
            &[
                (at - 9.0, y - 7.0),
                (at + 9.0, y - 7.0),
                (at + 9.0, y + 7.0),
                (at - 9.0, y + 7.0),
            ],
            SKY.mix(0.3),
        )?;
        canvas.line(&[(at - 9.0, y), (at + 9.0, y)], BLUE, 2.2)?;
    }
    if plot.recommended.is_some() {
        let at = entry("recommended")?;
        diamond(canvas, (at, y), 7.0)?;
    }
    Ok(())
}
