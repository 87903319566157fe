//! GLUE's files: a header, then one pair of sentences per line, tabs between the columns and no quoting.

use super::{Failure, Result};
use std::path::Path;

const HEADER: [&str; 5] = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"];

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// 1: the sentences say the same; 0: they do not.
    pub label: u8,
    /// The first sentence.
    pub first: String,
    /// The second sentence.
    pub second: String,
}

/// Reads train.tsv or dev.tsv.
///
/// # Errors
/// The file is missing, is not UTF-8, has no pairs, or has a line of another form: the sentence names file and line.
pub fn read(path: &Path) -> Result<Vec<Pair>> {
    let bytes = std::fs::read(path).map_err(|fault| {
        let cure = "--data must be a folder with train.tsv and dev.tsv";
        Failure::Data(format!("{}: it cannot be read ({fault}); {cure}", path.display()))
    })?;
    parse(&bytes).map_err(|fault| {
        let place = fault.line.map_or_else(String::new, |line| format!(":{line}"));
        Failure::Data(format!("{}{place}: {}", path.display(), fault.sentence))
    })
}

/// What is wrong with a text, and on which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    line: Option<usize>,
    sentence: String,
}

fn parse(bytes: &[u8]) -> std::result::Result<Vec<Pair>, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut pairs = Vec::new();
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let at = |sentence: String| Fault {
            line: Some(number),
            sentence,
        };
        let text = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line))
            .map_err(|fault| at(format!("it is not UTF-8 ({fault}); convert the file")))?;
        if text.is_empty() {
            continue;
        }
        let columns: Vec<&str> = text.split('\t').collect();
        if number == 1 {
            if columns != HEADER {
                return Err(at(format!(
                    "the header must be {HEADER:?} with tabs between; it is {text:?}"
                )));
            }
            continue;
        }
        pairs.push(pair(&columns).map_err(at)?);
    }
    if pairs.is_empty() {
        return Err(Fault {
            line: None,
            sentence: "it has no pairs; give it at least one line after the header".into(),
        });
    }
    Ok(pairs)
}

fn pair(columns: &[&str]) -> std::result::Result<Pair, String> {
    let &[label, _, _, first, second] = columns else {
        let found = columns.len();
        return Err(format!(
            "it has {found} columns where 5 belong: {}; correct the line",
            HEADER.join(", ")
        ));
    };
    let label = match label {
        "0" => 0,
        "1" => 1,
        other => {
            return Err(format!(
                "the label is {other:?}, and only 0 and 1 are labels; correct the line"
            ));
        }
    };
    Ok(Pair {
        label,
        first: first.to_owned(),
        second: second.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";

    fn parsed(lines: &str) -> std::result::Result<Vec<Pair>, Fault> {
        parse(format!("{HEAD}{lines}").as_bytes())
    }

    #[test]
    fn quotes_and_windows_line_ends_are_just_text() {
        let pairs = parsed("1\t1\t2\tHe said \"no.\tShe said \"no\" too.\r\n0\t3\t4\ta\tb").unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!((pairs[0].label, pairs[0].first.as_str()), (1, "He said \"no."));
        assert_eq!(pairs[0].second, "She said \"no\" too.");
    }

    #[test]
    fn a_bad_line_is_named_by_number() {
        for (lines, number, part) in [
            ("1\t1\t2\ta\tb\n1\t1\t2\ta\n", 3, "4 columns"),
            ("yes\t1\t2\ta\tb\n", 2, "\"yes\""),
            ("1\t1\t2\ta\tb\textra\n", 2, "6 columns"),
        ] {
            let fault = parsed(lines).unwrap_err();
            assert_eq!(fault.line, Some(number));
            assert!(fault.sentence.contains(part), "{}", fault.sentence);
        }
        assert_eq!(parse(b"Quality\t#1 ID\n").unwrap_err().line, Some(1));
        assert_eq!(
            parse(format!("{HEAD}1\t1\t2\t\u{e9}\tb\n").as_bytes()).map(|p| p.len()),
            Ok(1)
        );
        let latin: &[u8] = b"1\t1\t2\t\xe9\tb\n";
        assert!(
            parse(&[HEAD.as_bytes(), latin].concat())
                .unwrap_err()
                .sentence
                .contains("UTF-8")
        );
    }

    #[test]
    fn a_file_without_pairs_is_refused() {
        assert!(parsed("").unwrap_err().sentence.contains("no pairs"));
        assert!(parse(b"").unwrap_err().sentence.contains("no pairs"));
    }
}
