//! A simulated world: a platform on which attempts run, are taken away, crash and hang, and a shell that drives the real
//! `decide` and the real life of a trial, and may die between any two steps.

#[path = "truth.rs"]
mod truth;

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use truth::{Attempt, Truth};
use tuning_operator::tuning::{
    Action, AttemptState, Counts, CurvePoint, EndReason, Ended, Exit, Job, Phase, Plan, Reported, Snapshot,
    StopReason, Trial, decide, lifecycle, stuck,
};

/// What a world does by chance; each number is a chance in 100.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub crash: u32,
    pub preempt: u32,
    pub hang: u32,
    pub refuse: u32,
    pub shell_dies: u32,
    /// A shell that asks a process to stop and waits for its end, as on one machine; else one that writes what becomes of
    /// the trial and takes its Job away, as on a cluster.
    pub asks_politely: bool,
}

impl Weather {
    pub const CALM: Self = Self {
        crash: 0,
        preempt: 0,
        hang: 0,
        refuse: 0,
        shell_dies: 0,
        asks_politely: false,
    };
}

/// A world with one job. Its shell keeps nothing but the snapshot and which run it saw last.
pub struct World {
    pub snapshot: Snapshot,
    pub now: Timestamp,
    pub most_at_once: usize,
    chance: u64,
    weather: Weather,
    attempts: BTreeMap<u32, Attempt>,
    seen: BTreeMap<u32, u64>,
    /// What each trial that ended well said last.
    said_last: BTreeMap<u32, f64>,
}

/// The shell has died.
struct Died;

impl World {
    pub fn new(job: Job, seed: u64, weather: Weather) -> Self {
        Self {
            snapshot: Snapshot::new(job),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            most_at_once: 0,
            chance: seed,
            weather,
            attempts: BTreeMap::new(),
            seen: BTreeMap::new(),
            said_last: BTreeMap::new(),
        }
    }

    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn happens(&mut self, percent: u32) -> bool {
        self.roll() % 100 < u64::from(percent)
    }

    pub fn n_running(&self) -> usize {
        self.attempts.len()
    }

    pub fn is_at_rest(&self) -> bool {
        let active = Counts::of(&self.snapshot.trials).active();
        self.snapshot.ended.is_some() && self.attempts.is_empty() && active == 0
    }

    fn place(&self, index: u32) -> usize {
        let place = self.snapshot.trials.iter().position(|t| t.index == index);
        place.expect("a trial that exists")
    }

    // === the shell ===

    /// One pass: observe, decide, apply. A shell that dies is replaced by one that knows what was written.
    pub fn pass(&mut self) {
        if self.observe().and_then(|()| self.decide()).is_err() {
            self.replace_shell();
            return;
        }
        self.take_effect();
        self.most_at_once = self.most_at_once.max(self.attempts.len());
    }

    /// On one machine nothing outlives its shell, and the next one begins with what the last one wrote.
    fn replace_shell(&mut self) {
        if !self.weather.asks_politely {
            return;
        }
        self.attempts.clear();
        let now = self.now;
        let running = self
            .snapshot
            .trials
            .iter_mut()
            .filter(|t| t.phase == Phase::Running);
        for trial in running {
            lifecycle::requeue(trial, "its shell has died".into(), now);
        }
    }

    fn write(&mut self, trial: Trial) -> Result<(), Died> {
        let place = self.place(trial.index);
        self.snapshot.trials[place] = trial;
        self.survive()
    }

    fn survive(&mut self) -> Result<(), Died> {
        match self.happens(self.weather.shell_dies) {
            true => Err(Died),
            false => Ok(()),
        }
    }

