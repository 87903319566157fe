//! SQuAD 1.1 (Rajpurkar et al. 2016): where in a text the answer to a question stands.
//!
//! The head says of each token how well it begins and how well it ends the answer (Devlin et al. 2019, 4.2). A text that is too
//! long comes in windows that overlap; in training, one that does not hold the whole answer has it at its first token, `[CLS]`.

use super::example::{Example, Label};
use super::inputs::{Asked, Input};
use super::lfs::refuse_pointer;
use super::log::say;
use super::squad_file::{self, Paragraph, Question};
use super::squad_set::{Passage, SquadSet};
use super::task::{Criterion, DevSet, Head, QuestionSet, Task};
use super::tokens::{Part, Tokens, Window};
use super::{Failure, Result};
use std::ops::Range;
use std::path::Path;
use tch::{Reduction, Tensor};

/// Tokens of a question beyond which it is cut off.
const MAX_QUESTION_TOKENS: usize = 64;

/// Tokens that two neighbouring windows have in common.
const OVERLAP: usize = 128;

/// Tokens with which an example holds the longest question, the special tokens and some of a text.
const MIN_LENGTH: usize = MAX_QUESTION_TOKENS + 36;

/// The task.
#[derive(Debug)]
pub(super) struct Squad;

/// It.
pub(super) static SQUAD: Squad = Squad;

impl Task for Squad {
    fn name(&self) -> &'static str {
        "squad"
    }

    fn about(&self) -> &'static str {
        "where in a text the answer to a question stands"
    }

    fn head(&self) -> Head {
        Head::Span
    }

    fn train_file(&self) -> &'static str {
        "train-v1.1.json"
    }

    fn dev_files(&self) -> &'static [(&'static str, &'static str)] {
        &[("dev-v1.1.json", "")]
    }

    fn metrics(&self) -> Vec<&'static str> {
        vec!["f1", "exact_match"]
    }

    fn max_length(&self) -> u32 {
        384
    }

    fn check_max_length(&self, max_length: u32) -> std::result::Result<(), String> {
        if max_length as usize >= MIN_LENGTH {
            return Ok(());
        }
        let why = format!("{MAX_QUESTION_TOKENS} of them for the question");
        Err(format!("squad needs at least {MIN_LENGTH} tokens, {why}"))
    }

    fn n_classes(&self) -> Option<usize> {
        None
    }

    fn class_names(&self) -> &'static [&'static str] {
        &[]
    }

    fn train_set(&self, path: &Path, tokens: &Tokens) -> Result<Vec<Example>> {
        let mut examples = Vec::new();
        let mut n_displaced = 0;
        for paragraph in read(path)? {
            let context = tokens.part(&paragraph.context)?;
            for question in &paragraph.questions {
                // Nothing can be learned where the answer does not stand at its place.
                let Some(place) = &question.place else {
                    n_displaced += 1;
                    continue;
                };
                let windows = windows(&question.text, &context, tokens)?;
                examples.extend(windows.into_iter().map(|window| example(window, Some(place)).0));
            }
        }
        if n_displaced > 0 {
            say(format_args!(
                "{}: {n_displaced} questions are left out: their answers do not stand at answer_start",
                path.display()
            ));
        }
        if examples.is_empty() {
            let sentence =
                "no question has its answer at answer_start, so there is nothing to learn from; correct it";
            return Err(Failure::Data(format!("{}: {sentence}", path.display())));
        }
        Ok(examples)
    }

    fn dev_set(&'static self, path: &Path, tokens: &Tokens) -> Result<Box<dyn DevSet>> {
        let mut set = SquadSet::default();
        for paragraph in read(path)? {
            let context = tokens.part(&paragraph.context)?;
            for question in paragraph.questions {
                let windows = windows(&question.text, &context, tokens)?;
                let place = question.place.clone();
                let found = windows.into_iter().map(|window| example(window, place.as_ref()));
                let (examples, passages): (Vec<Example>, Vec<Passage>) = found.unzip();
                let Question { id, references, .. } = question;
                set.push(id, references, &paragraph.context, examples, passages);
            }
        }
        Ok(Box::new(set))
    }

    fn asked(&self) -> Asked {
        Asked {
            first: "question",
            second: Some("context"),
        }
    }

    fn questions(&'static self, inputs: &[&Input], tokens: &Tokens) -> Result<Box<dyn QuestionSet>> {
        let mut set = SquadSet::default();
        for input in inputs {
            let context = input.second.as_deref().unwrap_or_default();
            let windows = windows(&input.first, &tokens.part(context)?, tokens)?;
            let (examples, passages) = windows.into_iter().map(|window| example(window, None)).unzip();
            set.push(String::new(), Vec::new(), context, examples, passages);
        }
        Ok(Box::new(set))
    }

    /// The mean of both cross entropies over the tokens of the longest example: like transformers', over padding too.
    fn loss(
        &self,
        outputs: &Tensor,
        labels: &Tensor,
        _criterion: &Criterion,
        reduction: Reduction,
    ) -> Tensor {
        let half = |side: i64| {
            let (outputs, places) = (outputs.select(1, side), labels.select(1, side));
            outputs.cross_entropy_loss(&places, None::<Tensor>, reduction, -100, 0.0)
        };
        (half(0) + half(1)) / 2
    }
}

fn read(path: &Path) -> Result<Vec<Paragraph>> {
    refuse_pointer(path, Failure::Data)?;
    let bytes = std::fs::read(path).map_err(|fault| {
        let cure = "--data must be a folder with train-v1.1.json and dev-v1.1.json";
        Failure::Data(format!("{}: it cannot be read ({fault}); {cure}", path.display()))
    })?;
    squad_file::parse(&bytes).map_err(|fault| {
        let place = fault
            .place
            .map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        Failure::Data(format!("{}{place}: {}", path.display(), fault.sentence))
    })
}

/// The windows of a context beside a question. Where little room is left, neighbours have three quarters of it in common.
fn windows(question: &str, context: &Part, tokens: &Tokens) -> Result<Vec<Window>> {
    let question = tokens.part(question)?.first(MAX_QUESTION_TOKENS);
    let room = tokens.max_length() - tokens.n_special() - question.len();
    tokens.windows(question, context.clone(), OVERLAP.min(room * 3 / 4))
}

/// A window as an example, with the answer's tokens as its label where the window holds all of them.
fn example(window: Window, answer: Option<&Range<usize>>) -> (Example, Passage) {
    let (first, last) = answer.and_then(|answer| label(&window, answer)).unwrap_or((0, 0));
    let example = Example {
        ids: window.ids,
        types: window.types,
        label: Label::Span(first as u32, last as u32),
    };
    let passage = Passage {
        begin: window.begin,
        places: window.places,
    };
    (example, passage)
}

/// The last token that begins before the answer does or with it, and the first one that ends after it or with it.
fn label(window: &Window, answer: &Range<usize>) -> Option<(usize, usize)> {
    let holds = window.places.first()?.0 <= answer.start && answer.end <= window.places.last()?.1;
    let first = window.places.iter().rposition(|place| place.0 <= answer.start);
    let last = window.places.iter().position(|place| place.1 >= answer.end);
    let (first, last) = (first?, last?);
    (holds && first <= last).then_some((window.begin + first, window.begin + last))
}

#[cfg(test)]
#[path = "squad_tests.rs"]
mod tests;
