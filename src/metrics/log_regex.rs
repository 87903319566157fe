//! Metrics out of a log: names and regular expressions, as SageMaker's metric definitions have them.
//!
//! The engine is that of the `regex` crate: linear in the line, so no expression can stall the tuner. How many expressions
//! there may be and how long, the manifest's schema says; how large they may become is bounded here.

use super::plain_definition::expression_for;
use super::{WHOLE_NUMBER, number};
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// Most definitions that a manifest may have.
pub const MAX_DEFINITIONS: usize = 40;
/// Longest expression that a manifest may have, in characters.
pub const MAX_EXPRESSION: usize = 1024;

const MAX_COMPILED_BYTES: usize = 1 << 20;

/// Reads a log line by line. Made where the manifest is checked and nowhere else, so what passes the check works.
#[derive(Clone, Debug)]
pub struct LogMetrics {
    expressions: Vec<(String, Regex)>,
}

impl PartialEq for LogMetrics {
    /// The same names and the same texts.
    fn eq(&self, other: &Self) -> bool {
        let texts = |of: &Self| -> Vec<(String, String)> {
            let text = |(name, regex): &(String, Regex)| (name.clone(), regex.as_str().to_owned());
            of.expressions.iter().map(text).collect()
        };
        texts(self) == texts(other)
    }
}

impl LogMetrics {
    /// Compiles definitions: the name of a metric, such as `f1`, which may come more than once, and a regular expression
    /// with one capture group, around the number; without one, the name in its usual forms is looked for.
    ///
    /// # Errors
    /// Of each definition at fault (by its index), what is wrong and what would be right.
    pub fn new<'a, E: Into<Option<&'a str>>>(
        definitions: impl IntoIterator<Item = (&'a str, E)>,
    ) -> Result<Self, Vec<(usize, String)>> {
        let mut expressions = Vec::new();
        let mut faults = Vec::new();
        for (i, (name, expression)) in definitions.into_iter().enumerate() {
            let compiled = match expression.into() {
                Some(expression) => compile(expression),
                None => compile(&expression_for(name)),
            };
            match compiled {
                Ok(regex) => expressions.push((name.to_owned(), regex)),
                Err(fault) => faults.push((i, fault)),
            }
        }
        if faults.is_empty() {
            Ok(Self { expressions })
        } else {
            Err(faults)
        }
    }

    /// Every value that a line holds, in the definitions' order and then the line's: each is a point of its metric's
    /// curve, and the last of the whole log is its final value.
    pub fn feed(&self, line: &str) -> Vec<LogValue> {
        let values = |(name, regex): &(String, Regex)| -> Vec<LogValue> {
            let captures = regex.captures_iter(line).filter_map(|c| c.get(1));
            let value = |m: regex::Match| LogValue {
                name: name.clone(),
                value: captured(line, m.range()),
            };
            captures.map(value).collect()
        };
        self.expressions.iter().flat_map(values).collect()
    }
}

/// What an expression captured in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct LogValue {
    /// The metric's name.
    pub name: String,
    /// Its value; may be NaN.
    pub value: Result<f64, Unread>,
}

/// Why a capture is no value; each carries the sentence that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is a part of a number, which is another number.
    Part(String),
    /// It is no number.
    NoNumber(String),
}

impl Unread {
    /// The sentence.
    pub fn sentence(&self) -> &str {
        let (Self::Part(sentence) | Self::NoNumber(sentence)) = self;
        sentence
    }
}

fn captured(line: &str, range: Range<usize>) -> Result<f64, Unread> {
    let text = &line[range.clone()];
    let part = |why: &str| {
        let place = around(line, &range);
        let text = short(text);
        Unread::Part(format!("of {place} the expression captures only {text}: {why}"))
    };
    let whole = format!("let its group take the whole number, such as {WHOLE_NUMBER}");
    if continues(&line[range.end..], text) {
        return Err(part(if line[range.end..].starts_with(',') {
            "print numbers with a point and without commas"
        } else {
            &whole
        }));
    }
    if began_before(&line[..range.start], text) {
        return Err(part(&whole));
    }
    // A number may end a sentence.
    let number_of = |text: &str| number(text).or_else(|| number(text.strip_suffix('.')?));
    number_of(text).ok_or_else(|| {
        let place = around(line, &range);
        Unread::NoNumber(format!(
            "in {place} the expression captures {}, which is no number",
            short(text)
        ))
    })
}

/// Whether what follows a capture belongs to the number that it ends with.
fn continues(after: &str, text: &str) -> bool {
    let digit_at = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if !text.ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let has_point = text.contains('.');
    let exponent = after
        .strip_prefix(['e', 'E'])
        .is_some_and(|power| digit_at(power.trim_start_matches(['+', '-'])));
    let fraction = !has_point && after.strip_prefix(['.', ',']).is_some_and(digit_at);
    let grouped = !has_point && after.strip_prefix('_').is_some_and(digit_at);
    digit_at(after) || exponent || fraction || grouped
}

/// Whether what stands before a capture belongs to the number that it begins with.
fn began_before(before: &str, text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let ends_in_digit = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    let fraction = before.strip_suffix(['.', ',']).is_some_and(ends_in_digit);
    // Between words it is a dash.
    let sign = before
        .strip_suffix('-')
        .is_some_and(|rest| rest.ends_with(['=', ':', ' ', '\t', '(', '[', '"', '\'']));
    ends_in_digit(before) || fraction || sign
}

/// The place of a capture in its line, in quotes.
fn around(line: &str, range: &Range<usize>) -> String {
    const REACH: usize = 40;
    let begin = line[..range.start]
        .char_indices()
        .rev()
        .nth(REACH)
        .map_or(0, |(at, _)| at);
    let after = &line[range.end..];
    let end = range.end + after.char_indices().nth(REACH).map_or(after.len(), |(at, _)| at);
    short(&line[begin..end])
}

fn short(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    match text.char_indices().nth(MAX_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?} and so on", &text[..end]),
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let limited = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .build();
    let regex = limited.map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => {
            "the expression is too large: use smaller repetition counts, and [0-9] for \\d, [a-z] for \\w"
                .to_owned()
        }
        other => format!("the expression cannot be read: {}", last_line(&other.to_string())),
    })?;
    match regex.captures_len() - 1 {
        1 => Ok(regex),
        0 => Err(format!(
            "the expression captures nothing: put the number in parentheses, such as f1={WHOLE_NUMBER}"
        )),
        n => Err(format!(
            "the expression has {n} capture groups, one is needed: write (?:…) for groups that are not the number"
        )),
    }
}

/// The regex crate draws the place of an error over several lines; the last names the error.
fn last_line(text: &str) -> &str {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line)
}

#[cfg(test)]
#[path = "log_regex_tests.rs"]
mod tests;
