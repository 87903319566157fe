//! Questions of SQuAD to evaluate on: their answers in words, and what those are worth.

use super::example::Example;
use super::span_search::{self, Span};
use super::task::{DevSet, Document, Judgement, QuestionSet};
use super::text_match::{exact_match, f1};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;

/// Questions, each with one or more windows.
#[derive(Default)]
pub(super) struct SquadSet {
    /// The windows, question by question.
    examples: Vec<Example>,
    passages: Vec<Passage>,
    questions: Vec<Asked>,
    /// Each context once.
    contexts: Vec<String>,
}

/// The text in a window.
pub(super) struct Passage {
    /// Its first token in the window.
    pub(super) begin: usize,
    /// Where each of its tokens stands in the context, in bytes.
    pub(super) places: Vec<(usize, usize)>,
}

struct Asked {
    id: String,
    references: Vec<String>,
    context: usize,
    windows: Range<usize>,
}

/// An answer as `nbest.json` has it.
#[derive(Serialize)]
struct Candidate<'a> {
    text: &'a str,
    probability: f64,
    start_logit: f32,
    end_logit: f32,
}

impl SquadSet {
    /// Adds a question with its windows.
    pub(super) fn push(
        &mut self,
        id: String,
        references: Vec<String>,
        context: &str,
        examples: Vec<Example>,
        passages: Vec<Passage>,
    ) {
        // The questions of a paragraph follow each other.
        if self.contexts.last().is_none_or(|last| last != context) {
            self.contexts.push(context.to_owned());
        }
        let begin = self.examples.len();
        self.examples.extend(examples);
        self.passages.extend(passages);
        self.questions.push(Asked {
            id,
            references,
            context: self.contexts.len() - 1,
            windows: begin..self.examples.len(),
        });
    }

    /// The best answers of a question, the best first.
    fn spans(&self, question: &Asked, outputs: &[Vec<f32>]) -> Vec<Span> {
        span_search::best(question.windows.clone().map(|window| {
            let (begins, ends) = outputs[window].split_at(outputs[window].len() / 2);
            let passage = &self.passages[window];
            let text = passage.begin..passage.begin + passage.places.len();
            (&begins[text.clone()], &ends[text])
        }))
    }

    /// Where an answer stands in the context, in bytes.
    fn place(&self, question: &Asked, span: &Span) -> Range<usize> {
        let places = &self.passages[question.windows.start + span.window].places;
        places[span.first].0..places[span.last].1
    }

    /// The words of an answer, as they stand in the context.
    fn text(&self, question: &Asked, span: &Span) -> &str {
        let place = self.place(question, span);
        self.contexts[question.context].get(place).unwrap_or_default()
    }
}

impl QuestionSet for SquadSet {
    fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The answer, its probability among the best, and where it begins and ends in the context, in characters.
    fn answers(&self, outputs: &[Vec<f32>], _classes: &[String]) -> Vec<Map<String, Value>> {
        let answer = |question: &Asked| {
            let spans = self.spans(question, outputs);
            let probability = span_search::probabilities(&spans).first().copied();
            let place = spans.first().map(|span| self.place(question, span));
            let context = &self.contexts[question.context];
            let text = place.as_ref().and_then(|place| context.get(place.clone()));
            let characters = |end: usize| context.get(..end).map(|before| before.chars().count());
            let (start, end) = place.map_or((None, None), |place| {
                (characters(place.start), characters(place.end))
            });
            let named: [(&str, Value); 4] = [
                ("answer", text.unwrap_or_default().into()),
                ("probability", probability.into()),
                ("start", start.into()),
                ("end", end.into()),
            ];
            named
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        };
        self.questions.iter().map(answer).collect()
    }
}

impl DevSet for SquadSet {
    fn examples(&self) -> &[Example] {
        &self.examples
    }

    fn judge(&self, outputs: &[Vec<f32>]) -> Judgement {
        let (mut f1s, mut matches, mut chosen) = (0.0, 0.0, Vec::new());
        for question in &self.questions {
            let best = self.spans(question, outputs).first().copied();
            let answer = best.map_or("", |span| self.text(question, &span));
            f1s += f1(answer, &question.references);
            matches += exact_match(answer, &question.references);
            chosen.push(best.map(|span| (span.first, span.last)));
        }
        let n = self.questions.len().max(1) as f64;
        Judgement {
            metrics: vec![("f1", f1s / n), ("exact_match", matches / n)],
            // The same place in every text: what stands there was not looked at.
            collapsed: chosen.len() > 1 && chosen.iter().all(|place| *place == chosen[0]),
        }
    }

    /// As transformers' `run_qa.py` writes them: by question the answer, and the best answers with their probabilities.
    fn documents(&self, outputs: &[Vec<f32>]) -> Vec<Document> {
        let (mut predictions, mut n_best) = (BTreeMap::new(), BTreeMap::new());
        for question in &self.questions {
            let spans = self.spans(question, outputs);
            let probabilities = span_search::probabilities(&spans);
            let candidates = spans
                .iter()
                .zip(probabilities)
                .map(|(span, probability)| Candidate {
                    text: self.text(question, span),
                    probability,
                    start_logit: span.begin,
                    end_logit: span.end,
                });
            let candidates: Vec<Candidate> = candidates.collect();
            predictions.insert(&question.id, candidates.first().map_or("", |best| best.text));
            n_best.insert(&question.id, candidates);
        }
        let document = |name, text: serde_json::Result<String>| Document {
            name,
            // Numbers and texts alone: there is nothing that JSON could not hold.
            text: text.unwrap_or_default() + "\n",
        };
        vec![
            document("predictions.json", serde_json::to_string_pretty(&predictions)),
            document("nbest.json", serde_json::to_string_pretty(&n_best)),
        ]
    }
}
