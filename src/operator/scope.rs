//! Which namespaces an operator looks after. Pure.

use std::collections::BTreeSet;
use std::fmt;

/// Where a watch looks: a namespace, or `None` for all of them.
pub type Place = Option<String>;

/// Which namespaces an operator looks after: all of them, or those that are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

impl Scope {
    /// These namespaces; where none is named, all of them.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether it is every namespace.
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Where to watch each kind: a Role lets nobody watch more than its own namespace.
    pub fn places(&self) -> Vec<Place> {
        if self.is_all() {
            return vec![None];
        }
        self.0.iter().cloned().map(Some).collect()
    }

    /// What two operators both look after.
    pub fn shared(&self, other: &Self) -> Option<Self> {
        match (self.is_all(), other.is_all()) {
            (true, _) => Some(other.clone()),
            (_, true) => Some(self.clone()),
            _ => {
                let both: BTreeSet<String> = self.0.intersection(&other.0).cloned().collect();
                (!both.is_empty()).then_some(Self(both))
            }
        }
    }

    /// As an annotation says it: names with commas between them; empty for all namespaces.
    pub fn annotation(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// What an annotation says.
    pub fn from_annotation(text: &str) -> Self {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self::of(names.map(str::to_owned))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 => f.write_str("every namespace"),
            1 => write!(f, "namespace {}", self.annotation()),
            _ => write!(f, "namespaces {}", self.annotation().replace(',', ", ")),
        }
    }
}

/// A namespace's name, or what is wrong with it (RFC 1123, a label).
pub fn namespace(name: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let outer = |c: Option<char>| c.is_some_and(|c| inner(c) && c != '-');
    let is_label = name.chars().all(inner) && outer(name.chars().next()) && outer(name.chars().next_back());
    if is_label && name.len() <= 63 {
        return Ok(name.to_owned());
    }
    Err("a namespace's name has 1 to 63 small letters, digits and dashes, with a letter or digit at both ends".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::from_annotation(text)
    }

    #[test]
    fn what_two_look_after_is_what_both_name_and_all_is_everything() {
        for (one, other, shared) in [
            ("", "", Some("every namespace")),
            ("a", "", Some("namespace a")),
            ("a,b,c", "b,c,d", Some("namespaces b, c")),
            ("a,b", "c", None),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                let found = scope(one).shared(&scope(other)).map(|both| both.to_string());
                assert_eq!(found.as_deref(), shared, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn an_annotation_says_the_same_again() {
        for text in ["", "a", "a,b"] {
            assert_eq!(scope(text).annotation(), text);
        }
        assert_eq!(scope(" b, a,,b"), scope("a,b"));
        assert_eq!(scope("").places(), [None]);
        assert_eq!(scope("b,a").places(), [Some("a".into()), Some("b".into())]);
    }

    #[test]
    fn a_name_that_no_namespace_has_is_refused() {
        let long = "a".repeat(64);
        for name in ["", "-a", "a-", "A", "a_b", "a.b", "a,b", &long] {
            assert!(namespace(name).is_err(), "{name:?}");
        }
        for name in ["a", "team-a", "0", &long[..63]] {
            assert_eq!(namespace(name).as_deref(), Ok(name));
        }
    }
}
