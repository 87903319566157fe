//! `bert-trainer evaluate`: what a fine-tuned model measures on a task's dev files.

use super::batches::Words;
use super::curve::Scores;
use super::example::Example;
use super::finished::{Finished, FinishedArguments};
use super::report::{prepare_folder, write_documents, write_whole};
use super::scores::{Evaluation, evaluate};
use super::{Failure, Result, config};
use clap::Parser;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

const EXAMPLES: &str = "\
Examples:
  bert-trainer evaluate --model runs/mrpc/trials/mrpc-0007/model --data data/mrpc
  bert-trainer evaluate --model model --data data/mrpc --precision fp32 | jq .f1

One JSON object on standard output; everything else is said on standard error.";

/// Measures a fine-tuned model on the task's dev files.
#[derive(Clone, Debug, Parser)]
#[command(name = "bert-trainer evaluate", bin_name = "bert-trainer evaluate", version, after_help = EXAMPLES, max_term_width = 110)]
pub(super) struct EvaluateArguments {
    #[command(flatten)]
    finished: FinishedArguments,
    /// Folder of the data
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the same object as report.json and, of squad, predictions.json and nbest.json
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
}

/// Evaluates until `stop` is set.
///
/// # Errors
/// The model, the data or the output can't be used.
pub(super) fn run(arguments: EvaluateArguments, stop: &AtomicBool) -> Result<()> {
    let data = config::folder(arguments.data, "--data", Failure::Data)?;
    if let Some(folder) = &arguments.output_dir {
        prepare_folder(folder)?;
    }
    let finished = Finished::read(arguments.finished)?;
    let task = finished.task;
    let files = task.dev_files().iter();
    let sets = files.map(|(file, _)| task.dev_set(&data.join(file), &finished.tokens));
    let sets = sets.collect::<Result<Vec<_>>>()?;
    let examples: Vec<&[Example]> = sets.iter().map(|set| set.examples()).collect();
    let words = Words::of(&examples, finished.config.n_tokens);
    let words = words.seen_by(task.head(), finished.tokens.padding());
    let model = finished.model(&words)?;
    let (mut all, mut documents): (Option<Scores>, _) = (None, Vec::new());
    for (set, (_, suffix)) in sets.iter().zip(task.dev_files()) {
        let Some(Evaluation { scores, outputs }) = evaluate(&model, set.as_ref(), &words, stop)? else {
            return Err(Failure::Stopped(
                "told to stop before the evaluation was done".into(),
            ));
        };
        documents.extend(set.documents(&outputs));
        all = Some(match all {
            None => scores,
            Some(first) => first.with(scores, suffix),
        });
    }
    let text = serde_json::to_string(&all).unwrap_or_default() + "\n";
    if let Some(folder) = &arguments.output_dir {
        write_documents(folder, &documents)?;
        write_whole(&folder.join("report.json"), &text)?;
    }
    // Whoever closed this pipe does not want to know.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
