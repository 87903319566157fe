//! README.md of a fine-tuned model: what it is, what it learned from, how good it is, and how it is used.

use super::curve::Point;
use super::model_files::Trained;
use super::task::{Head, Task};
use std::fmt::Write;

/// What a card tells.
pub(super) struct Card<'a> {
    /// What was learned.
    pub(super) task: &'a dyn Task,
    /// The trial, and the job that it belongs to, if it belongs to one.
    pub(super) trial: &'a str,
    pub(super) job: Option<&'a str>,
    /// Folder of the checkpoint that it began with.
    pub(super) checkpoint: String,
    /// Folder of the data, and how many examples it had to learn from and to evaluate on.
    pub(super) data: String,
    pub(super) n_train: usize,
    pub(super) n_dev: usize,
    /// The tuner's parameters, as JSON.
    pub(super) parameters: serde_json::Value,
    /// What the evaluations were compared by.
    pub(super) objective: &'a str,
    /// Of which evaluation the model is: `best` or `last`.
    pub(super) kept: &'static str,
    /// Every evaluation so far.
    pub(super) curve: &'a [Point],
    /// What the model was trained for.
    pub(super) trained: &'a Trained,
}

impl Card<'_> {
    /// The card in Markdown, with the head that model hubs read.
    pub(super) fn text(&self) -> String {
        let task = self.task.name();
        let (pipeline, class) = match self.task.head() {
            Head::Pooled(_) => ("text-classification", "AutoModelForSequenceClassification"),
            Head::Span => ("question-answering", "AutoModelForQuestionAnswering"),
        };
        let metrics = self
            .task
            .metrics()
            .iter()
            .map(|name| format!("- {name}\n"))
            .collect::<String>();
        let job = self.job.map_or(String::new(), |job| format!(" of the job {job}"));
        let mut text = format!(
            "---\nlibrary_name: transformers\npipeline_tag: {pipeline}\ntags:\n- {task}\nmetrics:\n{metrics}---\n\n\
             # {trial}: {task}\n\n{about}. Fine-tuned from the checkpoint `{checkpoint}` in the trial {trial}{job}; \
             the weights are of the {kept} evaluation ({objective}), after step {step}.\n\n",
            trial = self.trial,
            about = capitalised(self.task.about()),
            checkpoint = self.checkpoint,
            kept = self.kept,
            objective = self.objective,
            step = self.trained.step,
        );
        self.evaluations(&mut text);
        self.training(&mut text);
        let _ = write!(
            text,
            "## Use\n\n```python\nfrom transformers import {class}, AutoTokenizer\n\n\
             tokenizer = AutoTokenizer.from_pretrained(\"FOLDER\")\nmodel = {class}.from_pretrained(\"FOLDER\")\n```\n\n\
             Texts are cut off after {} tokens. `bert-trainer predict --model FOLDER` answers without Python.\n",
            self.trained.max_length
        );
        text
    }

    fn evaluations(&self, text: &mut String) {
        let Some(first) = self.curve.first() else { return };
        let names: Vec<&str> = first.scores.named().map(|(name, _)| name).collect();
        let _ = writeln!(
            text,
            "## Evaluations\n\nOn {} examples of `{}`.\n",
            self.n_dev, self.data
        );
        let _ = writeln!(text, "| step | epoch | {} | |", names.join(" | "));
        let _ = writeln!(text, "|---|---|{}---|", "---|".repeat(names.len()));
        for point in self.curve {
            let values: Vec<String> = point
                .scores
                .named()
                .map(|(_, value)| format!("{value:.4}"))
                .collect();
            let mark = match (point.step == self.trained.step, point.scores.collapsed) {
                (true, true) => "this model; one answer for everything",
                (true, false) => "this model",
                (false, true) => "one answer for everything",
                (false, false) => "",
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {mark} |",
                point.step,
                point.epoch,
                values.join(" | ")
            );
        }
        text.push('\n');
    }

    fn training(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "## Training\n\n{} examples of `{}`.\n\n| parameter | value |\n|---|---|",
            self.n_train, self.data
        );
        for (name, value) in self
            .parameters
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
        {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text.push('\n');
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
