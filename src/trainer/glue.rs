//! The nine tasks of GLUE (Wang et al. 2018), by the files that GLUE publishes: one example a line, tabs between the columns, no
//! quoting.

use super::log::say;
use super::measures::{accuracy, f1, matthews, pearson, spearman};
use super::task::{Judgement, Label, Row, Task};
use super::{Failure, Result};
use std::path::Path;
use tch::{Kind, Reduction, Tensor};

/// A task of GLUE.
#[derive(Debug)]
pub struct Glue {
    name: &'static str,
    about: &'static str,
    columns: Columns,
    labels: Labels,
    dev_files: &'static [(&'static str, &'static str)],
    measures: &'static [(&'static str, Measure)],
    /// Lines with too few columns are left out: the published file has some.
    has_short_lines: bool,
}

type Measure = fn(&[f64], &[f64]) -> f64;

/// Where the sentences and the label stand.
#[derive(Debug)]
enum Columns {
    /// In the columns of these names, which the first line has: first sentence, second, label.
    Named(&'static str, Option<&'static str>, &'static str),
    /// In those of these numbers of so many, without a line of names: sentence, label.
    Numbered(usize, usize, usize),
}

/// What may stand in the label's column.
#[derive(Debug)]
enum Labels {
    /// These words, the class 0 first, as transformers numbers them.
    Classes(&'static [&'static str]),
    /// A number in this range.
    Scores(f32, f32),
}

const DEV: &[(&str, &str)] = &[("dev.tsv", "")];
const BINARY: Labels = Labels::Classes(&["0", "1"]);
const ENTAILMENT: Labels = Labels::Classes(&["entailment", "not_entailment"]);
const ACCURACY: &[(&str, Measure)] = &[("accuracy", accuracy)];
const F1: &[(&str, Measure)] = &[("f1", f1), ("accuracy", accuracy)];

const fn pairs(name: &'static str, about: &'static str, columns: Columns, labels: Labels) -> Glue {
    Glue {
        name,
        about,
        columns,
        labels,
        dev_files: DEV,
        measures: ACCURACY,
        has_short_lines: false,
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
        )
    },
    Glue {
        measures: &[("matthews", matthews), ("accuracy", accuracy)],
        ..pairs(
            "cola",
            "whether a sentence is good English",
            Columns::Numbered(3, 1, 4),
            BINARY,
        )
    },
    pairs(
        "sst2",
        "whether a sentence is meant well",
        Columns::Named("sentence", None, "label"),
        BINARY,
    ),
    Glue {
        measures: &[("pearson", pearson), ("spearman", spearman)],
        ..pairs(
            "stsb",
            "how alike two sentences are, from 0 to 5",
            Columns::Named("sentence1", Some("sentence2"), "score"),
            Labels::Scores(0.0, 5.0),
        )
    },
    Glue {
        measures: F1,
        has_short_lines: true,
        ..pairs(
            "qqp",
            "whether two questions ask the same",
            Columns::Named("question1", Some("question2"), "is_duplicate"),
            BINARY,
        )
    },
    Glue {
        dev_files: &[("dev_matched.tsv", ""), ("dev_mismatched.tsv", "_mismatched")],
        ..pairs(
            "mnli",
            "whether a sentence follows from another, contradicts it, or neither",
            Columns::Named("sentence1", Some("sentence2"), "gold_label"),
            Labels::Classes(&["entailment", "neutral", "contradiction"]),
        )
    },
    pairs(
        "qnli",
        "whether a sentence answers a question",
        Columns::Named("question", Some("sentence"), "label"),
        ENTAILMENT,
    ),
    pairs(
        "rte",
        "whether a sentence follows from another",
        Columns::Named("sentence1", Some("sentence2"), "label"),
        ENTAILMENT,
    ),
    pairs(
        "wnli",
        "whether a pronoun is resolved rightly",
        Columns::Named("sentence1", Some("sentence2"), "label"),
        BINARY,
    ),
];

impl Task for Glue {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn n_outputs(&self) -> i64 {
        match self.labels {
            Labels::Classes(words) => words.len() as i64,
            Labels::Scores(..) => 1,
        }
    }

    fn dev_files(&self) -> &'static [(&'static str, &'static str)] {
        self.dev_files
    }

    fn read(&self, path: &Path) -> Result<Vec<Row>> {
        let bytes = std::fs::read(path).map_err(|fault| {
            let files: Vec<&str> = self.dev_files.iter().map(|(file, _)| *file).collect();
            let cure = format!(
                "--data must be a folder with train.tsv and {}",
                files.join(" and ")
            );
            Failure::Data(format!("{}: it cannot be read ({fault}); {cure}", path.display()))
        })?;
        let (rows, n_short) = self.parse(&bytes).map_err(|fault| {
            let place = fault.line.map_or_else(String::new, |line| format!(":{line}"));
            Failure::Data(format!("{}{place}: {}", path.display(), fault.sentence))
        })?;
        if n_short > 0 {
            say(format_args!(
                "{}: {n_short} lines with too few columns are left out",
                path.display()
            ));
        }
        Ok(rows)
    }

    fn loss(&self, outputs: &Tensor, labels: &Tensor, reduction: Reduction) -> Tensor {
        match self.labels {
            Labels::Classes(_) => outputs.cross_entropy_loss(labels, None::<Tensor>, reduction, -100, 0.0),
            Labels::Scores(..) => outputs.squeeze_dim(1).mse_loss(labels, reduction),
        }
    }

    fn answers(&self, outputs: &Tensor) -> Tensor {
        match self.labels {
            Labels::Classes(_) => outputs.argmax(1, false).to_kind(Kind::Double),
            Labels::Scores(..) => outputs.squeeze_dim(1).to_kind(Kind::Double),
        }
    }

    fn judge(&self, answers: &[f64], labels: &[f64]) -> Judgement {
        let measure = |(name, measure): &(&'static str, Measure)| (*name, measure(answers, labels));
        let mut metrics: Vec<_> = self.measures.iter().map(measure).collect();
        // Numbers of 32 bits that come out of the same rows of a batch may differ in the last places.
        let tolerance = match self.labels {
            Labels::Classes(words) => {
                metrics.extend(self.majority(words.len(), labels));
                0.0
            }
            Labels::Scores(least, most) => f64::from(most - least) * 1e-4,
        };
        let spread = |values: &[f64]| {
            let (low, high) = values
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                    (l.min(*v), h.max(*v))
                });
            high - low
        };
        Judgement {
            metrics,
            collapsed: spread(answers) <= tolerance && spread(labels) > 0.0,
        }
    }
}

