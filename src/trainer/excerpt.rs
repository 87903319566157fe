//! Foreign text inside our sentences, which no text makes long.

const MAX_CHARS: usize = 120;

/// What a reader of files says of one it can't read: it may repeat what it found.
pub(super) fn shortened(said: &str) -> &str {
    const MAX_CHARS: usize = 200;
    said.char_indices()
        .nth(MAX_CHARS)
        .map_or(said, |(end, _)| &said[..end])
}

/// A text in quotes, no longer than a line.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?} and so on", &text[..end]),
    }
}
