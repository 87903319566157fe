//! What a trial says of itself at its end: report.json, and the same where Kubernetes looks for it.

use super::curve::Point;
use super::task::Document;
use super::{Failure, Result};
use serde::Serialize;
use std::fs::{File, rename};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Kubernetes cuts a termination message off after this many bytes.
const MAX_MESSAGE_BYTES: usize = 4096;

/// The model that a trial hands over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct KeptModel {
    /// Of which evaluation it is: `best` or `last`.
    pub(super) evaluation: &'static str,
    /// Steps done before that.
    pub(super) step: u64,
    /// Its folder.
    pub(super) folder: PathBuf,
}

/// The result of a trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Report {
    /// All steps and epochs, with the scores of the model that is handed over, or else of the last evaluation.
    #[serde(flatten)]
    pub(super) last: Point,
    /// The model, where one is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<KeptModel>,
    /// Mean loss of the last twenty steps.
    pub(super) train_loss: f64,
    /// Pairs trained on per second of training, evaluations left out.
    pub(super) samples_per_second: f64,
    /// Where it ran.
    pub(super) device: String,
    /// Every evaluation.
    pub(super) curve: Vec<Point>,
    /// What stands in files of its own.
    #[serde(skip)]
    pub(super) documents: Vec<Document>,
}

impl Report {
    /// The report as one line of JSON.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The report in the 4096 bytes that Kubernetes keeps: where the curve is too long, every other point is left out,
    /// the last one never.
    pub(super) fn to_message(&self) -> String {
        let mut short = self.clone();
        loop {
            let text = short.to_json();
            if text.len() <= MAX_MESSAGE_BYTES || short.curve.is_empty() {
                return text;
            }
            let parity = short.curve.len() % 2;
            let kept = short
                .curve
                .into_iter()
                .zip(1..)
                .filter(|(_, place)| place % 2 == parity);
            short.curve = kept.map(|(point, _)| point).collect();
            if short.curve.len() == 1 {
                short.curve.clear();
            }
        }
    }
}

/// Writes what people want to read beside the report.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_documents(folder: &Path, documents: &[Document]) -> Result<()> {
    for document in documents {
        write_whole(&folder.join(document.name), &document.text)?;
    }
    Ok(())
}

/// Writes `text` to `path` so that a reader sees the old file or the new one, never a part.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let aside = path.with_extension("new");
    let write = || {
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        rename(&aside, path)
    };
    write().map_err(|fault| {
        // A part of a report is no report.
        let _ = std::fs::remove_file(&aside);
        Failure::write(path, &fault)
    })
}

/// Writes a termination message; Kubernetes mounts that file by itself, so it cannot be renamed over.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_message(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|fault| Failure::write(path, &fault))
}

/// Makes a folder and sees to it now, rather than after an hour of training, that it can be written.
///
/// # Errors
/// It cannot be made or written.
pub(super) fn prepare_folder(folder: &Path) -> Result<()> {
    let probe = folder.join(".bert-trainer");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, "."))
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|fault| Failure::write(folder, &fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::curve::Scores;

    fn report(n_points: u64) -> Report {
        let metrics = [("f1", 0.87), ("accuracy", 0.81), ("majority_f1", 0.8122)];
        let scores = Scores {
            loss: 0.4,
            collapsed: false,
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        let point = |step| Point {
            step,
            epoch: step / 115,
            scores: scores.clone(),
        };
        let curve: Vec<Point> = (1..=n_points).map(|i| point(i * 5)).collect();
        Report {
            last: point(n_points * 5),
            model: None,
            train_loss: 0.3,
            samples_per_second: 40.5,
            device: "cpu".into(),
            curve,
            documents: Vec::new(),
        }
    }

    #[test]
    fn a_report_is_flat_and_its_curve_a_list() {
        let value: serde_json::Value = serde_json::from_str(&report(69).to_json()).unwrap();
        assert_eq!(value["f1"], 0.87);
        assert_eq!(
            (&value["step"], &value["epoch"], &value["collapsed"]),
            (&345.into(), &3.into(), &false.into())
        );
        assert_eq!(value["device"], "cpu");
        assert_eq!(value["curve"][0]["step"], 5);
        assert_eq!(value["curve"].as_array().map(Vec::len), Some(69));
    }

    #[test]
    fn a_message_fits_and_keeps_the_last_point() {
        for n_points in [1, 3, 30, 1000] {
            let text = report(n_points).to_message();
            assert!(text.len() <= MAX_MESSAGE_BYTES, "{}", text.len());
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let curve = value["curve"].as_array().unwrap();
            assert_eq!(curve.last().unwrap()["step"], value["step"]);
        }
    }
}
