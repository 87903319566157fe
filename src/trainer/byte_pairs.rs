//! RoBERTa's own tokenizer over `vocab.json` and `merges.txt`, for checkpoints without tokenizer.json: as transformers makes it.

use super::word_list::unreadable;
use super::{Failure, Result};
use serde::Deserialize;
use std::path::Path;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// Tokens that are themselves wherever they stand in a text.
const SPECIAL: [&str; 5] = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"];

/// tokenizer_config.json, as far as it says how a text is read.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    /// The first word of a text is read as if a blank stood before it.
    add_prefix_space: bool,
    /// A token stands where its word does, without the blank before it.
    trim_offsets: bool,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self {
            add_prefix_space: false,
            trim_offsets: true,
        }
    }
}

/// The tokenizer of these byte pairs, which reads as `folder`/tokenizer_config.json says, if it is there.
///
/// # Errors
/// One of the files cannot be understood, or a special token is missing.
pub(super) fn read(vocabulary: &Path, merges: &Path, folder: &Path) -> Result<Tokenizer> {
    let config = read_config(&folder.join("tokenizer_config.json"))?;
    let files = BPE::from_file(&vocabulary.display().to_string(), &merges.display().to_string());
    let model = files
        .build()
        .map_err(|fault| unreadable(vocabulary, &fault.to_string()))?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |name: &str| -> Result<(String, u32)> {
        let id = tokenizer.token_to_id(name).ok_or_else(|| {
            let place = vocabulary.display();
            Failure::Vocabulary(format!(
                "{place}: the token {name} is missing; use RoBERTa's own vocabulary"
            ))
        })?;
        Ok((name.to_owned(), id))
    };
    let ends = RobertaProcessing::new(special("</s>")?, special("<s>")?)
        .trim_offsets(config.trim_offsets)
        .add_prefix_space(config.add_prefix_space);
    let there = SPECIAL
        .into_iter()
        .filter(|name| tokenizer.token_to_id(name).is_some());
    let added = there.map(|name| AddedToken::from(name, true));
    let added: Vec<AddedToken> = added.collect();
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(config.add_prefix_space, true, true)));
    tokenizer.with_post_processor(Some(ends));
    tokenizer.add_special_tokens(&added);
    Ok(tokenizer)
}

fn read_config(path: &Path) -> Result<TokenizerConfig> {
    if !path.is_file() {
        return Ok(TokenizerConfig::default());
    }
    let text = std::fs::read_to_string(path).map_err(|fault| unreadable(path, &fault.to_string()))?;
    serde_json::from_str(&text).map_err(|fault| unreadable(path, &fault.to_string()))
}
