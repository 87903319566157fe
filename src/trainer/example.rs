//! One example of a data set, in tokens.

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

/// What is right for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Label {
    /// One of the task's classes, from 0.
    Class(u8),
    /// A number.
    Score(f32),
    /// The first and the last token of the answer; the token 0 twice where there is none.
    Span(u32, u32),
}
