//! What the checkpoint that trials begin with says of itself, where its folder is on this machine.

use crate::api::{Checked, Fault, beyond_positions};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of a `config.json` that are read: BERT's have less than a thousand.
const MAX_BYTES: u64 = 1 << 20;

/// What the built-in fine-tuner would refuse at the start of a trial, since the checkpoint has no place for it. `base` is the
/// folder to which the manifest's paths are relative. Of a folder that is not there or says nothing, the trainer speaks itself.
pub(super) fn refused(checked: &Checked, base: &Path) -> Vec<Fault> {
    let Some(bert) = &checked.spec.trial.bert else {
        return Vec::new();
    };
    let n_positions = n_positions(&base.join(&bert.model).join("config.json"));
    let faults = n_positions.map(|n| beyond_positions(bert, &checked.job.space, n));
    faults.unwrap_or_default()
}

/// The longest example that a checkpoint has a place for; `None` where its `config.json` does not say.
fn n_positions(config: &Path) -> Option<u32> {
    // A pipe would be waited for.
    let is_file = std::fs::metadata(config).ok()?.is_file();
    let mut text = String::new();
    let file = is_file.then(|| File::open(config).ok())??;
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    // RoBERTa's positions begin after that of its padding.
    let before = match config["model_type"].as_str() {
        Some("roberta") => config["pad_token_id"].as_u64().unwrap_or(1).checked_add(1)?,
        _ => 0,
    };
    let n = config["max_position_embeddings"].as_u64()?.checked_sub(before)?;
    u32::try_from(n).ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_positions_is_left_to_the_trainer() {
        let folder = std::env::temp_dir().join(format!("tuning-checkpoint-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("config.json");
        for (text, expected) in [
            (r#"{"max_position_embeddings": 512}"#, Some(512)),
            (
                r#"{"model_type": "distilbert", "max_position_embeddings": 512}"#,
                Some(512),
            ),
            (
                r#"{"model_type": "roberta", "max_position_embeddings": 514}"#,
                Some(512),
            ),
            (
                r#"{"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 0}"#,
                Some(513),
            ),
            (r#"{"model_type": "roberta", "max_position_embeddings": 2}"#, None),
            (r#"{"max_position_embeddings": "512"}"#, None),
            (r#"{"max_position_embeddings": 0}"#, None),
            (r#"{"max_position_embeddings": -1}"#, None),
            (r#"{"hidden_size": 8}"#, None),
            (r#"{"max_position_embeddings": 5"#, None),
            ("[]", None),
        ] {
            std::fs::write(&config, text).unwrap();
            assert_eq!(n_positions(&config), expected, "{text}");
        }
        std::fs::remove_file(&config).unwrap();
        assert_eq!(n_positions(&config), None);
        assert_eq!(n_positions(&folder), None);
        std::fs::remove_dir(&folder).unwrap();
    }
}
