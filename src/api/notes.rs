//! What is no fault of a manifest and yet seldom meant: said once, and nothing is refused for it.

use super::fault::Fault;
use super::spec::TuningJobSpec;
use crate::metrics::narrow_group;

/// What may surprise whoever wrote this, each with its place and what to do.
pub(super) fn notes(spec: &TuningJobSpec) -> Vec<Fault> {
    narrow_groups(spec)
}

/// Expressions that would not read every number that a program may print.
fn narrow_groups(spec: &TuningJobSpec) -> Vec<Fault> {
    let logs = spec.metrics.iter().flat_map(|metrics| &metrics.logs);
    let definitions = logs.flat_map(|logs| &logs.definitions).enumerate();
    let note = |(i, expression): (usize, &String)| {
        let why = narrow_group(expression)?;
        let path = format!("spec.metrics.logs.definitions[{i}].regex");
        Some(Fault::new(path, format!("{expression:?}: {why}")))
    };
    let given = definitions.filter_map(|(i, definition)| Some((i, definition.regex.as_ref()?)));
    given.filter_map(note).collect()
}
