//! Foreign text inside our sentences, which no text makes long.

const MAX_CHARS: usize = 120;

/// What a reader of files says of one it can't read: it may repeat what it found.
pub(super) fn shortened(said: &str) -> &str {
    const MAX_CHARS: usize = 200;
    said.char_indices()
        .nth(MAX_CHARS)
        .map_or(said, |(end, _)| &said[..end])
}

/// The same without what would move a terminal's cursor.
pub(super) fn one_line(said: &str) -> String {
    shortened(said).replace(char::is_control, " ")
}

/// A text in quotes, no longer than a line.
pub(super) fn excerpt(text: &str) -> String {
    let mut room = MAX_CHARS;
    // What can't be shown takes up to ten characters.
    let beyond = text.char_indices().find(|(_, character)| {
        let rest = room.checked_sub(character.escape_debug().count());
        room = rest.unwrap_or(0);
        rest.is_none()
    });
    match beyond {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?} and so on", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_holds_its_excerpt_is_a_line() {
        assert_eq!(excerpt("a \"b\""), r#""a \"b\"""#);
        for text in [
            "x".repeat(1000),
            "\u{10ffff}".repeat(1000),
            "\u{1b}\n".repeat(1000),
        ] {
            let shown = excerpt(&text);
            assert!(shown.len() < 150 && !shown.contains(char::is_control), "{shown}");
        }
        assert_eq!(one_line("a\u{1b}[0m\nb"), "a [0m b");
    }
}
