//! The run: steps, evaluations and saves, from the first or from where a stopped run left off.

use super::config::Config;
use super::curve::{Point, Scores};
use super::data::Data;
use super::endpoint::Metrics;
use super::export::Exporter;
use super::feed::Feed;
use super::log::{clock, say};
use super::model::Model;
use super::prepare;
use super::readings::{Reading, Readings};
use super::report::{self, Report};
use super::resume::{self, Identity, Progress};
use super::schedule::Schedule;
use super::scores::{Evaluation, evaluate};
use super::stop::Stop;
use super::task::Document;
use super::update::update;
use super::{Failure, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Trains and evaluates as `config` says; once told to stop, saves the state and ends.
///
/// # Errors
/// Every [`Failure`] but a fault of the output folder, which the caller writes.
pub(super) fn fit(config: &Config, metrics: &Metrics, stop: &Stop) -> Result<Report> {
    let mut run = Run::new(config, metrics, &stop.asked)?;
    run.resume()?;
    stop.leave_to_the_run();
    let sizes = (run.data.train.len(), run.data.n_dev());
    run.exporter = Exporter::new(config, sizes, &run.progress.curve)?;
    run.train()?;
    run.report()
}

struct Run<'a> {
    config: &'a Config,
    metrics: &'a Metrics,
    stop: &'a AtomicBool,
    data: Data,
    model: Model,
    schedule: Schedule,
    steps_per_epoch: u64,
    progress: Progress,
    /// Steps of which nothing is known yet.
    readings: Readings,
    /// Keeps the model, where one is wanted.
    exporter: Option<Exporter<'a>>,
    /// The head's outputs at the last evaluation of this process, if that is the curve's last point.
    outputs: Vec<Vec<Vec<f32>>>,
    saved: Instant,
    save_took: Duration,
}

impl<'a> Run<'a> {
    fn new(config: &'a Config, metrics: &'a Metrics, stop: &'a AtomicBool) -> Result<Self> {
        let (data, model) = prepare::load(config)?;
        let steps_per_epoch = data.train.len().div_ceil(config.parameters.step_size()) as u64;
        let schedule = prepare::schedule(config, steps_per_epoch);
        metrics.total_steps.set(schedule.n_steps() as i64);
        let identity = Identity {
            parameters: config.parameters.clone(),
            precision: config.precision.name().into(),
            digest: data.digest.clone(),
            checkpoint: config
                .checkpoint_dir
                .is_some()
                .then(|| resume::checkpoint(&model)),
        };
        let saved = Instant::now();
        Ok(Self {
            config,
            metrics,
            stop,
            data,
            model,
            schedule,
            steps_per_epoch,
            progress: Progress::new(identity),
            readings: Readings::new(config.place.is_card()),
            exporter: None,
            outputs: Vec::new(),
            saved,
            save_took: Duration::ZERO,
        })
    }

    /// Says what is about to happen, and takes up what a stopped run left behind.
    fn resume(&mut self) -> Result<()> {
        say(format_args!(
            "{}: {}: {} training examples, {} to evaluate on, {} steps; {}, {}{}, {} thread(s); {}",
            self.config.trial,
            self.config.task.name(),
            self.data.train.len(),
            self.data.n_dev(),
            self.schedule.n_steps(),
            self.progress.identity.precision,
            self.config.place.label(),
            if self.model.is_packed {
                " (packed tokens)"
            } else {
                ""
            },
            self.config.threads,
            serde_json::to_string(&self.config.parameters).unwrap_or_default()
        ));
        let Some(folder) = &self.config.checkpoint_dir else {
            return Ok(());
        };
        if let Some(progress) = resume::load(folder, &mut self.model, &self.progress.identity)? {
            say(format_args!(
                "resumed after step {} of {}",
                progress.step,
                self.schedule.n_steps()
            ));
            self.progress = progress;
            self.show_progress();
            if let Some(last) = self.progress.curve.last() {
                self.metrics.show(last.step, &last.scores);
            }
        }
        Ok(())
    }

