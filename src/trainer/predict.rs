//! `bert-trainer predict`: a fine-tuned model's answers to texts, a line each.

use super::batches::Words;
use super::finished::{Finished, FinishedArguments};
use super::inputs::{Input, MAX_LINE_BYTES};
use super::model::Model;
use super::scores::outputs;
use super::{Failure, Result};
use clap::Parser;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The bytes of a line, or in a sentence why it is none.
type Line = std::result::Result<Vec<u8>, String>;

/// Lines that are answered together.
const CHUNK: usize = 256;

const EXAMPLES: &str = "\
Examples:
  printf 'The cat sleeps.\\tA cat is asleep.\\n' | bert-trainer predict --model model
  bert-trainer predict --model model --input pairs.jsonl --output answers.jsonl
  bert-trainer predict --model squad-model --input questions.jsonl | jq -r .answer

A line of the input is a JSON object, {\"text\": …} with \"text_pair\" of tasks about two texts, of squad {\"question\": …,
\"context\": …}, or the same texts with a tab between. A line of the output answers the line of the same number; an \"id\" comes
back. Where a line can't be read, its answer is {\"line\": …, \"error\": …}, the others are answered all the same, and the exit
code is 44.";

/// Answers texts with a fine-tuned model.
#[derive(Clone, Debug, Parser)]
#[command(name = "bert-trainer predict", bin_name = "bert-trainer predict", version, after_help = EXAMPLES, max_term_width = 110)]
pub(super) struct PredictArguments {
    #[command(flatten)]
    finished: FinishedArguments,
    /// File with the texts; -: standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// File for the answers; -: standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Answers until the input ends or `stop` is set.
///
/// # Errors
/// The model, the input or the output can't be used; or lines of the input could not be read, after all others were answered.
pub(super) fn run(arguments: PredictArguments, stop: &AtomicBool) -> Result<()> {
    let finished = Finished::read(arguments.finished)?;
    let mut input = open(&arguments.input)?;
    let names = finished.class_names();
    let words = Words::all(finished.config.n_tokens);
    let words = words.seen_by(finished.task.head(), finished.tokens.padding());
    let model = finished.model(&words)?;
    let mut answering = Answering {
        finished: &finished,
        names: &names,
        words: &words,
        model: &model,
        stop,
        n_lines: 0,
        n_unread: 0,
    };
    let mut output = create(&arguments.output)?;
    while let Some(lines) = chunk(&mut input, &arguments.input)? {
        let text = answering.answer(lines)?;
        let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
        match written {
            // Whoever closed this pipe has seen enough.
            Err(fault) if fault.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result.map_err(|fault| Failure::write(&arguments.output, &fault))?,
        }
    }
    match answering.n_unread {
        0 => Ok(()),
        n => Err(Failure::Data(format!(
            "{}: {n} of {} lines could not be read; their answers say why",
            arguments.input.display(),
            answering.n_lines
        ))),
    }
}

/// A model at work.
struct Answering<'a> {
    finished: &'a Finished,
    names: &'a [String],
    words: &'a Words,
    model: &'a Model,
    stop: &'a AtomicBool,
    n_lines: usize,
    n_unread: usize,
}

impl Answering<'_> {
    /// The answers to these lines, a line each.
    fn answer(&mut self, lines: Vec<Line>) -> Result<String> {
        let asked = self.finished.task.asked();
        let parsed: Vec<std::result::Result<Input, String>> = lines
            .into_iter()
            .map(|line| line.and_then(|line| Input::parse(&line, asked)))
            .collect();
        let inputs: Vec<&Input> = parsed.iter().filter_map(|input| input.as_ref().ok()).collect();
        let set = self.finished.task.questions(&inputs, &self.finished.tokens)?;
        let found = outputs(self.model, set.examples(), self.words, self.stop, |_, _| {})?;
        let found =
            found.ok_or_else(|| Failure::Stopped(format!("told to stop after line {}", self.n_lines)))?;
        let mut answers = set.answers(&found, self.names).into_iter();
        let mut text = String::new();
        for input in &parsed {
            self.n_lines += 1;
            let answer = match input {
                Ok(input) => with_id(answers.next().unwrap_or_default(), input.id.as_ref()),
                Err(said) => {
                    self.n_unread += 1;
                    serde_json::json!({"line": self.n_lines, "error": said})
                }
            };
            text += &answer.to_string();
            text.push('\n');
        }
        Ok(text)
    }
}

/// The answer with the question's own name.
fn with_id(answer: Map<String, Value>, id: Option<&Value>) -> Value {
    let id = id.map(|id| ("id".to_owned(), id.clone()));
    Value::Object(id.into_iter().chain(answer).collect())
}

fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if is_stream(path) {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).map_err(|fault| unreadable(path, &fault))?;
    Ok(Box::new(BufReader::new(file)))
}

fn create(path: &Path) -> Result<Box<dyn Write>> {
    if is_stream(path) {
        return Ok(Box::new(std::io::stdout()));
    }
    let file = File::create(path).map_err(|fault| Failure::write(path, &fault))?;
    Ok(Box::new(BufWriter::new(file)))
}

fn unreadable(path: &Path, fault: &std::io::Error) -> Failure {
    Failure::Data(format!(
        "{}: it cannot be read ({fault}); correct --input",
        path.display()
    ))
}

/// The next lines, without their ends.
fn chunk(input: &mut dyn BufRead, path: &Path) -> Result<Option<Vec<Line>>> {
    let mut lines = Vec::new();
    while lines.len() < CHUNK {
        let mut line = Vec::new();
        let n = (&mut *input)
            .take(MAX_LINE_BYTES as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(|fault| unreadable(path, &fault))?;
        if n == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if n > MAX_LINE_BYTES {
            skip_line(input).map_err(|fault| unreadable(path, &fault))?;
            lines.push(Err(format!("it is longer than {} MiB", MAX_LINE_BYTES >> 20)));
            continue;
        }
        lines.push(Ok(line));
    }
    Ok((!lines.is_empty()).then_some(lines))
}

/// Leaves out the rest of a line, without keeping it.
fn skip_line(input: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let n = end.map_or(buffer.len(), |at| at + 1);
        input.consume(n);
        if end.is_some() {
            return Ok(());
        }
    }
}
