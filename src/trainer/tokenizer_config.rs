//! What both kinds of word lists have in common: tokenizer_config.json, and tokens that are themselves wherever they stand.

use super::excerpt::one_line;
use super::{Failure, Result};
use serde::de::DeserializeOwned;
use std::path::Path;
use tokenizers::{AddedToken, Tokenizer};

/// What `folder`/tokenizer_config.json says; without it what is usual.
///
/// # Errors
/// It can't be read or has another form.
pub(super) fn read_config<T: DeserializeOwned + Default>(folder: &Path) -> Result<T> {
    let path = folder.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(T::default());
    }
    let text = std::fs::read_to_string(&path).map_err(|fault| unreadable(&path, &fault.to_string()))?;
    serde_json::from_str(&text).map_err(|fault| unreadable(&path, &fault.to_string()))
}

/// Has the tokenizer leave these tokens whole, those that it knows.
pub(super) fn keep_whole(tokenizer: &mut Tokenizer, names: &[&str]) {
    let there = names.iter().filter(|name| tokenizer.token_to_id(name).is_some());
    let added: Vec<AddedToken> = there.map(|name| AddedToken::from(*name, true)).collect();
    tokenizer.add_special_tokens(&added);
}

/// A token that the tokenizer must know, with its id; `path` is its vocabulary's file, `model` whose it should be.
///
/// # Errors
/// It is missing.
pub(super) fn special_token(
    tokenizer: &Tokenizer,
    name: &str,
    path: &Path,
    model: &str,
) -> Result<(String, u32)> {
    let id = tokenizer.token_to_id(name).ok_or_else(|| {
        Failure::Vocabulary(format!(
            "{}: the token {name} is missing; use {model}'s own vocabulary",
            path.display()
        ))
    })?;
    Ok((name.to_owned(), id))
}

/// What is said of a file that makes no tokenizer.
pub(super) fn unreadable(path: &Path, said: &str) -> Failure {
    Failure::Vocabulary(format!(
        "{}: it is no tokenizer that BERT could use ({}); fetch it again",
        path.display(),
        one_line(said)
    ))
}
