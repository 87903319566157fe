//! The picture as SVG text or PNG bytes. The font is part of the program: no machine needs to have one.

use super::Plot;
use super::canvas::{Canvas, FONT_FAMILY};
use super::picture::{HEIGHT, WIDTH, picture};
use plotters::prelude::*;
use plotters::style::register_font;

/// Device pixels of a PNG for each logical one.
const DENSITY: usize = 2;
/// Each of them is the mean of this many in both directions, which makes edges smooth.
const SUPERSAMPLING: usize = 2;
/// Where the embedded font's middle lies below the middle of its box, as a part of its size.
const TEXT_DROP: f64 = 0.17;
/// Units of an SVG for each logical pixel: plotters rounds to whole units, which would make a curve rough.
const SVG_SCALE: f64 = 10.0;

/// The plot as SVG. The error is a sentence.
pub fn svg(plot: &Plot) -> Result<String, String> {
    register()?;
    let mut text = String::new();
    let size = ((WIDTH * SVG_SCALE) as u32, (HEIGHT * SVG_SCALE) as u32);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        picture(
            &Canvas {
                area: &area,
                scale: SVG_SCALE,
                text_drop: 0.0,
            },
            plot,
        )
        .map_err(sentence)?;
        area.present().map_err(sentence)?;
    }
    let fine = format!("<svg width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(text.replacen(&fine, &format!("<svg width=\"{WIDTH}\" height=\"{HEIGHT}\""), 1))
}

/// The plot as PNG, 1760 by 1080 pixels. The error is a sentence.
pub fn png(plot: &Plot) -> Result<Vec<u8>, String> {
    register()?;
    let scale = DENSITY * SUPERSAMPLING;
    let (width, height) = (WIDTH as usize * scale, HEIGHT as usize * scale);
    let mut pixels = vec![0u8; width * height * 3];
    {
        let size = (width as u32, height as u32);
        let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        picture(
            &Canvas {
                area: &area,
                scale: scale as f64,
                text_drop: TEXT_DROP,
            },
            plot,
        )
        .map_err(sentence)?;
        area.present().map_err(sentence)?;
    }
    encode(
        &halve(&pixels, width),
        width / SUPERSAMPLING,
        height / SUPERSAMPLING,
    )
    .map_err(sentence)
}

/// Means over squares of pixels.
fn halve(pixels: &[u8], width: usize) -> Vec<u8> {
    let rows: Vec<&[u8]> = pixels.chunks_exact(width * 3).collect();
    let mean = |rows: &[&[u8]], x: usize, channel: usize| {
        let across = (0..SUPERSAMPLING).map(|dx| 3 * (x * SUPERSAMPLING + dx) + channel);
        let sum: usize = across
            .map(|i| rows.iter().map(|r| usize::from(r[i])).sum::<usize>())
            .sum();
        (sum / (SUPERSAMPLING * SUPERSAMPLING)) as u8
    };
    let places = || (0..width / SUPERSAMPLING).flat_map(|x| (0..3).map(move |channel| (x, channel)));
    rows.chunks_exact(SUPERSAMPLING)
        .flat_map(|r| places().map(|(x, c)| mean(r, x, c)).collect::<Vec<_>>())
        .collect()
}

fn encode(pixels: &[u8], width: usize, height: usize) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Pixels per metre of a screen with 96 logical pixels per inch.
    let density = (96 * DENSITY) as f64 / 0.0254;
    let per_meter = density.round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_meter,
        yppu: per_meter,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn register() -> Result<(), String> {
    register_font(FONT_FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "the embedded font cannot be read".to_owned())
}

fn sentence(error: impl std::fmt::Display) -> String {
    format!("cannot draw the plot: {error}")
}
