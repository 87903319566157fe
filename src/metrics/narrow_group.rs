//! Can the group of an expression take every form in which programs print numbers?

use super::WHOLE_NUMBER;
use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

/// A number of each form, and what is said where it is not taken.
const FORMS: [(&str, &str); 3] = [
    ("-0.4", "no sign (-0.4)"),
    ("4.8e-05", "no exponent (4.8e-05)"),
    ("nan", "no nan"),
];

/// What the group can't take and what to write, as a sentence; `None` where it takes all of it, or where the expression can't
/// be read, which is said elsewhere.
pub fn narrow_group(expression: &str) -> Option<String> {
    let parsed = regex_syntax::parse(expression).ok()?;
    let whole = Regex::new(&format!(r"\A(?:{})\z", group(&parsed)?)).ok()?;
    let missing = FORMS.iter().filter(|(number, _)| !whole.is_match(number));
    let missing: Vec<&str> = missing.map(|(_, said)| *said).collect();
    let forms = match missing.as_slice() {
        [] => return None,
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    };
    Some(format!(
        "its group takes {forms}, and such a value would not be read: let the group be {WHOLE_NUMBER}, or leave regex out"
    ))
}

/// What stands in the first group.
fn group(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) => Some(&capture.sub),
        HirKind::Repetition(repetition) => group(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(group),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_group_can_not_take_is_named() {
        for (expression, says) in [
            (
                "f1=([0-9.]+)",
                "takes no sign (-0.4), no exponent (4.8e-05) and no nan,",
            ),
            (
                "f1=-?([0-9.]+|nan)",
                "takes no sign (-0.4) and no exponent (4.8e-05),",
            ),
            ("(?:f1|F1)[=:]([-+0-9.eE]+)", "takes no nan,"),
            (r"f1=(-?\d\.\d+(?:e-\d+)?)", "takes no nan,"),
        ] {
            let sentence = narrow_group(expression).unwrap();
            assert!(sentence.contains(says), "{sentence}");
        }
    }

    #[test]
    fn of_a_wide_group_and_of_what_can_not_be_read_nothing_is_said() {
        for expression in [
            r"f1=([-+.\w]+)",
            r"f1=(\S+)",
            "f1: (.*)$",
            r"(?i)f1=([-0-9.E+]+|NAN)",
            "f1=([0-9.]+",
            "f1=[0-9.]+",
        ] {
            assert_eq!(narrow_group(expression), None, "{expression}");
        }
    }
}
