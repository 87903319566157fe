//! The nine tasks of GLUE (Wang et al. 2018).

use super::example::{Example, Label};
use super::glue_file::{Columns, Form, Labels};
use super::inputs::{Asked, Input};
use super::lfs::refuse_pointer;
use super::log::say;
use super::measures::{accuracy, f1, matthews, pearson, softmax, spearman};
use super::task::{Criterion, DevSet, Head, Judgement, QuestionSet, Task};
use super::tokens::Tokens;
use super::{Failure, Result};
use serde_json::{Map, Value};
use std::path::Path;
use tch::{Reduction, Tensor};

/// A task of GLUE.
#[derive(Debug)]
pub struct Glue {
    name: &'static str,
    about: &'static str,
    form: Form,
    dev_files: &'static [(&'static str, &'static str)],
    measures: &'static [(&'static str, Measure)],
    /// What the classes are called, as the data sets of Hugging Face call them.
    classes: &'static [&'static str],
}

type Measure = fn(&[f64], &[f64]) -> f64;

const DEV: &[(&str, &str)] = &[("dev.tsv", "")];
const BINARY: Labels = Labels::Classes(&["0", "1"]);
const ENTAILMENT: &[&str] = &["entailment", "not_entailment"];
const INFERENCE: &[&str] = &["entailment", "neutral", "contradiction"];
const ACCURACY: &[(&str, Measure)] = &[("accuracy", accuracy)];
const F1: &[(&str, Measure)] = &[("f1", f1), ("accuracy", accuracy)];

const fn pairs(
    name: &'static str,
    about: &'static str,
    columns: Columns,
    labels: Labels,
    classes: &'static [&'static str],
) -> Glue {
    Glue {
        classes,
        name,
        about,
        form: Form {
            columns,
            labels,
            has_short_lines: false,
        },
        dev_files: DEV,
        measures: ACCURACY,
    }
}

/// All of them.
pub static GLUE: [Glue; 9] = [
    Glue {
        measures: F1,
        ..pairs(
            "mrpc",
            "whether two sentences say the same",
            Columns::Named("#1 String", Some("#2 String"), "Quality"),
            BINARY,
            &["not_equivalent", "equivalent"],
        )
    },
    Glue {
        measures: &[("matthews", matthews), ("accuracy", accuracy)],
        ..pairs(
            "cola",
            "whether a sentence is good English",
            Columns::Numbered(3, 1, 4),
            BINARY,
            &["unacceptable", "acceptable"],
        )
    },
    pairs(
        "sst2",
        "whether a sentence is meant well",
        Columns::Named("sentence", None, "label"),
        BINARY,
        &["negative", "positive"],
    ),
    Glue {
        measures: &[("pearson", pearson), ("spearman", spearman)],
        ..pairs(
            "stsb",
            "how alike two sentences are, from 0 to 5",
            Columns::Named("sentence1", Some("sentence2"), "score"),
            Labels::Scores(0.0, 5.0),
            &[],
        )
    },
    Glue {
        measures: F1,
        form: Form {
            columns: Columns::Named("question1", Some("question2"), "is_duplicate"),
            labels: BINARY,
            has_short_lines: true,
        },
        dev_files: DEV,
        classes: &["not_duplicate", "duplicate"],
        name: "qqp",
        about: "whether two questions ask the same",
    },
    Glue {
        dev_files: &[("dev_matched.tsv", ""), ("dev_mismatched.tsv", "_mismatched")],
        ..pairs(
            "mnli",
            "whether a sentence follows from another, contradicts it, or neither",
            Columns::Named("sentence1", Some("sentence2"), "gold_label"),
            Labels::Classes(INFERENCE),
            INFERENCE,
        )
    },
    pairs(
        "qnli",
        "whether a sentence answers a question",
        Columns::Named("question", Some("sentence"), "label"),
        Labels::Classes(ENTAILMENT),
        ENTAILMENT,
    ),
    pairs(
        "rte",
        "whether a sentence follows from another",
        Columns::Named("sentence1", Some("sentence2"), "label"),
        Labels::Classes(ENTAILMENT),
        ENTAILMENT,
    ),
    pairs(
        "wnli",
        "whether a pronoun is resolved rightly",
        Columns::Named("sentence1", Some("sentence2"), "label"),
        BINARY,
        &["not_entailment", "entailment"],
    ),
];

