//! BERT's own tokenizer over `vocab.txt`, a list of word pieces, for checkpoints without tokenizer.json: as transformers makes it.

use super::Result;
use super::tokenizer_config::{keep_whole, read_config, special_token, unreadable};
use serde::Deserialize;
use std::path::Path;
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;

/// Tokens that are themselves wherever they stand in a text.
const SPECIAL: [&str; 5] = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];

/// tokenizer_config.json, as far as it says how a text is read.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    /// Capitals become small letters.
    do_lower_case: bool,
    /// Accents are taken off; where it is not said, with the capitals.
    strip_accents: Option<bool>,
    /// Each Chinese character is a word.
    tokenize_chinese_chars: bool,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self {
            do_lower_case: true,
            strip_accents: None,
            tokenize_chinese_chars: true,
        }
    }
}

/// The tokenizer of the word pieces in `path`, one on each line, which reads as `folder`/tokenizer_config.json says, if it is there.
///
/// # Errors
/// One of the files cannot be understood, or a special token is missing.
pub(super) fn read(path: &Path, folder: &Path) -> Result<Tokenizer> {
    let config: TokenizerConfig = read_config(folder)?;
    let model = WordPiece::from_file(&path.display().to_string())
        .unk_token("[UNK]".into())
        .build()
        .map_err(|fault| unreadable(path, &fault.to_string()))?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |name| special_token(&tokenizer, name, path, "BERT");
    let ends = BertProcessing::new(special("[SEP]")?, special("[CLS]")?);
    special("[UNK]")?;
    tokenizer.with_normalizer(Some(BertNormalizer::new(
        true,
        config.tokenize_chinese_chars,
        config.strip_accents,
        config.do_lower_case,
    )));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_post_processor(Some(ends));
    keep_whole(&mut tokenizer, &SPECIAL);
    Ok(tokenizer)
}
