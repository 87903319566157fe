//! A sheet of paper for a plot: places in logical pixels, a scale, and the few shapes that a plot needs.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What a drawing step returns.
pub(super) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A place in logical pixels, from the upper left corner.
pub(super) type Place = (f64, f64);

/// Families under which the embedded font is registered; an SVG names them, and a browser takes the first it has.
pub(super) const FONT_FAMILY: &str = "Ubuntu, Helvetica Neue, Arial, sans-serif";

/// Draws shapes over any of plotters' backends, `scale` device pixels for each logical one.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    pub area: &'a DrawingArea<DB, Shift>,
    pub scale: f64,
    /// How far below its place a text must be put to be centred there, as a part of its size.
    pub text_drop: f64,
}

/// Where a text lies against its place.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Center,
    Right,
    /// Centred and turned to be read upwards.
    Upwards,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn pixel(&self, (x, y): Place) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn stroke(&self, color: impl Color, width: f64) -> ShapeStyle {
        color.stroke_width((width * self.scale).round().max(1.0) as u32)
    }

    /// A line through places.
    pub fn line(&self, places: &[Place], color: impl Color, width: f64) -> Drawn<DB> {
        let places: Vec<_> = places.iter().map(|p| self.pixel(*p)).collect();
        self.area
            .draw(&PathElement::new(places, self.stroke(color, width)))
    }

    /// A straight line of dashes.
    pub fn dashes(&self, from: Place, to: Place, color: impl Color, width: f64) -> Drawn<DB> {
        const PERIOD: f64 = 8.0;
        const DASH: f64 = 5.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(f64::MIN_POSITIVE);
        let at = |d: f64| (from.0 + dx * d / length, from.1 + dy * d / length);
        let n = (length / PERIOD).ceil() as usize;
        (0..n).map(|i| i as f64 * PERIOD).try_for_each(|start| {
            self.line(
                &[at(start), at((start + DASH).min(length))],
                color.to_rgba(),
                width,
            )
        })
    }

    /// A filled area inside places.
    pub fn fill(&self, places: &[Place], color: impl Color) -> Drawn<DB> {
        let places: Vec<_> = places.iter().map(|p| self.pixel(*p)).collect();
        self.area.draw(&Polygon::new(places, color.filled()))
    }

    /// A filled disc with a white rim, so that discs upon each other stay apart.
    pub fn disc(&self, center: Place, radius: f64, color: impl Color) -> Drawn<DB> {
        self.area.draw(&Circle::new(
            self.pixel(center),
            (radius + 1.0) * self.scale,
            WHITE.filled(),
        ))?;
        self.area.draw(&Circle::new(
            self.pixel(center),
            radius * self.scale,
            color.filled(),
        ))
    }

    /// A circle.
    pub fn ring(&self, center: Place, radius: f64, color: impl Color, width: f64) -> Drawn<DB> {
        let n = 48;
        let at = |i: i32| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(i) / f64::from(n)).sin_cos();
            (center.0 + radius * cos, center.1 + radius * sin)
        };
        self.line(&(0..=n).map(at).collect::<Vec<_>>(), color, width)
    }

    /// A text, centred in height.
    pub fn text(&self, text: &str, place: Place, size: f64, color: impl Color, anchor: Anchor) -> Drawn<DB> {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Center | Anchor::Upwards => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let mut font = (FONT_FAMILY, size * self.scale).into_font();
        if let Anchor::Upwards = anchor {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = TextStyle::from(font)
            .color(&color)
            .pos(Pos::new(horizontal, VPos::Center));
        let drop = self.text_drop * size;
        let (x, y) = place;
        let place = if let Anchor::Upwards = anchor {
            (x + drop, y)
        } else {
            (x, y + drop)
        };
        self.area
            .draw(&Text::new(text.to_owned(), self.pixel(place), style))
    }

    /// Width of a text in logical pixels.
    pub fn text_width(&self, text: &str, size: f64) -> f64 {
        let font = (FONT_FAMILY, size * self.scale).into_font();
        font.box_size(text)
            .map_or(0.0, |(width, _)| f64::from(width) / self.scale)
    }
}
