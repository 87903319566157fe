//! Words of a command that no program would get as they were meant.

use super::fault::Fault;
use super::trial_spec::TrialSpec;
use super::trial_texts::{texts, words};

/// Adds a fault for a whole line that stands as the program's name, and for names as Katib writes them.
pub(super) fn check_words(trial: &TrialSpec, faults: &mut Vec<Fault>) {
    for (path, text) in words(trial) {
        if path.ends_with("command[0]") && is_a_line(text) {
            let list = as_list(text);
            let message = format!(
                "{text:?} is one word, and no program has that name: write each word by itself, {list}, \
                 or give a shell the whole line, [bash, -c, {text:?}]"
            );
            faults.push(Fault::new(path, message));
        }
    }
    for (path, text) in texts(trial) {
        let katib = text.split("${trialParameters.").nth(1);
        if let Some((name, _)) = katib.and_then(|rest| rest.split_once('}')) {
            let message = format!(
                "${{trialParameters.{name}}} is how Katib writes it, and would stay as it is: write $(params.NAME) \
                 with the name of a parameter in spec.parameters"
            );
            faults.push(Fault::new(path, message));
        }
    }
}

/// Notes words that hold an option and its value: the program gets both as one.
pub(super) fn joined_options(trial: &TrialSpec) -> Vec<Fault> {
    let note = |(path, text): (String, &str)| {
        let (option, value) = text.split_once(' ')?;
        let is_option = option.starts_with('-') && !option.contains('=') && option.len() > 1;
        let message = format!(
            "{text:?} is one word, and few programs take an option and its value in one: write {option}, {value:?}"
        );
        (is_option && !value.contains(' ') && !value.is_empty()).then(|| Fault::new(path, message))
    };
    words(trial).into_iter().filter_map(note).collect()
}

/// Whether it is a program with arguments. A program in a folder may have a blank in its path, one that is looked for by its name has none.
fn is_a_line(text: &str) -> bool {
    let Some((program, rest)) = text.trim().split_once(char::is_whitespace) else {
        return false;
    };
    let rest = rest.trim_start();
    !program.contains('/') || rest.starts_with('-') || rest.starts_with("$(params.")
}

/// The words as a list in YAML.
fn as_list(text: &str) -> String {
    let is_plain = |word: &str| {
        word.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./$()=+".contains(c))
    };
    let word = |word: &str| match is_plain(word) {
        true => word.to_owned(),
        false => format!("{word:?}"),
    };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults(trial: Value) -> Vec<String> {
        let mut faults = Vec::new();
        check_words(&serde_json::from_value(trial).unwrap(), &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_is_no_program() {
        for line in ["python3 t.py", "./t.py --lr $(params.lr)"] {
            for trial in [
                json!({"command": [line]}),
                json!({"container": {"image": "i", "command": [line]}}),
            ] {
                let found = faults(trial);
                assert_eq!(found.len(), 1);
                assert!(
                    found[0].contains("command[0]: ") && found[0].contains("one word"),
                    "{}",
                    found[0]
                );
            }
        }
        assert!(faults(json!({"command": ["python3 t.py"]}))[0].contains("by itself, [python3, t.py], or"));
        for fine in [
            json!({"command": ["python3", "t.py"]}),
            json!({"command": ["bash", "-c", "python3 t.py"]}),
            json!({"command": ["/opt/My Tools/train"]}),
        ] {
            assert_eq!(faults(fine), [""; 0]);
        }
    }

    #[test]
    fn katibs_way_to_name_a_parameter_is_answered_with_ours() {
        let found = faults(json!({"command": ["t", "--lr=${trialParameters.rate}"]}));
        assert!(
            found[0].starts_with("spec.trial.command[1]: ${trialParameters.rate}")
                && found[0].contains("write $(params.NAME)"),
            "{found:?}"
        );
    }

    #[test]
    fn an_option_and_its_value_in_one_word_are_noted() {
        let notes = |word: &str| {
            let trial = serde_json::from_value(json!({"command": ["t", word]})).unwrap();
            joined_options(&trial)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert!(
            notes("--lr $(params.lr)")[0]
                .starts_with("spec.trial.command[1]: \"--lr $(params.lr)\" is one word")
        );
        for fine in ["--lr=$(params.lr)", "--note=two words", "- x y", "echo --lr 3"] {
            assert_eq!(notes(fine), [""; 0], "{fine}");
        }
    }
}
