//! From texts to token ids: BERT's `[CLS] first [SEP]`, and `second [SEP]` where there is one; RoBERTa's `<s> first </s>`, and
//! `</s> second </s>`.

use super::byte_pairs;
use super::example::{Example, Label};
use super::excerpt::excerpt;
use super::lfs::refuse_pointer;
use super::tokenizer_config::unreadable;
use super::word_list;
use super::{Failure, Result};
use std::path::{Path, PathBuf};
use tokenizers::{
    Encoding, PostProcessor, PostProcessorWrapper, Tokenizer, TruncationDirection, TruncationParams,
    TruncationStrategy, truncate_encodings,
};

/// Special tokens beyond which no pair of texts has more: BERT's three and RoBERTa's four are.
const MAX_SPECIAL: usize = 8;

/// What the token is called that fills up shorter examples.
const PADDING: [&str; 2] = ["[PAD]", "<pad>"];

/// A tokenizer that cuts examples off at a given length.
pub struct Tokens {
    tokenizer: Tokenizer,
    /// The same, which cuts nothing off.
    whole: Tokenizer,
    /// The same, which adds no special tokens and leaves blanks at the places of words: both is done where parts are joined, and a
    /// blank that is taken off twice is a letter.
    pieces: Tokenizer,
    n_tokens: i64,
    max_length: usize,
    /// Tokens that a pair of texts has beside their own.
    n_special: usize,
    source: String,
}

/// A text as tokens without the special ones, to be combined with another.
#[derive(Clone)]
pub(super) struct Part(Encoding);

impl Part {
    /// No more than its first tokens.
    pub(super) fn first(mut self, n: usize) -> Self {
        self.0.truncate(n, 0, TruncationDirection::Right);
        self.0.take_overflowing();
        self
    }

    /// Tokens in it.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A stretch of a long second text beside the whole of a first one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    /// Token ids, the special ones among them.
    pub(super) ids: Vec<u32>,
    /// Of BERT 1 for tokens of the second text and the `[SEP]` after it, 0 for the others; of RoBERTa 0.
    pub(super) types: Vec<u8>,
    /// The first token of the second text.
    pub(super) begin: usize,
    /// Where each token of the second text stands in it, in bytes.
    pub(super) places: Vec<(usize, usize)>,
}

impl Tokens {
    /// Reads tokenizer.json, or else vocab.txt, or else vocab.json and merges.txt, from the checkpoint folder. `n_tokens` is the size of the embedding table,
    /// `max_length` the number of tokens after which a pair is cut off.
    ///
    /// # Errors
    /// None of them is there, or the one that is there cannot be understood.
    pub fn read(folder: &Path, n_tokens: i64, max_length: usize) -> Result<Self> {
        let (mut tokenizer, path) = find(folder)?;
        let processor = tokenizer.get_post_processor();
        let n_special = processor.map_or(0, |processor| processor.added_tokens(true));
        if n_special > MAX_SPECIAL.min(max_length) {
            let said = format!("it adds {n_special} tokens to a pair of texts");
            return Err(unreadable(&path, &said));
        }
        let truncation = TruncationParams {
            max_length,
            ..TruncationParams::default()
        };
        let refuse = |fault: tokenizers::Error| unreadable(&path, &fault.to_string());
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(refuse)?;
        let whole = tokenizer.clone();
        let mut pieces = tokenizer.clone();
        pieces.with_post_processor(None::<PostProcessorWrapper>);
        tokenizer.with_truncation(Some(truncation)).map_err(refuse)?;
        Ok(Self {
            tokenizer,
            whole,
            pieces,
            n_tokens,
            max_length,
            n_special,
            source: path.display().to_string(),
        })
    }

    /// Tokens that a pair of texts has beside their own.
    pub(super) fn n_special(&self) -> usize {
        self.n_special
    }

    /// Tokens after which an example is cut off.
    pub(super) fn max_length(&self) -> usize {
        self.max_length
    }

    /// The id of the token that fills up shorter examples of a batch.
    pub(super) fn padding(&self) -> u32 {
        let padding = PADDING.iter().find_map(|name| self.whole.token_to_id(name));
        let padding = padding.unwrap_or(0);
        if i64::from(padding) < self.n_tokens {
            padding
        } else {
            0
        }
    }

