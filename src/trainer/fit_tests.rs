//! Unit tests of `fit`: packed batches and readings a few steps late, as on a GPU, with kernels for the CPU.

#[path = "../../tests/fixtures/trainer/flash.rs"]
mod flash;

use super::*;
use crate::trainer::config::Arguments;
use clap::Parser;
use std::path::PathBuf;
use tch::Tensor;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

/// A folder with data, which goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("bert-fit-{}-{name}", std::process::id()));
        std::fs::create_dir_all(folder.join("state")).unwrap();
        let animals = ["cat", "dog", "horse", "bird", "fish", "mouse"];
        let places = ["house", "garden", "river", "forest", "street"];
        let mut text = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n".to_owned();
        for i in 0..48 {
            let (a, b, c) = (animals[i % 6], places[i % 5], animals[(i / 6) % 6]);
            let rest = " in the street".repeat(i % 3);
            text += &format!(
                "{}\t1\t2\tthe {a} runs in the {b}{rest}\tthe {c} sleeps\n",
                u8::from(a == c)
            );
        }
        for file in ["train.tsv", "dev.tsv"] {
            std::fs::write(folder.join(file), &text).unwrap();
        }
        Self(folder)
    }

    fn config(&self, more: &[&str]) -> Config {
        let model = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/trainer/relatives/bert"
        );
        let data = self.0.to_str().unwrap();
        let line = [
            "run",
            "--model",
            model,
            "--data",
            data,
            "--device",
            "cpu",
            "--precision",
            "fp32",
        ];
        let sizes = [
            "--batch-size",
            "4",
            "--epochs",
            "3",
            "--learning-rate",
            "1e-3",
            "--dropout",
            "0",
            "--max-length",
            "64",
        ];
        let line = line.iter().chain(&sizes).chain(more);
        Config::new(Line::parse_from(line).arguments, &[]).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The run of these orders, as on a GPU or not.
fn run<'a>(config: &'a Config, metrics: &'a Metrics, stop: &'a AtomicBool, as_on_a_card: bool) -> Run<'a> {
    tch::set_num_threads(1);
    flash::register();
    let mut run = Run::new(config, metrics, stop).unwrap();
    run.model.is_packed = as_on_a_card;
    run.readings = Readings::new(as_on_a_card);
    run
}

fn reported(config: &Config, as_on_a_card: bool) -> Result<Report> {
    let (metrics, stop) = (Metrics::new().unwrap(), AtomicBool::new(false));
    let mut run = run(config, &metrics, &stop, as_on_a_card);
    run.resume()?;
    run.train()?;
    assert_eq!(run.progress.n_pairs, 48 * 3);
    assert_eq!(metrics.step.get(), 36);
    run.report()
}

#[test]
fn a_run_is_the_same_as_on_a_card() {
    let folder = Folder::new("same");
    for more in [
        &[][..],
        &["--gradient-accumulation-steps", "2", "--batch-size", "2"],
    ] {
        let config = folder.config(more);
        let [plain, card] = [false, true].map(|as_on_a_card| reported(&config, as_on_a_card).unwrap());
        assert!((plain.train_loss - card.train_loss).abs() < 1e-5);
        assert_eq!(plain.curve.len(), card.curve.len());
        for (plain, card) in plain.curve.iter().zip(&card.curve) {
            assert!((plain.scores.loss - card.scores.loss).abs() < 1e-5);
        }
    }
}

#[test]
fn a_divergence_is_noticed_late_and_named_rightly() {
    let folder = Folder::new("diverged");
    let config = folder.config(&["--log-every", "0"]);
    for as_on_a_card in [false, true] {
        let (metrics, stop) = (Metrics::new().unwrap(), AtomicBool::new(false));
        let mut run = run(&config, &metrics, &stop, as_on_a_card);
        let feed = Feed::new(0, &run.data, &config.parameters, &run.model);
        for place in 0..3 {
            run.step(&feed, place).unwrap();
        }
        let moments = |run: &Run| run.model.optimizer.means.each_ref().map(Tensor::copy);
        let before = moments(&run);
        let slot = run.model.weights.layout.find("classifier.bias").unwrap();
        let _ = tch::no_grad(|| run.model.weights.master(slot).fill_(f64::NAN));
        let mut ends = (3..8).map(|place| run.step(&feed, place));
        let end = ends.find(Result::is_err);
        drop(ends);
        // The host sees it at once, a card's host when it reads.
        assert_eq!(end.is_none(), as_on_a_card);
        let failure = end.unwrap_or_else(|| run.read()).unwrap_err();
        assert!(
            failure
                .to_string()
                .starts_with("diverged: the loss at step 3 is not a number"),
            "{failure}"
        );
        let after = moments(&run);
        assert_eq!(before, after, "nothing is learned from what is no number");
    }
}

#[test]
fn what_is_saved_before_it_is_read_goes_on_as_if_nothing_had_happened() {
    let folder = Folder::new("resumed");
    let undisturbed = reported(&folder.config(&[]), true).unwrap();
    let mut config = folder.config(&["--log-every", "0"]);
    config.checkpoint_dir = Some(folder.0.join("state"));
    let (metrics, stop) = (Metrics::new().unwrap(), AtomicBool::new(false));
    let mut first = run(&config, &metrics, &stop, true);
    let feed = Feed::new(0, &first.data, &config.parameters, &first.model);
    for place in 0..5 {
        first.step(&feed, place).unwrap();
    }
    assert_eq!(first.progress.losses.len(), 0, "nothing is read yet");
    assert_eq!(first.stopped().code(), 143);
    let resumed = reported(&config, true).unwrap();
    assert_eq!(resumed.train_loss, undisturbed.train_loss);
    assert_eq!(resumed.last.scores.loss, undisturbed.last.scores.loss);
}
