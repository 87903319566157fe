//! Foreign text inside our sentences, which no text makes long.

const MAX_CHARS: usize = 120;

/// A text in quotes, no longer than a line.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?} and so on", &text[..end]),
    }
}