    fn train(&mut self) -> Result<()> {
        let mut feed: Option<Feed> = None;
        loop {
            let step = self.progress.step;
            if self.stop.load(Ordering::Relaxed) {
                return Err(self.stopped());
            }
            if self.evaluation_is_due() {
                self.evaluate()?;
            }
            if step == self.schedule.n_steps() {
                return Ok(());
            }
            let epoch = step / self.steps_per_epoch;
            let of_epoch = match feed.take().filter(|feed| feed.epoch == epoch) {
                Some(feed) => feed,
                None => Feed::new(epoch, &self.data, &self.config.parameters, &self.model),
            };
            self.step(&of_epoch, (step % self.steps_per_epoch) as usize)?;
            feed = Some(of_epoch);
            if self.config.saves.are_due(self.saved.elapsed(), self.save_took) {
                self.save()?;
            }
        }
    }

    /// The training step at `place` in the epoch.
    fn step(&mut self, feed: &Feed, place: usize) -> Result<()> {
        self.readings.begin();
        let number = self.progress.step;
        let rate = self.schedule.rate(number);
        let (data, model) = (&self.data, &mut self.model);
        let step = update(self.config, data, model, (feed, place), (rate, number))?;
        self.progress.step += 1;
        let is_full = self.readings.push(number, feed.n_examples(place), step);
        let every = self.config.log_every;
        let is_logged = every.is_some_and(|n| self.progress.step.is_multiple_of(n));
        if is_full || is_logged {
            self.read()?;
        }
        if is_logged {
            self.log_progress(rate);
        }
        Ok(())
    }

    /// Waits for what the steps so far say of themselves.
    fn read(&mut self) -> Result<()> {
        let computed = self.readings.read()?;
        computed.steps.iter().try_for_each(|step| self.check(step))?;
        self.progress.take(&computed);
        self.show_progress();
        Ok(())
    }

    fn check(&self, step: &Reading) -> Result<()> {
        let what = match (step.loss.is_finite(), step.gradient_norm.is_finite()) {
            (true, true) => return Ok(()),
            (true, false) => "gradient",
            (false, _) => "loss",
        };
        Err(Failure::Diverged(format!(
            "diverged: the {what} at step {} is not a number; a smaller learning_rate than {} may do",
            step.number, self.config.parameters.learning_rate
        )))
    }

    fn evaluation_is_due(&self) -> bool {
        let step = self.progress.step;
        let n = u64::from(self.config.parameters.eval_every);
        let chosen = n > 0 && step.is_multiple_of(n);
        let due = (step > 0 && (chosen || step.is_multiple_of(self.steps_per_epoch)))
            || step == self.schedule.n_steps();
        due && self.progress.curve.last().is_none_or(|last| last.step != step)
    }

    fn evaluate(&mut self) -> Result<()> {
        self.read()?;
        let Some(scores) = self.scores()? else {
            return Err(self.stopped());
        };
        if !scores.loss.is_finite() {
            let sentence = format!(
                "diverged: the loss of the evaluation after step {} is no number",
                self.progress.step
            );
            return Err(Failure::Diverged(sentence));
        }
        let epoch = self.progress.step / self.steps_per_epoch;
        self.progress.curve.push(Point {
            step: self.progress.step,
            epoch,
            scores: scores.clone(),
        });
        self.metrics.show(self.progress.step, &scores);
        let named = scores.named().map(|(name, value)| format!("{name}={value:.4}"));
        let named = named.collect::<Vec<_>>().join(" ");
        say(format_args!(
            "evaluation: step={} epoch={epoch} {named}",
            self.progress.step
        ));
        if scores.collapsed {
            let n = self.data.n_dev();
            say(format_args!(
                "collapsed: all {n} examples get the same answer, so these numbers say nothing"
            ));
        }
        self.keep_model()
    }

    /// Keeps the model and the documents of the evaluation that the trial is judged by so far.
    fn keep_model(&self) -> Result<()> {
        let (step, curve) = (self.progress.step, &self.progress.curve);
        let exporter = self.exporter.as_ref();
        let Some(exporter) = exporter.filter(|e| e.is_chosen(curve, step == self.schedule.n_steps())) else {
            return Ok(());
        };
        let documents = self.texts();
        if let Some(folder) = &self.config.output_dir {
            report::write_documents(folder, &documents)?;
        }
        let decay = self
            .schedule
            .left_by_decay(self.config.parameters.weight_decay, step);
        exporter.write(&self.model, decay, curve, &documents)
    }

