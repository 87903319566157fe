//! Files as GLUE publishes them: one example a line, tabs between the columns, no quoting.

use super::example::Label;
use super::excerpt::excerpt;

/// What a file looks like.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) columns: Columns,
    pub(super) labels: Labels,
    /// Lines with too few columns are left out: the published file has some.
    pub(super) has_short_lines: bool,
}

/// Where the sentences and the label stand.
#[derive(Debug)]
pub(super) enum Columns {
    /// In the columns of these names, which the first line has: first sentence, second, label.
    Named(&'static str, Option<&'static str>, &'static str),
    /// In those of these numbers of so many, without a line of names: sentence, label.
    Numbered(usize, usize, usize),
}

/// What may stand in the label's column.
#[derive(Debug)]
pub(super) enum Labels {
    /// These words, the class 0 first, as transformers numbers them.
    Classes(&'static [&'static str]),
    /// A number in this range.
    Scores(f32, f32),
}

/// One example of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The sentence, or the first of two.
    pub(super) first: String,
    /// The second.
    pub(super) second: Option<String>,
    /// What is right.
    pub(super) label: Label,
}

/// What is wrong with a text, and on which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: Option<usize>,
    pub(super) sentence: String,
}

/// Places of the first sentence, the second and the label, and of how many columns.
struct Places {
    first: usize,
    second: Option<usize>,
    label: usize,
    n: usize,
}

impl Form {
    /// The rows, and how many lines had too few columns.
    pub(super) fn parse(&self, bytes: &[u8]) -> std::result::Result<(Vec<Row>, usize), Fault> {
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
