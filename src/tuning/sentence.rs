//! A program's own words, fit for statuses, events and tables.

/// Longest sentence that is kept, in characters.
const MAX_SENTENCE_CHARS: usize = 600;

/// Words on one line, without control characters, of bounded length; of a longer text the end, which says what went wrong.
pub fn sentence(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let n_chars = line.chars().count();
    if n_chars <= MAX_SENTENCE_CHARS {
        return line;
    }
    let end: String = line.chars().skip(n_chars - MAX_SENTENCE_CHARS).collect();
    format!("… {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_without_control_characters_and_its_end_is_kept() {
        assert_eq!(sentence("a\u{1b}[31m\n\tb"), "a [31m b");
        let long = sentence(&format!("{} the end", "x".repeat(5000)));
        assert!(long.ends_with("the end") && long.chars().count() <= MAX_SENTENCE_CHARS + 2);
    }
}