    fn observe(&mut self) -> Result<(), Died> {
        for trial in self.snapshot.trials.clone() {
            if trial.phase != Phase::Running {
                continue;
            }
            let attempt = self
                .attempts
                .get(&trial.index)
                .filter(|a| a.number == trial.attempts)
                .cloned();
            let is_over = attempt.as_ref().is_some_and(|a| a.state != Truth::Runs);
            let asked = attempt.as_ref().and_then(|a| a.asked.clone()).filter(|_| is_over);
            if let Some(reason) = asked {
                let objective = &self.snapshot.job.objective;
                self.write(lifecycle::stop(objective, &trial, &reason, self.now))?;
                continue;
            }
            let (state, reported) = self.look(trial.index, attempt.as_ref());
            let next = lifecycle::observe(&self.snapshot.job, &trial, &state, &reported, self.now);
            if let (Some(message), None) = (next.halt, &self.snapshot.ended) {
                let reason = EndReason::BadConfiguration;
                self.snapshot.ended = Some(Ended { reason, message });
                self.survive()?;
            }
            if let Some(attempt) = attempt {
                self.seen.insert(trial.index, attempt.run);
            }
            if next.trial != trial {
                self.write(next.trial)?;
            }
        }
        Ok(())
    }

    fn look(&self, index: u32, attempt: Option<&Attempt>) -> (AttemptState, Reported) {
        let seen_last = self.seen.get(&index).copied();
        attempt.map_or((AttemptState::Absent, Reported::default()), |a| a.seen(seen_last))
    }

    fn decide(&mut self) -> Result<(), Died> {
        let plan = self.plan();
        for action in &plan.actions {
            self.apply(action)?;
        }
        Ok(())
    }

    pub fn plan(&self) -> Plan {
        decide(&self.snapshot, self.now)
    }

    fn apply(&mut self, action: &Action) -> Result<(), Died> {
        let now = self.now;
        match action {
            Action::Create {
                first_index,
                proposals,
            } => {
                for (index, p) in (*first_index..).zip(proposals) {
                    let is_new = self.snapshot.trials.iter().all(|t| t.index != index);
                    assert!(is_new, "trial {index} created twice");
                    let trial = Trial::new(index, p.point.clone(), p.resource, p.why.clone(), now);
                    self.snapshot.trials.push(trial);
                    self.survive()?;
                }
                Ok(())
            }
            Action::Start { index } => {
                let mut trial = self.snapshot.trials[self.place(*index)].clone();
                assert_eq!(trial.phase, Phase::Queued, "only what waits is started");
                lifecycle::start(&mut trial, self.snapshot.job.gpus_per_trial);
                self.write(trial)
            }
            Action::Stop { index, reason } => self.stop(*index, reason),
            Action::ShadowStop { index, step, message } => {
                let mut trial = self.snapshot.trials[self.place(*index)].clone();
                lifecycle::note_shadow_stop(&mut trial, *step, message);
                self.write(trial)
            }
            Action::End(ended) => {
                assert!(self.snapshot.ended.is_none(), "a job ends once");
                self.snapshot.ended = Some(ended.clone());
                self.survive()
            }
        }
    }

    fn stop(&mut self, index: u32, reason: &StopReason) -> Result<(), Died> {
        let asked = self
            .attempts
            .get_mut(&index)
            .filter(|_| self.weather.asks_politely);
        match asked {
            Some(attempt) if attempt.state != Truth::Runs => Ok(()),
            Some(attempt) => {
                attempt.asked.get_or_insert(reason.clone());
                Ok(())
            }
            None => {
                let objective = &self.snapshot.job.objective;
                let trial = &self.snapshot.trials[self.place(index)];
                self.write(lifecycle::stop(objective, trial, reason, self.now))
            }
        }
    }

    /// What was written has its effect: what nobody needs goes, what was started begins.
    fn take_effect(&mut self) {
        for trial in self.snapshot.trials.clone() {
            let is_started = trial.phase == Phase::Running;
            let current = self.attempts.get(&trial.index).map(|a| a.number);
            if !is_started || current.is_some_and(|number| number < trial.attempts) {
                self.attempts.remove(&trial.index);
            }
            if is_started && !self.attempts.contains_key(&trial.index) {
                let attempt = self.begin(trial.attempts);
                self.attempts.insert(trial.index, attempt);
            }
        }
    }

