//! The lines of an output that arrives in pieces.
//!
//! A line ends with `\n`, `\r\n` or `\r`: what a progress bar draws over itself are lines of their own. The lines do not
//! depend on how the pieces are cut, and an endless line costs bounded memory. Colours and other escape sequences of a terminal
//! (ECMA-48) are taken off.

use std::borrow::Cow;

/// Longest part of a line that is looked at, in bytes.
const MAX_LINE_BYTES: usize = 16 << 10;

/// Stands at the end of a line that was cut, so that nothing takes the cut for its end.
const CUT: &str = "…";

/// Puts pieces of an output together to lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    line: Vec<u8>,
    is_cut: bool,
    after_return: bool,
}

impl Lines {
    /// Takes the next piece; each line that is now whole goes to `each`, without its end.
    pub fn feed(&mut self, mut piece: &[u8], mut each: impl FnMut(&str)) {
        // The other half of a line end that came last.
        if self.after_return && !piece.is_empty() {
            self.after_return = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(end) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.append(&piece[..end]);
            self.give(&mut each);
            let rest = &piece[end + 1..];
            let is_return = piece[end] == b'\r';
            self.after_return = is_return && rest.is_empty();
            piece = rest.strip_prefix(b"\n").filter(|_| is_return).unwrap_or(rest);
        }
        self.append(piece);
    }

    /// The output has come to its end: what follows the last line end is a line too.
    pub fn finish(&mut self, mut each: impl FnMut(&str)) {
        if !self.line.is_empty() || self.is_cut {
            self.give(&mut each);
        }
        self.after_return = false;
    }

    /// A part of the output was lost: the line that it began or ended in is none.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn append(&mut self, text: &[u8]) {
        if self.is_cut {
            return;
        }
        let room = MAX_LINE_BYTES - self.line.len();
        self.line.extend_from_slice(&text[..text.len().min(room)]);
        if text.len() > room {
            self.is_cut = true;
            // Half a number is another number.
            let is_of_a_number =
                |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'_' | b'e' | b'E');
            let whole = self.line.iter().rposition(|byte| !is_of_a_number(byte));
            self.line.truncate(whole.map_or(0, |last| last + 1));
        }
    }

    fn give(&mut self, each: &mut impl FnMut(&str)) {
        let mut text = without_escapes(String::from_utf8_lossy(&self.line));
        if self.is_cut {
            text.to_mut().push_str(CUT);
        }
        each(&text);
        self.line.clear();
        self.is_cut = false;
    }
}

const ESCAPE: char = '\x1b';

/// The text without control sequences (`ESC [ … letter`), operating system commands (`ESC ] … BEL` or `ESC \`) and other escapes.
fn without_escapes(text: Cow<str>) -> Cow<str> {
    if !text.contains(ESCAPE) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some((before, after)) = rest.split_once(ESCAPE) {
        out.push_str(before);
        rest = after_escape(after);
    }
    Cow::Owned(out + rest)
}

/// What follows a sequence, of which `text` is what stands behind its ESC.
fn after_escape(text: &str) -> &str {
    let mut characters = text.chars();
    match characters.next() {
        Some('[') => {
            let is_final = |c: char| ('@'..='~').contains(&c);
            let body = characters.as_str();
            body.find(is_final).map_or("", |end| &body[end + 1..])
        }
        Some(']') => {
            let body = characters.as_str();
            let end = body.find(['\x07', ESCAPE]);
            end.map_or("", |end| {
                body[end + 1..].strip_prefix('\\').unwrap_or(&body[end + 1..])
            })
        }
        _ => characters.as_str(),
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
