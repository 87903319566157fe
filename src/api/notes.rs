//! What is no fault of a manifest and yet seldom meant: said once, and nothing is refused for it.

use super::command_check::joined_options;
use super::fault::Fault;
use super::spec::TuningJobSpec;
use super::trial_texts::{references, texts};
use crate::metrics::narrow_group;

/// What may surprise whoever wrote this, each with its place and what to do.
pub(super) fn notes(spec: &TuningJobSpec) -> Vec<Fault> {
    let mut notes = narrow_groups(spec);
    notes.extend(joined_options(&spec.trial));
    notes.extend(unnamed_parameters(spec));
    notes
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

/// Parameters that no text of the trial names. They reach the program all the same, in its environment and in a file.
fn unnamed_parameters(spec: &TuningJobSpec) -> Option<Fault> {
    let trial = &spec.trial;
    if trial.command.is_none() && trial.container.is_none() {
        return None;
    }
    let texts = texts(trial);
    if texts.iter().any(|(_, text)| text.contains("TUNING_PARAM")) {
        return None;
    }
    let is_named = |name: &str| {
        texts
            .iter()
            .any(|(_, text)| references(text).any(|named| named == name))
    };
    let names = spec.parameters.iter().map(|parameter| parameter.name.as_str());
    let unnamed: Vec<&str> = names.filter(|name| !is_named(name)).collect();
    let first = unnamed.first()?;
    let message = format!(
        "no argument and no variable of spec.trial holds the value of {}: write $(params.{first}) where it belongs; a program \
         that reads TUNING_PARAM_{} or the file TUNING_PARAMETERS_FILE by itself has it there",
        unnamed.join(", "),
        first.to_uppercase()
    );
    Some(Fault::new("spec.parameters", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(trial: serde_json::Value) -> Vec<String> {
        let spec = json!({
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0, "max": 1}}, {"name": "depth", "integer": {"min": 1, "max": 3}}],
            "budget": {"maxTrials": 3}, "trial": trial,
        });
        let spec = serde_json::from_value(spec).unwrap();
        notes(&spec).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_parameter_that_nothing_names_is_noted() {
        let found = said(json!({"command": ["t", "--lr=$(params.lr)"]}));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("spec.parameters: ")
                && found[0].contains("the value of depth: write $(params.depth)"),
            "{}",
            found[0]
        );
        for fine in [
            json!({"command": ["t", "--lr=$(params.lr)"], "env": [{"name": "DEPTH", "value": "$(params.depth)"}]}),
            json!({"command": ["bash", "-c", "t $TUNING_PARAM_LR $TUNING_PARAM_DEPTH"]}),
            json!({"bert": {"task": "mrpc", "model": "m", "data": "d"}}),
        ] {
            assert_eq!(said(fine), [""; 0]);
        }
    }
}
