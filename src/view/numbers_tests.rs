//! Unit tests of `numbers`.

use super::*;
use proptest::prelude::*;

#[test]
fn four_significant_digits() {
    let shorts = [
        (0.91784, "0.9178"),
        (0.9, "0.9"),
        (6.47e-5, "6.47e-5"),
        (6.4712e-5, "6.471e-5"),
        (0.001, "0.001"),
        (0.000_999_96, "0.001"),
        (12.0, "12"),
        (120.0, "120"),
        (99_999.0, "99999"),
        (1e6, "1e6"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (f64::NAN, "-"),
        (f64::NEG_INFINITY, "-inf"),
    ];
    for (x, text) in shorts {
        assert_eq!(short(x), text);
    }
    assert_eq!(
        [rough(4.169), rough(0.09926), rough(123.0)],
        ["4.2", "0.099", "123"]
    );
    assert_eq!(aligned(0.9), "0.9000");
    assert_eq!(aligned(9.999_96), "10.00");
    assert_eq!(aligned_or_dash(None), "-");
}

#[test]
fn durations_have_two_units() {
    let texts = [
        (0, "0s"),
        (-5, "0s"),
        (8_400, "8.4s"),
        (42_000, "42s"),
        (192_000, "3m12s"),
    ];
    let long = [(7_500_000, "2h05m"), (273_600_000, "3d04h")];
    for (millis, text) in texts.into_iter().chain(long) {
        assert_eq!(duration(SignedDuration::from_millis(millis)), text);
    }
}

#[test]
fn a_message_cannot_take_over_a_terminal() {
    assert_eq!(escape("\u{1b}[2Jgone\u{7}\u{9b}"), "\\u{1b}[2Jgone\\u{7}\\u{9b}");
    assert_eq!(escape("two\r\nlines\n"), "two  lines");
    assert_eq!(escape("a\u{202e}b"), "a\\u{202e}b");
    assert_eq!(escape("naïve 学習 🙂"), "naïve 学習 🙂");
}

#[test]
fn a_cut_is_visible() {
    assert_eq!(cut("learning", 8), "learning");
    assert_eq!(cut("learning", 5), "lear…");
    assert_eq!(cut("übung", 3), "üb…");
}

proptest! {
    #[test]
    fn short_numbers_are_near(x in proptest::num::f64::NORMAL) {
        let read: f64 = short(x).parse().unwrap();
        prop_assert!((read - x).abs() <= 5.1e-4 * x.abs(), "{} of {}", read, x);
    }

    #[test]
    fn nothing_escapes_the_escape(text in "(?s).{0,40}") {
        prop_assert!(!escape(&text).chars().any(|c| c.is_control() || is_format(c)));
    }
}