    /// The tokens of an example; of two sentences the longer one loses tokens first.
    ///
    /// # Errors
    /// A token's id lies beyond the embedding table.
    pub(super) fn encode(&self, first: &str, second: Option<&str>, label: Label) -> Result<Example> {
        let encoded = match second {
            Some(second) => self.tokenizer.encode((first, second), true),
            None => self.tokenizer.encode(first, true),
        };
        let encoding = encoded.map_err(|fault| self.unreadable(&fault))?;
        self.check(&encoding)?;
        Ok(Example {
            ids: encoding.get_ids().to_vec(),
            types: types(&encoding),
            label,
        })
    }

    /// The token ids of one text, as an example of its own.
    ///
    /// # Errors
    /// A token's id lies beyond the embedding table.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.encode(text, None, Label::Class(0))?.ids)
    }

    /// The tokens of one text, without the special ones.
    ///
    /// # Errors
    /// The tokenizer can't read it.
    pub(super) fn part(&self, text: &str) -> Result<Part> {
        let encoding = self.pieces.encode(text, false);
        encoding.map(Part).map_err(|fault| self.unreadable(&fault))
    }

    /// `second` beside `first`, cut into windows of [`Tokens::max_length`] tokens of which two neighbours have `overlap` tokens
    /// of `second` in common, as Hugging Face's tokenizers cut it. All of `first` and more than `overlap` tokens of `second`
    /// must fit.
    ///
    /// # Errors
    /// A token's id lies beyond the embedding table.
    pub(super) fn windows(&self, first: Part, mut second: Part, overlap: usize) -> Result<Vec<Window>> {
        second.0.set_type_ids(vec![1; second.0.len()]);
        let cut = TruncationParams {
            max_length: self.max_length - self.n_special,
            strategy: TruncationStrategy::OnlySecond,
            stride: overlap,
            direction: TruncationDirection::Right,
        };
        let refuse = |fault: tokenizers::Error| self.unreadable(&fault);
        let (first, second) = truncate_encodings(first.0, Some(second.0), &cut).map_err(refuse)?;
        let mut encoding = self.whole.post_process(first, second, true).map_err(refuse)?;
        let others = encoding.take_overflowing();
        std::iter::once(&encoding)
            .chain(&others)
            .map(|one| self.window(one))
            .collect()
    }

    fn window(&self, encoding: &Encoding) -> Result<Window> {
        self.check(encoding)?;
        let sequences = encoding.get_sequence_ids();
        let second: Vec<usize> = (0..encoding.len())
            .filter(|place| sequences[*place] == Some(1))
            .collect();
        Ok(Window {
            ids: encoding.get_ids().to_vec(),
            types: types(encoding),
            begin: second.first().copied().unwrap_or(0),
            places: second
                .iter()
                .map(|place| encoding.get_offsets()[*place])
                .collect(),
        })
    }

    fn check(&self, encoding: &Encoding) -> Result<()> {
        let ids = encoding.get_ids();
        match ids.iter().position(|id| i64::from(*id) >= self.n_tokens) {
            None => Ok(()),
            Some(place) => Err(Failure::Vocabulary(format!(
                "{}: token {} has id {}, but config.json says vocab_size {}; use the vocabulary that belongs to the \
                 checkpoint",
                self.source,
                excerpt(&encoding.get_tokens()[place]),
                ids[place],
                self.n_tokens
            ))),
        }
    }

    fn unreadable(&self, fault: &tokenizers::Error) -> Failure {
        unreadable(Path::new(&self.source), &fault.to_string())
    }
}

/// The tokenizer of a checkpoint and the file that it is from.
fn find(folder: &Path) -> Result<(Tokenizer, PathBuf)> {
    let file = |name: &str| -> Result<Option<PathBuf>> {
        let path = folder.join(name);
        refuse_pointer(&path, Failure::Vocabulary)?;
        Ok(Some(path).filter(|path| path.is_file()))
    };
    if let Some(path) = file("tokenizer.json")? {
        let read = Tokenizer::from_file(&path).map_err(|fault| unreadable(&path, &fault.to_string()));
        return Ok((read?, path));
    }
    if let Some(path) = file("vocab.txt")? {
        return Ok((word_list::read(&path, folder)?, path));
    }
    if let (Some(path), Some(merges)) = (file("vocab.json")?, file("merges.txt")?) {
        return Ok((byte_pairs::read(&path, &merges, folder)?, path));
    }
    let sentence = "neither tokenizer.json nor vocab.txt nor vocab.json with merges.txt is there; add one of them to the checkpoint \
                    folder";
    Err(Failure::Vocabulary(format!("{}: {sentence}", folder.display())))
}

fn types(encoding: &Encoding) -> Vec<u8> {
    encoding
        .get_type_ids()
        .iter()
        .map(|id| u8::from(*id > 0))
        .collect()
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
