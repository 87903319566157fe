//! The loop: observe, decide, apply.

use super::attempt::Attempt;
use super::event::{EndWord, Event, Happening};
use super::ledger::Ledger;
use super::news::{self, News};
use super::orphans::Orphans;
use super::{Session, added, attempt, models, scrape};
use crate::tuning::{Action, Ended, Phase, Plan, StopReason, decide, lifecycle};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A request from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Let trials checkpoint, then stop.
    Gentle,
    /// Stop at once.
    Hard,
}

/// How a runner came to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The job ended.
    Ended(Ended),
    /// The manifest says `suspend: true`.
    Suspended,
    /// It was interrupted; the same command goes on.
    Interrupted,
}

/// Whoever wants to see a run while it happens.
pub trait RunObserver {
    /// Something happened; it is in the journal and in the ledger already.
    fn event(&mut self, event: &Event, ledger: &Ledger);

    /// Time has passed, or a trial has come a bit further.
    fn tick(&mut self, ledger: &Ledger);
}

/// Time between two looks at what has no news of its own.
const TICK: Duration = Duration::from_millis(200);
/// How long output is awaited after a process has ended: a grandchild may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(2);

struct Runner<'a> {
    session: Session,
    observer: &'a mut dyn RunObserver,
    attempts: BTreeMap<u32, Attempt>,
    news: mpsc::Sender<News>,
    client: reqwest::Client,
    orphans: Orphans,
    interrupted: bool,
}

/// Runs a session until its job ends or it is interrupted. The error is that of a journal that can't be written.
pub async fn run(
    session: Session,
    observer: &mut dyn RunObserver,
    interrupts: &mut mpsc::UnboundedReceiver<Interrupt>,
) -> io::Result<(Outcome, Session)> {
    let (news, mut inbox) = mpsc::channel(news::WAITING);
    let client = scrape::client().map_err(io::Error::other)?;
    let mut runner = Runner {
        session,
        observer,
        attempts: BTreeMap::new(),
        news,
        client,
        orphans: Orphans::adopt(),
        interrupted: false,
    };
    let outcome = loop {
        let plan = runner.decide_and_apply()?;
        if let Some(outcome) = runner.outcome() {
            break outcome;
        }
        let wake = plan
            .wake_in
            .and_then(|d| Duration::try_from(d).ok())
            .unwrap_or(TICK)
            .min(TICK);
        // However much trials have to say: signals are heard each time round, and come first.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            Some(interrupt) = interrupts.recv() => {
                if runner.interrupt(interrupt) {
                    break Outcome::Interrupted;
                }
            }
            Some(first) = inbox.recv() => {
                runner.absorb(first);
                let more = std::iter::from_fn(|| inbox.try_recv().ok());
                more.take(news::WAITING).for_each(|more| runner.absorb(more));
            }
            () = tokio::time::sleep(wake) => {}
        }
        runner.settle()?;
        runner.observer.tick(&runner.session.ledger);
    };
    runner.close(&outcome)?;
    Ok((outcome, runner.session))
}

