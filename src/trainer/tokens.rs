//! From one sentence or two to token ids: `[CLS] first [SEP]`, and `second [SEP]` where there is one.

use super::task::{Label, Row};
use super::{Failure, Result};
use std::path::Path;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{Tokenizer, TruncationParams};

/// One example as the model sees it; all but `label` have one entry per token.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Token ids, below the vocabulary's size.
    pub ids: Vec<u32>,
    /// 0 for tokens of the first sentence, 1 for those of the second.
    pub types: Vec<u8>,
    /// What is right.
    pub label: Label,
}

/// A tokenizer that cuts examples off at a given length.
pub struct Tokens {
    tokenizer: Tokenizer,
    n_tokens: i64,
    source: String,
}

impl Tokens {
    /// Reads tokenizer.json, or else vocab.txt, from the checkpoint folder. `n_tokens` is the size of the embedding table,
    /// `max_length` the number of tokens after which a pair is cut off.
    ///
    /// # Errors
    /// Neither file is there, or the one that is there cannot be understood.
    pub fn read(folder: &Path, n_tokens: i64, max_length: usize) -> Result<Self> {
        let (whole, words) = (folder.join("tokenizer.json"), folder.join("vocab.txt"));
        let (mut tokenizer, path) = if whole.is_file() {
            (
                Tokenizer::from_file(&whole).map_err(|fault| unreadable(&whole, &fault.to_string()))?,
                whole,
            )
        } else if words.is_file() {
            (from_words(&words, lowercases(folder)?)?, words)
        } else {
            let sentence =
                "neither tokenizer.json nor vocab.txt is there; add one of them to the checkpoint folder";
            return Err(Failure::Vocabulary(format!("{}: {sentence}", folder.display())));
        };
        let truncation = TruncationParams {
            max_length,
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|fault| unreadable(&path, &fault.to_string()))?;
        tokenizer.with_padding(None);
        Ok(Self {
            tokenizer,
            n_tokens,
            source: path.display().to_string(),
        })
    }

    /// The tokens of an example; of two sentences the longer one loses tokens first.
    ///
    /// # Errors
    /// A token's id lies beyond the embedding table.
    pub fn encode(&self, row: &Row) -> Result<Example> {
        let first = row.first.as_str();
        let encoded = match row.second.as_deref() {
            Some(second) => self.tokenizer.encode((first, second), true),
            None => self.tokenizer.encode(first, true),
        };
        let encoding = encoded.map_err(|fault| unreadable(Path::new(&self.source), &fault.to_string()))?;
        let ids = encoding.get_ids().to_vec();
        if let Some(place) = ids.iter().position(|id| i64::from(*id) >= self.n_tokens) {
            return Err(Failure::Vocabulary(format!(
                "{}: token {:?} has id {}, but config.json says vocab_size {}; use the vocabulary that belongs to the \
                 checkpoint",
                self.source,
                encoding.get_tokens()[place],
                ids[place],
                self.n_tokens
            )));
        }
        let types = encoding
            .get_type_ids()
            .iter()
            .map(|id| u8::from(*id > 0))
            .collect();
        Ok(Example {
            ids,
            types,
            label: row.label,
        })
    }
}

fn unreadable(path: &Path, said: &str) -> Failure {
    Failure::Vocabulary(format!(
        "{}: it is no tokenizer that BERT could use ({said}); fetch it again",
        path.display()
    ))
}

/// BERT's own tokenizer over a list of word pieces, one per line.
fn from_words(path: &Path, lowercase: bool) -> Result<Tokenizer> {
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
    tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, lowercase)));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_post_processor(Some(ends));
    Ok(tokenizer)
}

/// What tokenizer_config.json says about letters; uncased where there is no such file.
fn lowercases(folder: &Path) -> Result<bool> {
    let path = folder.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(true);
    }
    let text = std::fs::read_to_string(&path).map_err(|fault| unreadable(&path, &fault.to_string()))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|fault| unreadable(&path, &fault.to_string()))?;
    Ok(value
        .get("do_lower_case")
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(true))
}
