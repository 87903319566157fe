//! What is wrong with a manifest, where.

use std::fmt;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `spec.parameters[0].double.min`.
    pub path: String,
    /// The value there, what is wrong with it and what would be right.
    pub message: String,
}

impl Fault {
    /// A fault at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The one of several alternatives that is set; a fault where none or several are.
pub(super) fn exactly_one<'a>(
    path: &str,
    kinds: &[(&'a str, bool)],
    faults: &mut Vec<Fault>,
) -> Option<&'a str> {
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let set: Vec<&str> = kinds
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    match set.as_slice() {
        [one] => Some(one),
        [] => {
            faults.push(Fault::new(
                path,
                format!("says nothing: give exactly one of {}", names.join(", ")),
            ));
            None
        }
        several => {
            let message = format!(
                "has {} at once: give exactly one of {}",
                several.join(" and "),
                names.join(", ")
            );
            faults.push(Fault::new(path, message));
            None
        }
    }
}
