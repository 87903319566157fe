//! Files of SQuAD 1.1 (Rajpurkar et al. 2016) as they are published: articles, their paragraphs, questions about each and what
//! people marked as the answers.
//!
//! `{"data": [{"paragraphs": [{"context": …, "qas": [{"id": …, "question": …, "answers": [{"text": …, "answer_start": …}]}]}]}]}`,
//! where `answer_start` counts characters from 0. What is wrong with a paragraph is said when its end is read, so that the JSON
//! reader adds line and column.

use super::excerpt::{excerpt, shortened};
use serde::Deserialize;
use std::collections::HashSet;
use std::ops::Range;

/// A text and what is asked about it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawParagraph")]
pub(super) struct Paragraph {
    pub(super) context: String,
    pub(super) questions: Vec<Question>,
}

/// A question and its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) text: String,
    /// What people answered, at least one.
    pub(super) references: Vec<String>,
    /// Where the first of them stands in the context, in bytes; `None` where something else stands there.
    pub(super) place: Option<Range<usize>>,
}

/// What is wrong with a file, and where: line and column from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Option<(usize, usize)>,
    pub(super) sentence: String,
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct RawParagraph {
    context: String,
    qas: Vec<RawQuestion>,
}

#[derive(Deserialize)]
struct RawQuestion {
    id: String,
    question: String,
    answers: Vec<RawAnswer>,
}

#[derive(Deserialize)]
struct RawAnswer {
    text: String,
    answer_start: usize,
}

/// The paragraphs of a file that have questions.
///
/// # Errors
/// It is no such file, it has no questions, or one of them cannot be used.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Paragraph>, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file: File = serde_json::from_slice(bytes).map_err(|fault| explain(&fault))?;
    let articles = file.data.into_iter().flat_map(|article| article.paragraphs);
    let paragraphs: Vec<Paragraph> = articles
        .filter(|paragraph| !paragraph.questions.is_empty())
        .collect();
    let whole = |sentence: String| Fault {
        place: None,
        sentence,
    };
    if paragraphs.is_empty() {
        return Err(whole("it has no questions; give it at least one".into()));
    }
    let mut ids = HashSet::new();
    let mut all = paragraphs.iter().flat_map(|paragraph| &paragraph.questions);
    if let Some(twice) = all.find(|question| !ids.insert(question.id.as_str())) {
        let id = excerpt(&twice.id);
        return Err(whole(format!(
            "two questions have the id {id}; give each its own"
        )));
    }
    Ok(paragraphs)
}

impl TryFrom<RawParagraph> for Paragraph {
    type Error = String;

    fn try_from(raw: RawParagraph) -> Result<Self, String> {
        let starts: Vec<usize> = raw.context.char_indices().map(|(at, _)| at).collect();
        let questions = raw
            .qas
            .into_iter()
            .map(|question| question.checked(&raw.context, &starts));
        Ok(Self {
            questions: questions.collect::<Result<_, _>>()?,
            context: raw.context,
        })
    }
}

impl RawQuestion {
    /// `starts` has where each character of `context` begins, in bytes.
    fn checked(self, context: &str, starts: &[usize]) -> Result<Question, String> {
        let id = excerpt(&self.id);
        if context.trim().is_empty() {
            return Err(format!(
                "the context of the question {id} is empty; give it a text"
            ));
        }
        let Some(first) = self.answers.first() else {
            let cure = "in SQuAD 1.1 each question has one: leave it out";
            return Err(format!("the question {id} has no answers; {cure}"));
        };
        let mut place = None;
        for answer in &self.answers {
            let begin = starts.get(answer.answer_start).copied();
            let end = begin.map(|begin| begin + answer.text.len());
            let fits = end.is_some_and(|end| end <= context.len());
            let (Some(begin), Some(end), true) = (begin, end, fits) else {
                return Err(format!(
                    "the question {id} has the answer {} at character {}, but its context ends at {}; correct answer_start",
                    excerpt(&answer.text),
                    answer.answer_start,
                    starts.len()
                ));
            };
            if answer.text.trim().is_empty() {
                return Err(format!("an answer of the question {id} is empty; leave it out"));
            }
            if std::ptr::eq(answer, first) && context.get(begin..end) == Some(&answer.text) {
                place = Some(begin..end);
            }
        }
        Ok(Question {
            id: self.id,
            text: self.question,
            references: self.answers.into_iter().map(|answer| answer.text).collect(),
            place,
        })
    }
}

/// What the JSON reader found, or one of the sentences above, which it has put its place behind.
fn explain(fault: &serde_json::Error) -> Fault {
    let said = fault.to_string();
    let place = format!(" at line {} column {}", fault.line(), fault.column());
    let said = said.strip_suffix(&place).unwrap_or(&said);
    let sentence = if !fault.is_data() {
        format!("it is not JSON ({}); fetch it again", shortened(said))
    } else if said.starts_with("the ") || said.starts_with("an answer") {
        said.to_owned()
    } else {
        let form = "correct it: articles under data, with paragraphs of context and qas";
        format!("it is not a file of SQuAD 1.1 ({}); {form}", shortened(said))
    };
    Fault {
        place: Some((fault.line(), fault.column())),
        sentence,
    }
}

#[cfg(test)]
#[path = "squad_file_tests.rs"]
mod tests;
