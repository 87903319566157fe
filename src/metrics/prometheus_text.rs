//! The Prometheus text format: version 0.0.4, with what OpenMetrics adds to it ignored.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. Only samples matter here, so comments, types and help
//! are skipped, and so are timestamps and exemplars after a value.

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

/// `name{label="value",…} value [timestamp] [# exemplar]`
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = identifier(line, ":")?;
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
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
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
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
        let (name, rest) = identifier(text, "")?;
        let quoted = rest
            .trim_start()
            .strip_prefix('=')?
            .trim_start()
            .strip_prefix('"')?;
        let (value, rest) = unquote(quoted)?;
        labels.push((name.to_owned(), value));
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Exposition {
        parse(text).unwrap()
    }

    #[test]
    fn the_page_of_the_specification() {
        let page = read(concat!(
            "# HELP http_requests_total The total number of HTTP requests.\n",
            "# TYPE http_requests_total counter\n",
            "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
            "http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000\n",
            "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n",
            "metric_without_timestamp_and_labels 12.47\n",
            "something_weird{problem=\"division by zero\"} +Inf -3982045\n",
            "http_request_duration_seconds_bucket{le=\"+Inf\",} 144320\r\n",
            "tuning:rate:5m NaN\n",
            "tokens_bucket { le = \"1\" } 8 1520879607.789 # {trace_id=\"a\"} 0.67 1520879607.789\n",
            "# EOF\n",
        ));
        assert_eq!(page.n_malformed(), 0);
        assert_eq!(page.value("http_requests_total", &[("code", "400")]), Some(3.0));
        assert_eq!(page.value("http_requests_total", &[("code", "500")]), None);
        assert_eq!(
            page.value("metric_without_timestamp_and_labels", &[]),
            Some(12.47)
        );
        assert_eq!(page.value("something_weird", &[]), Some(f64::INFINITY));
        assert_eq!(
            page.value("http_request_duration_seconds_bucket", &[("le", "+Inf")]),
            Some(144_320.0)
        );
        assert_eq!(page.value("tokens_bucket", &[("le", "1")]), Some(8.0));
        assert!(page.value("tuning:rate:5m", &[]).unwrap().is_nan());
        assert_eq!(page.samples()[2].label("path"), Some("C:\\DIR\\FILE.TXT"));
        assert_eq!(
            page.samples()[2].label("error"),
            Some("Cannot find file:\n\"FILE.TXT\"")
        );
    }

    #[test]
    fn malformed_lines_are_counted_and_spoil_nothing() {
        let bad = [
            "f1",
            "f1 87%",
            "9f 1",
            "f1{a=\"b} 1",
            "f1{a=b} 1",
            "f1{a=\"b\" c=\"d\"} 1",
            "f1{a=\"b\"",
            "f1 1 yesterday",
            "f1 1 2 3",
            "<html>",
            "{a=\"b\"} 1",
        ];
        let page = read(&format!("ok 1\n{}\nlast 2e-3\n", bad.join("\n")));
        assert_eq!(page.n_malformed(), bad.len(), "{page:?}");
        assert_eq!(page.value("last", &[]), Some(2e-3));
        assert_eq!(page.samples().len(), 2);
    }

    #[test]
    fn of_several_samples_the_last_counts() {
        assert_eq!(read("f1 0.5\nf1 0.75").value("f1", &[]), Some(0.75));
    }

    #[test]
    fn a_page_without_end_is_refused() {
        let page = "f1 0.5\n".repeat(MAX_EXPOSITION_BYTES / 7 + 1);
        assert_eq!(parse(&page), Err(TooLarge(page.len())));
        assert!(parse(&page[..MAX_EXPOSITION_BYTES]).is_ok());
    }

    fn escape(text: &str) -> String {
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in proptest::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "[^\r]{0,12}"), 0..4),
            value in proptest::num::f64::ANY,
        ) {
            let inside: Vec<_> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
            let page = read(&format!("{name}{{{}}} {value:e}\n", inside.join(",")));
            let sample = &page.samples()[0];
            prop_assert_eq!(&sample.name, &name);
            prop_assert_eq!(&sample.labels, &labels);
            prop_assert!(sample.value == value || sample.value.is_nan() && value.is_nan());
        }

        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,80}|[a-c{}=,\"\\\\ 1#\n]{0,40}") {
            let page = read(&text);
            prop_assert!(page.samples().len() + page.n_malformed() <= text.lines().count());
        }
    }
}
