//! Unit tests of `log_place`.

use super::*;
use proptest::prelude::*;

/// A second of the log, and a fraction of it in nanoseconds.
fn time(second: i64, fraction: u32) -> String {
    Timestamp::new(1_800_000_000 + second, fraction as i32)
        .unwrap()
        .to_string()
}

fn read(place: &mut LogPlace, pieces: &[&str]) -> String {
    let mut text = Vec::new();
    place.connect();
    for piece in pieces {
        place.feed(piece.as_bytes(), |part| match part {
            Part::Text(new) => text.extend_from_slice(new),
            Part::Loss => text.extend_from_slice(b"<loss>"),
        });
    }
    String::from_utf8(text).unwrap()
}

fn lines(lines: &[(i64, &str)]) -> String {
    lines
        .iter()
        .map(|(s, text)| format!("{} {text}\n", time(*s, 0)))
        .collect()
}

#[test]
fn the_times_are_taken_off() {
    let mut place = LogPlace::default();
    assert_eq!(place.since(), None);
    assert_eq!(
        read(
            &mut place,
            &[
                "2026-01-02T03:04:05.000000007Z one\n2026-01-02T03:04:0",
                "5.1+00:00 two 2\n2026-01-02T04:04:06.9+01:00 \n"
            ]
        ),
        "one\ntwo 2\n\n"
    );
    // A second before the last line's own, rounded down.
    let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    assert_eq!(place.since(), Some(at.as_second()));
}

#[test]
fn what_is_no_line_of_the_log_is_left_out() {
    let mut place = LogPlace::default();
    let log = format!(
        "unable to retrieve container logs for f1=0.9\n\n{} f1=0.5\n{}\n{} f1=0.6\n",
        time(0, 0),
        "x".repeat(1000),
        time(1, 0)
    );
    assert_eq!(read(&mut place, &[&log]), "f1=0.5\nf1=0.6\n");
}

#[test]
fn after_a_broken_connection_nothing_comes_twice() {
    let mut place = LogPlace::default();
    // Three lines of one time, the last of which is broken off in its middle.
    let whole = lines(&[(0, "a"), (5, "b"), (5, "b"), (5, "f1=0.87"), (5, "c"), (6, "d")]);
    let upto = whole.find("f1=0.8").unwrap() + "f1=0.8".len();
    assert_eq!(read(&mut place, &[&whole[..upto]]), "a\nb\nb\nf1=0.8");
    assert_eq!(place.since(), Some(1_800_000_004));
    // The end of a longer line that began before that second has no time.
    let rest = lines(&[(4, "z"), (5, "b"), (5, "b"), (5, "f1=0.87"), (5, "c"), (6, "d")]);
    assert_eq!(read(&mut place, &["xxx x\n", &rest]), "7\nc\nd\n");
    assert_eq!(read(&mut place, &[&rest]), "");
    assert_eq!(
        read(&mut place, &[&rest, &lines(&[(6, "d"), (6, "e")])]),
        "d\ne\n"
    );
}

#[test]
fn a_line_whose_rest_is_gone_is_a_loss() {
    let mut place = LogPlace::default();
    let partial = format!("{} f1=0.8", time(5, 0));
    assert_eq!(read(&mut place, &[&partial]), "f1=0.8");
    // The log was rotated in the meantime.
    assert_eq!(read(&mut place, &[&lines(&[(9, "f1=0.5")])]), "<loss>f1=0.5\n");
    assert_eq!(read(&mut place, &[&lines(&[(12, "f1=0.6")])]), "f1=0.6\n");
}

#[test]
fn lines_may_overtake_one_another_and_clocks_be_set_back() {
    let mut place = LogPlace::default();
    let log = format!("{} a\n{} b\n", time(5, 1000), time(4, 999_999_000));
    assert_eq!(read(&mut place, &[&log]), "a\nb\n");
    assert_eq!(read(&mut place, &[&log, &lines(&[(6, "c")])]), "c\n");
    assert_eq!(read(&mut place, &[&lines(&[(-3600, "d")])]), "");
    let mut place = LogPlace::default();
    assert_eq!(read(&mut place, &[&lines(&[(0, "a"), (-3600, "b")])]), "a\nb\n");
    assert_eq!(place.since(), Some(1_800_000_000 - 3601));
}

proptest! {
    /// However often the connection breaks, and wherever: each byte arrives once.
    #[test]
    fn every_byte_arrives_once(
        log in proptest::collection::vec((0i64..4, "[a-z =.\r]{0,6}"), 1..20),
        mut breaks in proptest::collection::vec(any::<usize>(), 0..6),
        size in 1usize..20,
    ) {
        let mut log = log;
        log.sort_by_key(|(second, _)| *second);
        let mut place = LogPlace::default();
        let mut text = String::new();
        breaks.push(usize::MAX);
        for at in breaks {
            let since = place.since().unwrap_or(0);
            let left: Vec<(i64, &str)> = log
                .iter()
                .filter(|(second, _)| 1_800_000_000 + second >= since)
                .map(|(second, line)| (*second, line.as_str()))
                .collect();
            let left = lines(&left);
            let left = &left[..if at == usize::MAX { left.len() } else { at % (left.len() + 1) }];
            let pieces: Vec<&str> = left.as_bytes().chunks(size).map(|p| std::str::from_utf8(p).unwrap()).collect();
            text += &read(&mut place, &pieces);
        }
        let printed: String = log.iter().map(|(_, line)| format!("{line}\n")).collect();
        prop_assert_eq!(text, printed);
    }
}
