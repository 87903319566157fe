//! What is wrong with a manifest, where.

use std::fmt;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `spec.parameters[0].double.min`.
    pub path: String,
    /// The value there, what is wrong with it and what would be right.
    pub message: String,
}

impl Fault {
    /// A fault at a path. Both go to terminals, logs and statuses, and may hold what somebody meant to harm those with: what is too
    /// long loses its middle (the cure stands at the end), and characters that a terminal obeys are written out.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: bounded(path.into(), 300),
            message: bounded(message.into(), 1_000),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The text with so many characters at most, and none that a terminal obeys but ends of lines.
fn bounded(text: String, most: usize) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut text = match text.contains(is_harmful) {
        true => text
            .chars()
            .map(|c| {
                if is_harmful(c) {
                    c.escape_default().to_string()
                } else {
                    c.to_string()
                }
            })
            .collect(),
        false => text,
    };
    let n = text.chars().count();
    if n > most {
        let place = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
        let (first, last) = (place(most / 2), place(n - most / 3));
        text.replace_range(first..last, " … ");
    }
    text
}

/// The one of several alternatives that is set; a fault where none or several are.
pub(super) fn exactly_one<'a>(
    path: &str,
    kinds: &[(&'a str, bool)],
    faults: &mut Vec<Fault>,
) -> Option<&'a str> {
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let set: Vec<&str> = kinds
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    match set.as_slice() {
        [one] => Some(one),
        [] => {
            faults.push(Fault::new(
                path,
                format!("says nothing: give exactly one of {}", names.join(", ")),
            ));
            None
        }
        several => {
            let message = format!(
                "has {} at once: give exactly one of {}",
                several.join(" and "),
                names.join(", ")
            );
            faults.push(Fault::new(path, message));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_short_and_harms_no_terminal() {
        let long = Fault::new("spec.a", format!("{}: use a shorter one", "é".repeat(100_000))).to_string();
        assert!(
            long.chars().count() < 900 && long.ends_with(": use a shorter one"),
            "{long}"
        );
        assert!(long.starts_with("spec.a: ééé") && long.contains("é … é"));
        let odd = Fault::new("spec.a\u{1b}[2J", "a\0b\rc\nd\u{202e}e").to_string();
        assert_eq!(odd, "spec.a\\u{1b}[2J: a\\u{0}b\\rc\nd\\u{202e}e");
        assert_eq!(
            Fault::new("spec.a", "is 3: use 4").to_string(),
            "spec.a: is 3: use 4"
        );
    }
}