    /// What people want to read of the last evaluation.
    fn texts(&self) -> Vec<Document> {
        let sets = self.data.dev.iter().zip(&self.outputs);
        sets.flat_map(|(set, outputs)| set.documents(outputs)).collect()
    }

    /// On all sets; `None` once it was told to stop.
    fn scores(&mut self) -> Result<Option<Scores>> {
        let mut all: Option<Scores> = None;
        self.outputs.clear();
        for (set, (_, suffix)) in self.data.dev.iter().zip(self.config.task.dev_files()) {
            let found = evaluate(&self.model, set.as_ref(), &self.data.words, self.stop)?;
            let Some(Evaluation { scores, outputs }) = found else {
                return Ok(None);
            };
            self.outputs.push(outputs);
            all = Some(match all {
                None => scores,
                Some(first) => first.with(scores, suffix),
            });
        }
        Ok(all)
    }

    fn save(&mut self) -> Result<()> {
        self.read()?;
        let begun = Instant::now();
        if let Some(folder) = &self.config.checkpoint_dir {
            resume::save(folder, &self.model, &self.progress)?;
            say(format_args!(
                "saved the state after step {} in {}",
                self.progress.step,
                folder.display()
            ));
        }
        self.saved = Instant::now();
        self.save_took = self.saved.duration_since(begun);
        Ok(())
    }

    /// Saves the state and says that the run was stopped; a save that fails is the graver news.
    fn stopped(&mut self) -> Failure {
        let place = match (self.save(), &self.config.checkpoint_dir) {
            (Err(failure), _) => return failure,
            (Ok(()), Some(folder)) => format!("start it again to go on from {}", folder.display()),
            (Ok(()), None) => "nothing was saved, since TUNING_CHECKPOINT_DIR is not set".into(),
        };
        let (step, all) = (self.progress.step, self.schedule.n_steps());
        Failure::Stopped(format!("told to stop after step {step} of {all}; {place}"))
    }

    fn show_progress(&self) {
        self.metrics.step.set(self.progress.step as i64);
        self.metrics
            .epoch
            .set(self.progress.step as f64 / self.steps_per_epoch as f64);
        self.metrics
            .samples_per_second
            .set(self.progress.samples_per_second());
        self.metrics.train_loss.set(self.progress.train_loss());
    }

    fn log_progress(&self, rate: f64) {
        let (step, all) = (self.progress.step, self.schedule.n_steps());
        let left = self.progress.seconds / step as f64 * (all - step) as f64;
        say(format_args!(
            "step={step}/{all} epoch={:.2} train_loss={:.4} learning_rate={rate:.3e} samples_per_second={:.1} left={}",
            step as f64 / self.steps_per_epoch as f64,
            self.progress.train_loss(),
            self.progress.samples_per_second(),
            clock(Duration::from_secs_f64(left))
        ));
    }

    fn report(&mut self) -> Result<Report> {
        let last = self.progress.curve.last().cloned();
        let mut last = last.unwrap_or_else(|| unreachable!("the last step is evaluated"));
        let exporter = self.exporter.as_ref();
        let model = exporter
            .and_then(|e| e.kept(&self.progress.curve))
            .and_then(|(point, model)| {
                last.scores = point.scores;
                model
            });
        Ok(Report {
            last,
            model,
            train_loss: self.progress.train_loss(),
            samples_per_second: self.progress.samples_per_second(),
            curve: self.progress.curve.clone(),
            device: self.config.place.label(),
            documents: self.documents()?,
        })
    }

    /// What is written beside the report, if there is a place for it. A run that was resumed after its last evaluation evaluates
    /// once more for it.
    fn documents(&mut self) -> Result<Vec<Document>> {
        if self.config.output_dir.is_none() {
            return Ok(Vec::new());
        }
        // Of another evaluation they are there already.
        let exporter = self.exporter.as_ref();
        if exporter.is_some_and(|e| e.kept(&self.progress.curve).is_some()) {
            return Ok(Vec::new());
        }
        if self.outputs.is_empty() && self.scores()?.is_none() {
            return Err(self.stopped());
        }
        Ok(self.texts())
    }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