impl Runner<'_> {
    /// Decides and applies until there is nothing left to do now.
    fn decide_and_apply(&mut self) -> io::Result<Plan> {
        loop {
            self.take_added()?;
            let now = Timestamp::now();
            let mut snapshot = self.session.ledger.at(now);
            snapshot.job.suspend |= self.interrupted;
            let plan = decide(&snapshot, now);
            let mut acted = false;
            for action in &plan.actions {
                acted |= self.apply(action)?;
            }
            if !acted {
                return Ok(plan);
            }
        }
    }

    /// Gives a number to the points that people have added since.
    fn take_added(&mut self) -> io::Result<()> {
        for (file, trial) in added::due(&self.session) {
            self.record(trial)?;
            std::fs::remove_file(file)?;
        }
        Ok(())
    }

    /// Carries out one action; false where it had been carried out before.
    fn apply(&mut self, action: &Action) -> io::Result<bool> {
        match action {
            Action::Create {
                first_index,
                proposals,
            } => {
                let space = &self.session.ledger.snapshot.job.space;
                let trials = proposals
                    .iter()
                    .map(|p| crate::api::ProposalRecord::new(space, p))
                    .collect();
                self.record(Happening::Proposed {
                    first_index: *first_index,
                    trials,
                    added: false,
                })?;
            }
            Action::Start { index } => return self.start(*index),
            Action::Stop { index, reason } => return self.stop(*index, reason),
            Action::ShadowStop { index, step, message } => {
                self.record(Happening::ShadowStop {
                    trial: *index,
                    step: *step,
                    message: message.clone(),
                })?;
            }
            Action::End(Ended { reason, message }) => {
                let Some(reason) = EndWord::of(*reason) else {
                    return Ok(false);
                };
                self.record(Happening::JobEnded {
                    reason,
                    message: message.clone(),
                })?;
            }
        }
        Ok(true)
    }

    /// Starts a trial; false where it has to wait for a GPU.
    fn start(&mut self, index: u32) -> io::Result<bool> {
        if self.session.ledger.trial(index).is_none() {
            return Ok(true);
        }
        let Some(gpus) = self.session.gpus.take(index) else {
            return Ok(false);
        };
        self.start_on(index, &gpus)?;
        Ok(true)
    }

    fn start_on(&mut self, index: u32, gpus: &str) -> io::Result<()> {
        let Some(trial) = self.session.ledger.trial(index) else {
            return Ok(());
        };
        let number = trial.attempts + 1;
        match attempt::begin(&self.session, trial, gpus, self.client.clone(), self.news.clone()) {
            Ok(attempt) => {
                let (pid, log_from) = (attempt.pid(), attempt.log_from());
                self.attempts.insert(index, attempt);
                self.record(Happening::Started {
                    trial: index,
                    attempt: number,
                    pid,
                    log_from,
                })
            }
            Err(message) => {
                let mut waits = trial.clone();
                waits.message.clone_from(&message);
                self.record(Happening::between(trial, &waits))?;
                self.session.gpus.give_back(index);
                self.halt(message)
            }
        }
    }

    /// Stops the job because no trial would fare better.
    fn halt(&mut self, message: String) -> io::Result<()> {
        if self.session.ledger.snapshot.ended.is_some() {
            return Ok(());
        }
        self.record(Happening::JobEnded {
            reason: EndWord::BadConfiguration,
            message,
        })
    }

    fn stop(&mut self, index: u32, reason: &StopReason) -> io::Result<bool> {
        if let Some(attempt) = self.attempts.get_mut(&index) {
            return Ok(attempt.stop(reason.clone()));
        }
        let Some(trial) = self.session.ledger.trial(index) else {
            return Ok(false);
        };
        let stopped = lifecycle::stop(
            &self.session.ledger.snapshot.job.objective,
            trial,
            reason,
            Timestamp::now(),
        );
        let what = Happening::between(trial, &stopped);
        self.record(what)?;
        Ok(true)
    }

    fn absorb(&mut self, news: News) {
        let Some(attempt) = self
            .attempts
            .get_mut(&news.trial)
            .filter(|a| a.number() == news.attempt)
        else {
            return;
        };
        attempt.absorb(news.what);
    }

    /// Records what attempts have learned, and the ends of those that are over.
    fn settle(&mut self) -> io::Result<()> {
        let indices: Vec<u32> = self.attempts.keys().copied().collect();
        for index in indices {
            let Some(attempt) = self.attempts.get_mut(&index) else {
                continue;
            };
            let over = attempt.is_over(Instant::now(), DRAIN);
            let points = attempt.take_points(over);
            let progress = attempt.progress();
            if let Some(trial) = self.session.ledger.trial_mut(index) {
                trial.progress = progress;
            }
            for (step, values) in points {
                let event = self.session.note(Happening::Metrics {
                    trial: index,
                    step,
                    values,
                })?;
                self.observer.event(&event, &self.session.ledger);
            }
            if over && let Some(attempt) = self.attempts.remove(&index) {
                self.finish(index, attempt)?;
            }
        }
        // Before anything is decided by what was noted.
        self.session.sync()
    }

    fn finish(&mut self, index: u32, attempt: Attempt) -> io::Result<()> {
        let Some(trial) = self.session.ledger.trial(index) else {
            return Ok(());
        };
        let transition = attempt.conclude(&self.session, trial, Timestamp::now());
        self.end_orphans(index);
        self.session.gpus.give_back(index);
        self.record(Happening::between(trial, &transition.trial))?;
        models::remove_superseded(&self.session.ledger, &self.session.dir);
        // Nobody stands by to mend this machine while the run waits: the same command goes on.
        let name = self.session.ledger.snapshot.job.trial_name(index);
        let why = transition.halt.or(transition.trouble);
        match why.map(|sentence| format!("{name}: {sentence}")) {
            Some(message) => self.halt(message),
            None => Ok(()),
        }
    }

    /// Returns true where the runner must end at once.
    fn interrupt(&mut self, interrupt: Interrupt) -> bool {
        let at_once = interrupt == Interrupt::Hard || self.interrupted;
        self.interrupted = true;
        if at_once {
            let attempts = std::mem::take(&mut self.attempts);
            attempts.values().for_each(Attempt::kill);
            attempts.keys().for_each(|index| self.end_orphans(*index));
        }
        at_once
    }

    /// Ends what a trial that is over has left behind.
    fn end_orphans(&self, index: u32) {
        let leaders = self.attempts.values().filter_map(|a| i32::try_from(a.pid()).ok());
        let name = self.session.ledger.snapshot.job.trial_name(index);
        if let Ok(folder) = self.session.dir.whole_trial(&name) {
            self.orphans.end(&folder, &leaders.collect());
        }
    }

    /// Set once nothing runs and nothing is to be started.
    fn outcome(&self) -> Option<Outcome> {
        let snapshot = &self.session.ledger.snapshot;
        if !self.attempts.is_empty() {
            return None;
        }
        if let Some(ended) = &snapshot.ended {
            let waits = snapshot.trials.iter().any(|t| t.phase == Phase::Running);
            return (!waits).then(|| Outcome::Ended(ended.clone()));
        }
        match (self.interrupted, snapshot.job.suspend) {
            (true, _) => Some(Outcome::Interrupted),
            (false, true) => Some(Outcome::Suspended),
            (false, false) => None,
        }
    }

    fn close(&mut self, outcome: &Outcome) -> io::Result<()> {
        let message = match outcome {
            Outcome::Ended(_) => "the job has ended",
            Outcome::Suspended => "spec.suspend is true",
            Outcome::Interrupted => "interrupted",
        };
        self.record(Happening::Paused {
            message: message.into(),
        })
    }

    fn record(&mut self, what: Happening) -> io::Result<()> {
        let event = self.session.record(what)?;
        self.observer.event(&event, &self.session.ledger);
        Ok(())
    }
}
