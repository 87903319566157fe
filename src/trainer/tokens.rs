//! From texts to token ids: `[CLS] first [SEP]`, and `second [SEP]` where there is one.

use super::example::{Example, Label};
use super::excerpt::excerpt;
use super::lfs::refuse_pointer;
use super::word_list::{self, unreadable};
use super::{Failure, Result};
use std::path::Path;
use tokenizers::{
    Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings,
};

/// Tokens that an example has beside those of its texts, where there are two: `[CLS]` and `[SEP]` twice.
pub(super) const N_SPECIAL: usize = 3;

/// A tokenizer that cuts examples off at a given length.
pub struct Tokens {
    tokenizer: Tokenizer,
    /// The same, which cuts nothing off.
    whole: Tokenizer,
    n_tokens: i64,
    max_length: usize,
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
    /// Token ids: `[CLS] first [SEP] second [SEP]`.
    pub(super) ids: Vec<u32>,
    /// 1 for tokens of the second text and the `[SEP]` after it, 0 for the others.
    pub(super) types: Vec<u8>,
    /// The first token of the second text.
    pub(super) begin: usize,
    /// Where each token of the second text stands in it, in bytes.
    pub(super) places: Vec<(usize, usize)>,
}

impl Tokens {
    /// Reads tokenizer.json, or else vocab.txt, from the checkpoint folder. `n_tokens` is the size of the embedding table,
    /// `max_length` the number of tokens after which a pair is cut off.
    ///
    /// # Errors
    /// Neither file is there, or the one that is there cannot be understood.
    pub fn read(folder: &Path, n_tokens: i64, max_length: usize) -> Result<Self> {
        let (whole, words) = (folder.join("tokenizer.json"), folder.join("vocab.txt"));
        refuse_pointer(&whole, Failure::Vocabulary)?;
        refuse_pointer(&words, Failure::Vocabulary)?;
        let (mut tokenizer, path) = if whole.is_file() {
            (
                Tokenizer::from_file(&whole).map_err(|fault| unreadable(&whole, &fault.to_string()))?,
                whole,
            )
        } else if words.is_file() {
            (word_list::read(&words, folder)?, words)
        } else {
            let sentence =
                "neither tokenizer.json nor vocab.txt is there; add one of them to the checkpoint folder";
            return Err(Failure::Vocabulary(format!("{}: {sentence}", folder.display())));
        };
        let truncation = TruncationParams {
            max_length,
            ..TruncationParams::default()
        };
        let refuse = |fault: tokenizers::Error| unreadable(&path, &fault.to_string());
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(refuse)?;
        let whole = tokenizer.clone();
        tokenizer.with_truncation(Some(truncation)).map_err(refuse)?;
        Ok(Self {
            tokenizer,
            whole,
            n_tokens,
            max_length,
            source: path.display().to_string(),
        })
    }

    /// Tokens after which an example is cut off.
    pub(super) fn max_length(&self) -> usize {
        self.max_length
    }

    /// The id of the token that fills up shorter examples of a batch.
    pub(super) fn padding(&self) -> u32 {
        let padding = self.whole.token_to_id("[PAD]").unwrap_or(0);
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
        let encoding = self.whole.encode(text, false);
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
            max_length: self.max_length - N_SPECIAL,
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
        let is_second = |place: &usize| {
            encoding.get_type_ids()[*place] > 0 && encoding.get_special_tokens_mask()[*place] == 0
        };
        let second: Vec<usize> = (0..encoding.len()).filter(is_second).collect();
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

fn types(encoding: &Encoding) -> Vec<u8> {
    encoding
        .get_type_ids()
        .iter()
        .map(|id| u8::from(*id > 0))
        .collect()
}
