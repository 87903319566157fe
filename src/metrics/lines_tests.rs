//! Unit tests of `lines`.

use super::*;
use proptest::prelude::*;

/// The lines of an output that arrives in these pieces, and what is left at its end.
fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut lines = Lines::default();
    let mut seen = Vec::new();
    for piece in pieces {
        lines.feed(piece, |line| seen.push(line.to_owned()));
        assert!(lines.line.capacity() <= 2 * MAX_LINE_BYTES);
    }
    lines.finish(|line| seen.push(line.to_owned()));
    seen
}

fn of(text: &str) -> Vec<String> {
    lines([text.as_bytes()])
}

#[test]
fn a_line_ends_with_a_line_feed_a_carriage_return_or_both() {
    assert_eq!(of("a\nb\r\nc\rd\n\re"), ["a", "b", "c", "d", "", "e"]);
    assert_eq!(of("a\n"), ["a"]);
    assert_eq!(of("a\r"), ["a"]);
    assert_eq!(of("\r\n\r\n"), ["", ""]);
    assert_eq!(of(""), Vec::<String>::new());
}

#[test]
fn both_halves_of_a_line_end_are_one_across_pieces() {
    assert_eq!(lines([&b"a\r"[..], b"", b"\nb"]), ["a", "b"]);
    assert_eq!(lines([&b"a\r"[..], b"\rb"]), ["a", "", "b"]);
}

#[test]
fn what_is_no_text_spoils_nothing_else() {
    assert_eq!(
        lines([&b"a\xff\nf1=0.5 \xc3"[..], b"\xa9\n"]),
        ["a\u{fffd}", "f1=0.5 é"]
    );
}

#[test]
fn a_line_of_the_greatest_length_is_whole() {
    let longest = format!("{}=0.5", "x".repeat(MAX_LINE_BYTES - 4));
    assert_eq!(of(&longest), [longest.as_str()]);
    assert_eq!(
        of(&format!("{longest}\n{longest}\r")),
        [longest.as_str(), longest.as_str()]
    );
}

#[test]
fn a_longer_line_is_cut_before_the_number_that_the_cut_would_split() {
    let filler = "x".repeat(MAX_LINE_BYTES - 8);
    let seen = of(&format!("{filler} f1=0.8712\nf1=0.5"));
    assert_eq!(seen, [format!("{filler} f1=…"), "f1=0.5".to_owned()]);
    let seen = of(&format!("{filler} 1e-5000"));
    assert_eq!(seen, [format!("{filler} 1e-5000")]);
    let seen = of(&format!("{filler} 1e-50000"));
    assert_eq!(seen, [format!("{filler} …")]);
    assert_eq!(of(&"7".repeat(MAX_LINE_BYTES + 1)), ["…"]);
}

#[test]
fn after_a_loss_the_next_whole_line_counts() {
    let mut lines = Lines::default();
    let mut seen = Vec::new();
    lines.feed(b"f1=0.", |line| seen.push(line.to_owned()));
    lines.forget();
    lines.feed(b"f1=0.6\n", |line| seen.push(line.to_owned()));
    assert_eq!(seen, ["f1=0.6"]);
}

fn output() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => "[a-z0-9=. é]{0,20}".prop_map(String::into_bytes),
        8 => prop_oneof![Just("\n"), Just("\r"), Just("\r\n")].prop_map(|end| end.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..10),
        1 => (MAX_LINE_BYTES - 30..MAX_LINE_BYTES + 30).prop_map(|n| b"f1=0.12345 "[..].repeat(n / 11)),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_lines_do_not_depend_on_the_cuts(output in output(), cuts in proptest::collection::vec(any::<usize>(), 0..30)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (output.len() + 1)).collect();
        cuts.extend([0, output.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &output[cut[0]..cut[1]]);
        prop_assert_eq!(lines(pieces), lines([&output[..]]));
        prop_assert_eq!(lines(output.chunks(1)), lines([&output[..]]));
    }
}

#[test]
fn colours_and_other_escapes_are_taken_off() {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    let output = "loss=\x1b[32m0.25\x1b[0m\n\x1b[2K\x1b[1;31;48;5;12mf1\x1b[m=0.5\r\x1b]0;a title\x07f1=0.6\n\
                  \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ f1=0.7\n\x1b(Bf1=0.8\n\x1b[\n\x1b\n";
    for byte in output.as_bytes() {
        lines.feed(&[*byte], |line| found.push(line.to_owned()));
    }
    assert_eq!(
        found,
        ["loss=0.25", "f1=0.5", "f1=0.6", "link f1=0.7", "Bf1=0.8", "", ""]
    );
}
