//! RoBERTa's own tokenizer over `vocab.json` and `merges.txt`, for checkpoints without tokenizer.json: as transformers makes it.

use super::Result;
use super::tokenizer_config::{keep_whole, read_config, special_token, unreadable};
use serde::Deserialize;
use std::path::Path;
use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;

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
    let config: TokenizerConfig = read_config(folder)?;
    let files = BPE::from_file(&vocabulary.display().to_string(), &merges.display().to_string());
    let model = files
        .build()
        .map_err(|fault| unreadable(vocabulary, &fault.to_string()))?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |name| special_token(&tokenizer, name, vocabulary, "RoBERTa");
    let ends = RobertaProcessing::new(special("</s>")?, special("<s>")?)
        .trim_offsets(config.trim_offsets)
        .add_prefix_space(config.add_prefix_space);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(config.add_prefix_space, true, true)));
    tokenizer.with_post_processor(Some(ends));
    keep_whole(&mut tokenizer, &SPECIAL);
    Ok(tokenizer)
}
