//! Metrics out of a log: names and regular expressions, as SageMaker's metric definitions have them.
//!
//! The engine is that of the `regex` crate: linear in the line, so no expression can stall the tuner. How many expressions
//! there may be and how long, the manifest's schema says; how large they may become is bounded here.

use super::number;
use regex::{Regex, RegexBuilder};

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
    /// with one capture group, around the number.
    ///
    /// # Errors
    /// Of each definition at fault (by its index), what is wrong and what would be right.
    pub fn new<'a>(
        definitions: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<(usize, String)>> {
        let mut expressions = Vec::new();
        let mut faults = Vec::new();
        for (i, (name, expression)) in definitions.into_iter().enumerate() {
            match compile(expression) {
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
    /// curve, and the last of the whole log is its final value. What is captured but is no number is ignored.
    pub fn feed(&self, line: &str) -> Vec<(String, f64)> {
        let values = |(name, regex): &(String, Regex)| -> Vec<(String, f64)> {
            let texts = regex.captures_iter(line).filter_map(|c| c.get(1));
            texts
                .filter_map(|m| Some((name.clone(), number(m.as_str())?)))
                .collect()
        };
        self.expressions.iter().flat_map(values).collect()
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
        0 => {
            Err("the expression captures nothing: put the number in parentheses, such as f1=([0-9.]+)".into())
        }
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