impl Task for Glue {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn head(&self) -> Head {
        Head::Pooled(self.n_classes().map_or(1, |n| n as i64))
    }

    fn train_file(&self) -> &'static str {
        "train.tsv"
    }

    fn dev_files(&self) -> &'static [(&'static str, &'static str)] {
        self.dev_files
    }

    fn metrics(&self) -> Vec<&'static str> {
        let names = self.measures.iter().map(|(name, _)| *name);
        names.chain(self.majority_name()).collect()
    }

    fn max_length(&self) -> u32 {
        128
    }

    fn check_max_length(&self, _max_length: u32) -> std::result::Result<(), String> {
        Ok(())
    }

    fn n_classes(&self) -> Option<usize> {
        match self.form.labels {
            Labels::Classes(words) => Some(words.len()),
            Labels::Scores(..) => None,
        }
    }

    fn class_names(&self) -> &'static [&'static str] {
        self.classes
    }

    fn train_set(&self, path: &Path, tokens: &Tokens) -> Result<Vec<Example>> {
        refuse_pointer(path, Failure::Data)?;
        let bytes = std::fs::read(path).map_err(|fault| {
            let files: Vec<&str> = self.dev_files.iter().map(|(file, _)| *file).collect();
            let cure = format!(
                "--data must be a folder with train.tsv and {}",
                files.join(" and ")
            );
            Failure::Data(format!("{}: it cannot be read ({fault}); {cure}", path.display()))
        })?;
        let (rows, n_short) = self.form.parse(&bytes).map_err(|fault| {
            let place = fault.line.map_or_else(String::new, |line| format!(":{line}"));
            Failure::Data(format!("{}{place}: {}", path.display(), fault.sentence))
        })?;
        if n_short > 0 {
            say(format_args!(
                "{}: {n_short} lines with too few columns are left out",
                path.display()
            ));
        }
        rows.iter()
            .map(|row| tokens.encode(&row.first, row.second.as_deref(), row.label))
            .collect()
    }

    fn dev_set(&'static self, path: &Path, tokens: &Tokens) -> Result<Box<dyn DevSet>> {
        let examples = self.train_set(path, tokens)?;
        Ok(Box::new(GlueSet { task: self, examples }))
    }

    fn asked(&self) -> Asked {
        let is_pair = matches!(self.form.columns, Columns::Named(_, Some(_), _));
        Asked {
            first: "text",
            second: is_pair.then_some("text_pair"),
        }
    }

    fn questions(&'static self, inputs: &[&Input], tokens: &Tokens) -> Result<Box<dyn QuestionSet>> {
        // What is right is not known, and nobody will ask.
        let label = Label::Score(0.0);
        let examples = inputs
            .iter()
            .map(|input| tokens.encode(&input.first, input.second.as_deref(), label));
        let examples = examples.collect::<Result<_>>()?;
        Ok(Box::new(GlueSet { task: self, examples }))
    }

    fn loss(&self, outputs: &Tensor, labels: &Tensor, criterion: &Criterion, reduction: Reduction) -> Tensor {
        match self.form.labels {
            Labels::Classes(_) => outputs.cross_entropy_loss(
                labels,
                criterion.class_weights.as_ref(),
                reduction,
                -100,
                criterion.label_smoothing,
            ),
            Labels::Scores(..) => outputs.squeeze_dim(1).mse_loss(labels, reduction),
        }
    }
}

/// Examples of one of the tasks.
struct GlueSet {
    task: &'static Glue,
    examples: Vec<Example>,
}

impl DevSet for GlueSet {
    fn examples(&self) -> &[Example] {
        &self.examples
    }

