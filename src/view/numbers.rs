//! Numbers, durations and foreign text as a person reads them.

use crate::space::Value;
use jiff::SignedDuration;

/// A number with four significant digits and no trailing zeros: `0.9178`, `6.47e-5`, `12`; NaN is `-`.
pub fn short(x: f64) -> String {
    digits(x, 4, true)
}

/// A number with two significant digits and no trailing zeros, where more would say no more: `4.2`, `0.099`.
pub fn rough(x: f64) -> String {
    digits(x, 2, true)
}

/// A number with exactly four significant digits, so that columns align: `0.9000`; NaN is `-`.
pub fn aligned(x: f64) -> String {
    digits(x, 4, false)
}

/// [`aligned`], and `-` where there is no number.
pub fn aligned_or_dash(x: Option<f64>) -> String {
    aligned(x.unwrap_or(f64::NAN))
}

/// A parameter's value with four significant digits; words are escaped and cut to 24 characters.
pub fn value(value: &Value) -> String {
    match value {
        Value::Double(x) => short(*x),
        Value::Integer(x) => x.to_string(),
        Value::Text(x) => cut(&escape(x), 24),
    }
}

/// A duration in its two largest units: `8.4s`, `42s`, `3m12s`, `2h05m`, `3d04h`. Negative durations are `0s`.
pub fn duration(d: SignedDuration) -> String {
    let seconds = d.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 if d.as_millis() <= 0 => "0s".to_owned(),
        0..10 => format!("{:.1}s", d.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Text that some program wrote, made harmless: control characters and those that reorder or hide text are written as
/// escapes, and line ends as spaces.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_format(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Characters without a picture of their own that change how their neighbours look.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text, or its beginning and `…` so that it has at most `width` characters.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn digits(x: f64, n: usize, trim: bool) -> String {
    if x.is_nan() {
        return "-".into();
    }
    if x.is_infinite() || x == 0.0 {
        return x.to_string();
    }
    let after_first = n - 1;
    let rounded = format!("{x:.after_first$e}");
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-3..6).contains(&exponent) {
        let mantissa = if trim { without_zeros(mantissa) } else { mantissa };
        return format!("{mantissa}e{exponent}");
    }
    let text = format!("{x:.*}", after_first.saturating_add_signed(-exponent as isize));
    if trim {
        without_zeros(&text).to_owned()
    } else {
        text
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
