//! Metrics out of a log: names and regular expressions, as SageMaker's metric definitions have them.
//!
//! The engine is that of the `regex` crate: linear in the line, so no expression can stall the tuner. Its size is bounded.

use super::number;
use regex::{Regex, RegexBuilder};

/// Longest part of a line that is searched, in bytes; the rest of the line is ignored.
pub const MAX_LINE_BYTES: usize = 16 << 10;

const MAX_DEFINITIONS: usize = 40;
const MAX_PATTERN_BYTES: usize = 1000;
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// Where one metric is found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDefinition {
    /// Name of the metric, such as `f1`; a name may have several definitions.
    pub name: String,
    /// A regular expression with one capture group, around the number.
    pub regex: String,
}

/// Reads a log line by line.
#[derive(Clone, Debug)]
pub struct LogMetrics {
    expressions: Vec<(String, Regex)>,
}

impl LogMetrics {
    /// Compiles the definitions, or says of each one at fault (by its index) what is wrong and what would be right.
    pub fn new(definitions: &[MetricDefinition]) -> Result<Self, Vec<(usize, String)>> {
        if definitions.len() > MAX_DEFINITIONS {
            let n = definitions.len();
            return Err(vec![(
                MAX_DEFINITIONS,
                format!("{n} definitions: at most {MAX_DEFINITIONS}"),
            )]);
        }
        let mut expressions = Vec::new();
        let mut faults = Vec::new();
        for (i, definition) in definitions.iter().enumerate() {
            match compile(&definition.regex) {
                Ok(regex) => expressions.push((definition.name.clone(), regex)),
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
    pub fn feed(&mut self, line: &str) -> Vec<(String, f64)> {
        let line = &line[..line.floor_char_boundary(MAX_LINE_BYTES)];
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
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!(
            "the expression has {} bytes: at most {MAX_PATTERN_BYTES}",
            pattern.len()
        ));
    }
    let limited = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .build();
    let regex = limited.map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => {
            "the expression is too large: use smaller repetition counts".to_owned()
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
mod tests {
    use super::*;

    fn definition(name: &str, regex: &str) -> MetricDefinition {
        MetricDefinition {
            name: name.into(),
            regex: regex.into(),
        }
    }

    fn metrics(definitions: &[(&str, &str)]) -> LogMetrics {
        LogMetrics::new(
            &definitions
                .iter()
                .map(|(n, r)| definition(n, r))
                .collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn fault(regex: &str) -> String {
        LogMetrics::new(&[definition("f1", regex)])
            .unwrap_err()
            .remove(0)
            .1
    }

    #[test]
    fn every_match_is_a_point() {
        let mut log = metrics(&[("f1", r"f1[=:]\s*(\S+)"), ("loss", r"loss=([0-9.e+-]+)")]);
        assert_eq!(log.feed("epoch 1"), []);
        let pairs = |values: &[(&str, f64)]| {
            values
                .iter()
                .map(|(n, v)| ((*n).to_owned(), *v))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            log.feed("step 115 loss=1e-3 f1=0.87"),
            pairs(&[("f1", 0.87), ("loss", 1e-3)])
        );
        assert_eq!(log.feed("f1=0.5 f1: 0.6"), pairs(&[("f1", 0.5), ("f1", 0.6)]));
        assert_eq!(log.feed("f1=87%"), []);
        assert_eq!(log.feed("f1=0,87"), []);
        assert!(log.feed("f1=nan")[0].1.is_nan());
        assert_eq!(log.feed("f1=-inf")[0].1, f64::NEG_INFINITY);
    }

    #[test]
    fn a_name_may_have_several_definitions() {
        let mut log = metrics(&[("f1", "eval_f1 (.*)$"), ("f1", "final f1 is (.*)$")]);
        assert_eq!(log.feed("final f1 is 0.91"), [("f1".to_owned(), 0.91)]);
    }

    #[test]
    fn an_endless_line_is_cut_even_inside_a_character() {
        let mut log = metrics(&[("f1", "f1=([0-9.]+)")]);
        let filler = "é".repeat(MAX_LINE_BYTES / 2);
        assert_eq!(
            log.feed(&format!("f1=0.25 {filler} f1=0.5")),
            [("f1".to_owned(), 0.25)]
        );
        assert_eq!(log.feed(&format!("x{filler} f1=0.5")), []);
    }

    #[test]
    fn faults_name_their_cure() {
        assert!(fault("f1=[0-9.]+").contains("put the number in parentheses"));
        assert!(fault("(f1|F1)=([0-9.]+)").contains("write (?:…)"));
        assert_eq!(
            fault("f1=([0-9.]+"),
            "the expression cannot be read: unclosed group"
        );
        assert!(fault("(?=f1)([0-9.]+)").contains("look-around"));
        assert!(fault(r"((?:\w{100}){100}){100}").contains("smaller repetition counts"));
        assert!(fault(&format!("({})", "a".repeat(MAX_PATTERN_BYTES))).contains("at most 1000"));
    }

    #[test]
    fn every_fault_is_said_at_once() {
        let all = ["(a", "(a)", "a"].map(|r| definition("f1", r));
        let faults = LogMetrics::new(&all).unwrap_err();
        assert_eq!(faults.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 2]);
        let many = vec![definition("f1", "(a)"); MAX_DEFINITIONS + 1];
        assert_eq!(LogMetrics::new(&many).unwrap_err()[0].0, MAX_DEFINITIONS);
    }
}
