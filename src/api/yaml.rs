//! What is wrong with a text that is no YAML, in our own words: where, and what is usually the cause.

use serde_saphyr::Error;

/// Why a text could not be read, as a sentence without its subject.
pub(super) fn why_unread(text: &str, error: &Error) -> String {
    let error = error.without_snippet();
    let location = error.location().filter(|at| at.line() > 0);
    let line = location.and_then(|at| Some((at, text.lines().nth(usize::try_from(at.line()).ok()? - 1)?)));
    let place = line.map(|(at, line)| {
        let excerpt: String = line.trim().chars().take(80).collect();
        format!("line {}, column {} ({excerpt:?})", at.line(), at.column())
    });
    let place = place.unwrap_or_else(|| "its end".to_owned());
    let has_tab = line.is_some_and(|(_, line)| {
        let indentation = line.len() - line.trim_start().len();
        line[..indentation].contains('\t')
    });
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a field");
            format!("has {key} twice, the second time at {place}: keep one of them")
        }
        Error::NonFiniteFloat { value, .. } => {
            format!("has {value} at {place}, which no field takes: give a finite number, or put it in quotes")
        }
        Error::Budget { .. } => {
            "is too large, or refers to itself too often: leave out what is no TuningJob".to_owned()
        }
        _ if has_tab => {
            format!("is not YAML or JSON at {place}: a tab stands before it; indent with blanks")
        }
        _ => format!(
            "is not YAML or JSON at {place}: look there and just before for a bracket or a quote that is not closed, \
             a missing blank after ':' or '-', or an indentation that does not fit"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn what_is_no_yaml_is_said_in_our_words_with_its_place() {
        for (text, says) in [
            (
                "a: 1\nb: 2\na: 3\n",
                "manifest: has a twice, the second time at line 3",
            ),
            ("a: .nan\n", "manifest: has .nan at line 1"),
            ("a:\n\tb: 1\n", "indent with blanks"),
            ("a: [1, 2\nb: 3\n", "a bracket or a quote that is not closed"),
            ("a: b: c\n", "manifest: is not YAML or JSON at line 1"),
            ("a: \"x\n", "a bracket or a quote"),
        ] {
            let fault = parse(text).unwrap_err().to_string();
            assert!(fault.contains(says), "{fault}");
            assert!(!fault.contains("mapping") && !fault.contains('\n'), "{fault}");
        }
    }
}
