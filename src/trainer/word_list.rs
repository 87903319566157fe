//! BERT's own tokenizer over `vocab.txt`, a list of word pieces, for checkpoints without tokenizer.json: as transformers makes it.

use super::excerpt::one_line;
use super::{Failure, Result};
use serde::Deserialize;
use std::path::Path;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

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
    let config = read_config(&folder.join("tokenizer_config.json"))?;
    let model = WordPiece::from_file(&path.display().to_string())
        .unk_token("[UNK]".into())
        .build()
        .map_err(|fault| unreadable(path, &fault.to_string()))?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |name: &str| -> Result<(String, u32)> {
        let id = tokenizer.token_to_id(name).ok_or_else(|| {
            let sentence = format!(
                "{}: the token {name} is missing; use BERT's own vocabulary",
                path.display()
            );
            Failure::Vocabulary(sentence)
        })?;
        Ok((name.to_owned(), id))
    };
    let ends = BertProcessing::new(special("[SEP]")?, special("[CLS]")?);
    special("[UNK]")?;
    let there = SPECIAL
        .into_iter()
        .filter(|name| tokenizer.token_to_id(name).is_some());
    let added: Vec<AddedToken> = there.map(|name| AddedToken::from(name, true)).collect();
    tokenizer.with_normalizer(Some(BertNormalizer::new(
        true,
        config.tokenize_chinese_chars,
        config.strip_accents,
        config.do_lower_case,
    )));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
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

/// What is said of a file that makes no tokenizer.
pub(super) fn unreadable(path: &Path, said: &str) -> Failure {
    Failure::Vocabulary(format!(
        "{}: it is no tokenizer that BERT could use ({}); fetch it again",
        path.display(),
        one_line(said)
    ))
}
