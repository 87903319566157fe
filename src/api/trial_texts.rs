//! The texts of a trial in which `$(params.NAME)` stands for a value, and where each is.

use super::env_spec::EnvVar;
use super::trial_spec::TrialSpec;

/// Every such text with its place.
pub(super) fn texts(trial: &TrialSpec) -> Vec<(String, &str)> {
    let mut texts = words(trial);
    for (name, text) in trial.sagemaker.iter().flat_map(|s| &s.hyperparameters) {
        texts.push((format!("spec.trial.sagemaker.hyperparameters.{name}"), text));
    }
    texts.extend(values("spec.trial.env", &trial.env));
    for (i, helper) in trial.init_containers.iter().enumerate() {
        let path = format!("spec.trial.initContainers[{i}]");
        for (list, name) in [(&helper.command, "command"), (&helper.args, "args")] {
            let list = list.iter().enumerate();
            texts.extend(list.map(|(i, word)| (format!("{path}.{name}[{i}]"), word.as_str())));
        }
        texts.extend(values(&format!("{path}.env"), &helper.env));
    }
    texts
}

fn values<'a>(path: &str, env: &'a [EnvVar]) -> impl Iterator<Item = (String, &'a str)> {
    let env = env.iter().enumerate();
    env.map(move |(i, e)| (format!("{path}[{i}].value"), e.value.as_str()))
}

/// The words with which its program is started, each with its place, the program first.
pub(super) fn words(trial: &TrialSpec) -> Vec<(String, &str)> {
    let mut words = Vec::new();
    let lists = [
        ("spec.trial.command", trial.command.as_ref()),
        (
            "spec.trial.container.command",
            trial.container.as_ref().map(|c| &c.command),
        ),
        (
            "spec.trial.container.args",
            trial.container.as_ref().map(|c| &c.args),
        ),
    ];
    for (path, list) in lists {
        let list = list.into_iter().flatten().enumerate();
        words.extend(list.map(|(i, word)| (format!("{path}[{i}]"), word.as_str())));
    }
    words
}

/// The names in `$(params.NAME)`.
pub(super) fn references(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("$(params.")
        .filter_map(|(at, open)| text[at + open.len()..].split_once(')').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_in_any_text() {
        let names: Vec<&str> = references("$(params.a)$(date) $(params.b) $(params.c").collect();
        assert_eq!(names, ["a", "b"]);
    }
}
