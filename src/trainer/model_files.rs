//! What stands beside the weights of a fine-tuned model: config.json, as transformers reads it, and the tokenizer's files.

use super::task::{Head, Task};
use super::{Failure, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Files of a checkpoint that say how a text becomes tokens.
const TOKENIZER: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
];

/// Under this key of config.json stands what transformers has no word for.
pub(super) const OWN_KEY: &str = "bert_trainer";

/// What a model was trained for, beside what transformers knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Trained {
    /// The task's name.
    pub(super) task: String,
    /// Tokens after which an example was cut off.
    pub(super) max_length: u32,
    /// Training steps done.
    pub(super) step: u64,
}

impl Trained {
    /// What config.json says; `None` where another program has trained the model.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
        let mut config: Value = serde_json::from_str(&text).ok()?;
        serde_json::from_value(config.get_mut(OWN_KEY)?.take()).ok()
    }
}

/// What config.json calls the classes, from class 0 on; `None` where it does not name each.
pub(super) fn class_names(folder: &Path) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
    let config: Value = serde_json::from_str(&text).ok()?;
    let by_id = config.get("id2label")?.as_object()?;
    let name = |id: usize| Some(by_id.get(&id.to_string())?.as_str()?.to_owned());
    (0..by_id.len()).map(name).collect()
}

/// The checkpoint's config.json with what has become of it: `architecture` is transformers' class.
pub(super) fn config_json(
    checkpoint: &str,
    architecture: &str,
    task: &dyn Task,
    trained: &Trained,
) -> String {
    // It was read before; what it is now decides nothing but a reader's trust.
    let mut config: Map<String, Value> = serde_json::from_str(checkpoint).unwrap_or_default();
    let forgotten = [
        "_name_or_path",
        "transformers_version",
        "num_labels",
        "problem_type",
        "torch_dtype",
    ];
    for key in forgotten {
        config.remove(key);
    }
    config.entry("model_type").or_insert("bert".into());
    config.insert("architectures".into(), json!([architecture]));
    config.insert("dtype".into(), "float32".into());
    if let Head::Pooled(n) = task.head() {
        let names = task.class_names();
        let name = |class: usize| {
            names
                .get(class)
                .map_or("score".to_owned(), |name| (*name).to_owned())
        };
        let names: Vec<String> = (0..n as usize).map(name).collect();
        let by_id = names
            .iter()
            .zip(0..)
            .map(|(name, id)| (id.to_string(), json!(name)));
        let by_name = names.iter().zip(0..).map(|(name, id)| (name.clone(), json!(id)));
        config.insert("id2label".into(), Value::Object(by_id.collect()));
        config.insert("label2id".into(), Value::Object(by_name.collect()));
        let problem = match task.n_classes() {
            Some(_) => "single_label_classification",
            None => "regression",
        };
        config.insert("problem_type".into(), problem.into());
    } else {
        config.remove("id2label");
        config.remove("label2id");
    }
    config.insert(OWN_KEY.into(), json!(trained));
    // Texts and numbers alone: there is nothing that JSON could not hold.
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

/// Copies the tokenizer's files, those that are there.
///
/// # Errors
/// One can't be read or written.
pub(super) fn copy_tokenizer(checkpoint: &Path, folder: &Path) -> Result<()> {
    for name in TOKENIZER {
        let from = checkpoint.join(name);
        if !from.is_file() {
            continue;
        }
        // Its bytes alone: a checkpoint that may only be read must not make a model that can't be removed.
        let bytes = std::fs::read(&from).map_err(|fault| {
            let cure = "it was there at the start: leave the checkpoint where it is while a trial runs";
            Failure::Vocabulary(format!("{}: it cannot be read ({fault}); {cure}", from.display()))
        })?;
        let to = folder.join(name);
        std::fs::write(&to, bytes).map_err(|fault| Failure::write(&to, &fault))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::tasks;

    fn config(task: &str, checkpoint: &str) -> Value {
        let trained = Trained {
            task: task.into(),
            max_length: 128,
            step: 7,
        };
        let text = config_json(checkpoint, "BertForX", tasks::find(task).unwrap(), &trained);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_the_head_says_is_named_and_the_rest_of_the_checkpoint_stays() {
        let found = config(
            "mrpc",
            r#"{"hidden_size": 32, "architectures": ["BertModel"], "num_labels": 3, "_name_or_path": "/somewhere"}"#,
        );
        let expected = json!({
            "hidden_size": 32, "model_type": "bert", "architectures": ["BertForX"], "dtype": "float32",
            "id2label": {"0": "not_equivalent", "1": "equivalent"}, "label2id": {"not_equivalent": 0, "equivalent": 1},
            "problem_type": "single_label_classification",
            "bert_trainer": {"task": "mrpc", "max_length": 128, "step": 7},
        });
        assert_eq!(found, expected);
        assert_eq!(config("stsb", "{}")["problem_type"], "regression");
        assert_eq!(config("stsb", "{}")["id2label"], json!({"0": "score"}));
        let squad = config("squad", r#"{"id2label": {"0": "a"}}"#);
        assert!(squad.get("id2label").is_none() && squad.get("problem_type").is_none());
    }

    #[test]
    fn every_class_has_a_name() {
        for task in tasks::all() {
            assert_eq!(
                task.class_names().len(),
                task.n_classes().unwrap_or(0),
                "{}",
                task.name()
            );
        }
    }
}