    fn judge(&self, outputs: &[Vec<f32>]) -> Judgement {
        let answers: Vec<f64> = outputs.iter().map(|outputs| self.task.answer(outputs)).collect();
        let labels: Vec<f64> = self.examples.iter().map(|example| value(example.label)).collect();
        self.task.judge(&answers, &labels)
    }
}

impl QuestionSet for GlueSet {
    fn examples(&self) -> &[Example] {
        &self.examples
    }

    fn answers(&self, outputs: &[Vec<f32>], classes: &[String]) -> Vec<Map<String, Value>> {
        outputs
            .iter()
            .map(|outputs| self.task.in_words(outputs, classes))
            .collect()
    }
}

/// A label as a number: the class's, or the score.
fn value(label: Label) -> f64 {
    match label {
        Label::Class(class) => f64::from(class),
        Label::Score(score) => f64::from(score),
        Label::Span(..) => unreachable!("no file of GLUE has spans"),
    }
}

impl Glue {
    /// The answer as programs read it: the class with the probability of each, or the score.
    fn in_words(&self, outputs: &[f32], classes: &[String]) -> Map<String, Value> {
        let answer = self.answer(outputs);
        let mut found = Map::new();
        if let Labels::Scores(..) = self.form.labels {
            found.insert("score".into(), answer.into());
            return found;
        }
        let probabilities = softmax(outputs);
        let class = answer as usize;
        found.insert("label".into(), classes.get(class).cloned().into());
        found.insert("probability".into(), probabilities[class].into());
        let each = classes
            .iter()
            .zip(probabilities)
            .map(|(name, p)| (name.clone(), p.into()));
        found.insert("probabilities".into(), Value::Object(each.collect()));
        found.insert("logits".into(), outputs.into());
        found
    }

    /// The class with the largest output, the first of several; or the score.
    fn answer(&self, outputs: &[f32]) -> f64 {
        match self.form.labels {
            Labels::Scores(..) => f64::from(outputs[0]),
            Labels::Classes(_) => {
                let better = |best: usize, class: usize| {
                    if outputs[class] > outputs[best] {
                        class
                    } else {
                        best
                    }
                };
                (1..outputs.len()).fold(0, better) as f64
            }
        }
    }

    /// How good answers are, against labels of the same number.
    fn judge(&self, answers: &[f64], labels: &[f64]) -> Judgement {
        let measure = |(name, measure): &(&'static str, Measure)| (*name, measure(answers, labels));
        let mut metrics: Vec<_> = self.measures.iter().map(measure).collect();
        // Numbers of 32 bits that come out of the same rows of a batch may differ in the last places.
        let tolerance = match self.form.labels {
            Labels::Classes(words) => {
                metrics.extend(self.majority(words.len(), labels));
                0.0
            }
            Labels::Scores(least, most) => f64::from(most - least) * 1e-4,
        };
        let spread = |values: &[f64]| {
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            let (low, high) = values.iter().fold(ends, |(l, h), v| (l.min(*v), h.max(*v)));
            high - low
        };
        Judgement {
            metrics,
            collapsed: spread(answers) <= tolerance && spread(labels) > 0.0,
        }
    }

    /// What always answering the most frequent class is worth, by the task's first measure; of several the last class.
    fn majority(&self, n_classes: usize, labels: &[f64]) -> Option<(&'static str, f64)> {
        let count = |class: &usize| labels.iter().filter(|label| **label == *class as f64).count();
        let most = (0..n_classes).max_by_key(count)?;
        let (_, measure) = self.measures.first()?;
        Some((
            self.majority_name()?,
            measure(&vec![most as f64; labels.len()], labels),
        ))
    }

    fn majority_name(&self) -> Option<&'static str> {
        match self.measures.first()?.0 {
            "f1" => Some("majority_f1"),
            "accuracy" => Some("majority_accuracy"),
            // No correlation with what is constant.
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "glue_tests.rs"]
mod tests;