    /// A person looks at what nodes would not run, and lets it go on.
    pub fn help(&mut self) {
        let job = &self.snapshot.job;
        if self.snapshot.trials.iter().any(|t| stuck(job, t).is_some()) {
            self.snapshot.job.suspend = true;
            self.pass();
            self.snapshot.job.suspend = false;
        }
    }

    // === the platform ===

    fn begin(&mut self, number: u32) -> Attempt {
        Attempt {
            number,
            run: self.roll(),
            began: self.now,
            said: Vec::new(),
            state: Truth::Runs,
            asked: None,
        }
    }

    /// A minute passes, and something happens to everything that runs.
    pub fn minute(&mut self) {
        self.now += SignedDuration::from_mins(1);
        self.snapshot.active += SignedDuration::from_mins(1);
        let indices: Vec<u32> = self.attempts.keys().copied().collect();
        for index in indices {
            if let Some(attempt) = self.attempts.remove(&index) {
                let next = self.one_minute_of(index, attempt);
                self.attempts.insert(index, next);
            }
        }
    }

    fn one_minute_of(&mut self, index: u32, mut attempt: Attempt) -> Attempt {
        let at = self.now;
        if let Truth::TakenAway { restarts: true, .. } = attempt.state {
            return self.begin(attempt.number);
        }
        if attempt.state != Truth::Runs {
            return attempt;
        }
        let value = (self.roll() % 1000) as f64 / 1000.0;
        attempt.state = if attempt.asked.is_some() {
            // It writes its checkpoint and ends as if it were done.
            Truth::Exited(Exit::Code(0), at, Some(value))
        } else if attempt.said.is_empty() && self.happens(self.weather.refuse) {
            Truth::Refused
        } else if self.happens(self.weather.crash) {
            Truth::Exited(Exit::Code(1), at, None)
        } else if self.happens(self.weather.preempt) {
            Truth::TakenAway {
                restarts: self.happens(50),
                at,
                report: None,
            }
        } else if self.happens(self.weather.hang) {
            Truth::Runs
        } else {
            let step = attempt.said.len() as u64 + 1;
            attempt.said.push(CurvePoint { step, value });
            if step < 4 {
                return attempt;
            }
            self.said_last.insert(index, value);
            // Some report at their end, the others were only heard.
            let report = self.happens(50).then_some(value);
            Truth::Exited(Exit::Code(0), at, report)
        };
        attempt
    }

    // === what must hold ===

    pub fn check(&self, before: &Snapshot) {
        let budget = &self.snapshot.job.budget;
        let counts = Counts::of(&self.snapshot.trials);
        let max = budget.max_trials;
        assert!(counts.spent() <= max, "{counts:?} exceed the budget of {max}");
        assert!(
            self.most_at_once <= budget.parallel as usize,
            "{} at once",
            self.most_at_once
        );
        for old in &before.trials {
            self.check_trial(old);
        }
        if before.ended.is_some() {
            assert_eq!(self.snapshot.ended, before.ended, "a job that ended stays ended");
            let n_trials = self.snapshot.trials.len();
            assert_eq!(n_trials, before.trials.len(), "nothing new after the end");
        }
    }

    fn check_trial(&self, old: &Trial) {
        let new = &self.snapshot.trials[self.place(old.index)];
        assert_eq!(new.point, old.point, "a trial never moves");
        assert!(
            new.attempts >= old.attempts && new.ran >= old.ran,
            "{old:?} {new:?}"
        );
        let age = self.now.duration_since(new.created);
        assert!(
            new.duration(self.now) <= age,
            "no trial runs longer than it is old: {new:?}"
        );
        if old.phase.is_final() {
            assert_eq!(new, old, "what has ended stays as it is");
        }
        if new.phase == Phase::Succeeded {
            let said = self.said_last.get(&new.index).copied();
            assert_eq!(new.value, said, "a final value is what its last run said last");
        }
    }
}