/// What is wrong with a text, and on which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    line: Option<usize>,
    sentence: String,
}

/// Places of the first sentence, the second and the label, and of how many columns.
struct Places {
    first: usize,
    second: Option<usize>,
    label: usize,
    n: usize,
}

impl Glue {
    /// What always answering the most frequent class is worth, by the task's first measure; of several the last class.
    fn majority(&self, n_classes: usize, labels: &[f64]) -> Option<(&'static str, f64)> {
        let count = |class: &usize| labels.iter().filter(|label| **label == *class as f64).count();
        let most = (0..n_classes).max_by_key(count)?;
        let (name, measure) = self.measures.first()?;
        let name = match *name {
            "f1" => "majority_f1",
            "accuracy" => "majority_accuracy",
            // No correlation with what is constant.
            _ => return None,
        };
        Some((name, measure(&vec![most as f64; labels.len()], labels)))
    }

    /// The rows, and how many lines had too few columns.
    fn parse(&self, bytes: &[u8]) -> std::result::Result<(Vec<Row>, usize), Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut rows, mut n_short) = (Vec::new(), 0);
        let mut places = self.numbered();
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            let at = |sentence: String| Fault {
                line: Some(number),
                sentence,
            };
            let text = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line))
                .map_err(|fault| at(format!("it is not UTF-8 ({fault}); convert the file")))?;
            if text.is_empty() {
                continue;
            }
            let columns: Vec<&str> = text.split('\t').collect();
            let Some(places) = &places else {
                places = Some(self.named(&columns).map_err(at)?);
                continue;
            };
            if self.has_short_lines && columns.len() < places.n {
                n_short += 1;
                continue;
            }
            rows.push(self.row(places, &columns).map_err(at)?);
        }
        if rows.is_empty() {
            return Err(Fault {
                line: None,
                sentence: "it has no examples; give it at least one line".into(),
            });
        }
        Ok((rows, n_short))
    }

    fn numbered(&self) -> Option<Places> {
        match self.columns {
            Columns::Numbered(first, label, n) => Some(Places {
                first,
                second: None,
                label,
                n,
            }),
            Columns::Named(..) => None,
        }
    }

    fn named(&self, header: &[&str]) -> std::result::Result<Places, String> {
        let Columns::Named(first, second, label) = self.columns else {
            unreachable!("columns without names are known before the first line");
        };
        let place = |name: &str| {
            header.iter().position(|column| *column == name).ok_or_else(|| {
                let wanted: Vec<&str> = [Some(first), second, Some(label)].into_iter().flatten().collect();
                format!(
                    "the first line must name the columns {}, with tabs between; it is {}",
                    wanted.join(", "),
                    excerpt(&header.join("\t"))
                )
            })
        };
        Ok(Places {
            first: place(first)?,
            second: second.map(place).transpose()?,
            label: place(label)?,
            n: header.len(),
        })
    }

    fn row(&self, places: &Places, columns: &[&str]) -> std::result::Result<Row, String> {
        if columns.len() != places.n {
            return Err(format!(
                "it has {} columns where {} belong; correct the line",
                columns.len(),
                places.n
            ));
        }
        Ok(Row {
            first: columns[places.first].to_owned(),
            second: places.second.map(|place| columns[place].to_owned()),
            label: self.label(columns[places.label])?,
        })
    }

    fn label(&self, text: &str) -> std::result::Result<Label, String> {
        match self.labels {
            Labels::Classes(words) => match words.iter().position(|word| *word == text) {
                Some(class) => Ok(Label::Class(class as u8)),
                None => Err(format!(
                    "the label is {}, and only {} are labels; correct the line",
                    excerpt(text),
                    words.join(" and ")
                )),
            },
            Labels::Scores(least, most) => match text.parse::<f32>() {
                Ok(score) if (least..=most).contains(&score) => Ok(Label::Score(score)),
                _ => Err(format!(
                    "the score is {}, and it must be a number from {least} to {most}; correct the line",
                    excerpt(text)
                )),
            },
        }
    }
}

/// A text in quotes, no longer than a line.
fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    match text.char_indices().nth(MAX_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?} and so on", &text[..end]),
    }
}

#[cfg(test)]
#[path = "glue_tests.rs"]
mod tests;
