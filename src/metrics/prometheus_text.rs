//! The Prometheus text format: version 0.0.4, with what OpenMetrics adds to it ignored.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. Only samples matter here, so comments, types and help
//! are skipped, and so are timestamps and exemplars after a value. Names in quotes, as Prometheus 3 has them, are understood:
//! `{"eval.f1", "data set"="dev"} 0.9`.

use super::number;
use std::fmt;

/// Largest page that is read, in bytes.
pub const MAX_EXPOSITION_BYTES: usize = 1 << 20;

/// One line of a page: a name, its labels, a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name of the metric.
    pub name: String,
    /// Names and values of its labels, in the page's order, without escapes.
    pub labels: Vec<(String, String)>,
    /// Its value; it may be NaN or infinite.
    pub value: f64,
}

/// A page that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    samples: Vec<Sample>,
    n_malformed: usize,
}

/// A page of this many bytes was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(pub usize);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the metrics page has {} bytes, at most {MAX_EXPOSITION_BYTES} are read",
            self.0
        )
    }
}

impl std::error::Error for TooLarge {}

/// Reads a page. Malformed lines are skipped and counted.
pub fn parse(text: &str) -> Result<Exposition, TooLarge> {
    if text.len() > MAX_EXPOSITION_BYTES {
        return Err(TooLarge(text.len()));
    }
    let mut page = Exposition::default();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        match sample(line) {
            Some(sample) => page.samples.push(sample),
            None => page.n_malformed += 1,
        }
    }
    Ok(page)
}

impl Exposition {
    /// The samples, in the page's order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Number of lines that were skipped because they are not samples.
    pub fn n_malformed(&self) -> usize {
        self.n_malformed
    }

    /// Value of the sample with this name and at least these labels; of several, the last.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |s: &Sample, (label, value): &(&str, &str)| s.label(label) == Some(value);
        let mut samples = self.samples.iter().rev().filter(|s| s.name == name);
        samples
            .find(|s| labels.iter().all(|l| has(s, l)))
            .map(|s| s.value)
    }
}

impl Sample {
    /// Value of the label with this name.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// `name{label="value",…} value [timestamp] [# exemplar]`, or `{"name",label="value",…} …`
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = match line.strip_prefix("{") {
        Some(inside) => quoted_name(inside)?,
        None => identifier(line, ":").map(|(name, rest)| (name.to_owned(), rest))?,
    };
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix(if line.starts_with('{') { ',' } else { '{' }) {
        Some(inside) => labels(inside)?,
        None if line.starts_with('{') => (Vec::new(), rest.strip_prefix('}')?),
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_whitespace();
    let value = number(words.next()?)?;
    match words.next() {
        None => {}
        Some(exemplar) if exemplar.starts_with('#') => {}
        Some(timestamp) => {
            number(timestamp)?;
            if words.next().is_some_and(|w| !w.starts_with('#')) {
                return None;
            }
        }
    }
    Some(Sample { name, labels, value })
}

/// A name in quotes and what follows it.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    unquote(text.trim_start().strip_prefix('"')?)
}

/// A leading identifier, which may also hold the characters of `extra`, and what follows it.
fn identifier<'a>(text: &'a str, extra: &str) -> Option<(&'a str, &'a str)> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c);
    let end = text.find(|c| !legal(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let starts_well = name.starts_with(|c: char| !c.is_ascii_digit());
    starts_well.then_some((name, rest))
}

type Labels = Vec<(String, String)>;

/// The labels behind an opening brace and what follows the closing one; a last comma is allowed.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = match text.starts_with('"') {
            true => quoted_name(text)?,
            false => identifier(text, "").map(|(name, rest)| (name.to_owned(), rest))?,
        };
        let quoted = rest
            .trim_start()
            .strip_prefix('=')?
            .trim_start()
            .strip_prefix('"')?;
        let (value, rest) = unquote(quoted)?;
        labels.push((name, value));
        let rest = rest.trim_start();
        text = match rest.strip_prefix(',') {
            Some(next) => next,
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// The text up to the closing quote, without escapes, and what follows the quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[i + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
#[path = "prometheus_text_tests.rs"]
mod tests;
