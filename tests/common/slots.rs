//! Trials on slots: whoever has ended makes room for the next, and the clock is what they spend.
#![allow(dead_code, reason = "each test program uses a part")]

use crate::optimizing::Job;
use tuning_operator::optimizer::{Observation, Outcome, Pending, Role, Strategy as Way};
use tuning_operator::space::{Point, SearchSpace};

/// How a job's trials go.
pub struct Course<'a> {
    pub space: &'a SearchSpace,
    pub way: &'a Way,
    pub seed: u64,
    pub slots: usize,
    pub max_trials: u32,
    /// When nothing more is started or waited for.
    pub until: u64,
    /// How long a trial takes.
    pub time: &'a dyn Fn(&Pending) -> u64,
    /// What comes of it.
    pub value: &'a dyn Fn(&Point, Option<u32>) -> f64,
}

/// What became of a job.
pub struct Played {
    pub job: Job,
    /// What was proposed: why, and what it may spend.
    pub proposed: Vec<(Role, Option<u32>)>,
    /// When each trial of its history ended.
    pub ended: Vec<u64>,
    /// Time for which a slot had no trial, all slots together, while the budget had one left.
    pub idle: u64,
}

impl Course<'_> {
    /// Whatever slot is free is offered at once.
    pub fn play(&self) -> Played {
        let mut job = Job::new(self.space, self.way, self.seed);
        (job.parallel, job.max_trials) = (self.slots as u32, self.max_trials);
        let mut ends: Vec<(u64, Pending)> = Vec::new();
        let (mut proposed, mut ended) = (Vec::new(), Vec::new());
        let (mut now, mut started, mut idle) = (0, 0, 0);
        loop {
            let n = (self.slots - ends.len()).min((self.max_trials - started) as usize);
            let proposals = if n > 0 { job.ask(n) } else { vec![] };
            job.start(&proposals);
            proposed.extend(proposals.iter().map(|p| (p.why.role, p.resource)));
            for pending in &job.pending[job.pending.len() - proposals.len()..] {
                ends.push((now + (self.time)(pending), pending.clone()));
            }
            started += proposals.len() as u32;
            let Some(next) = ends.iter().map(|(end, _)| *end).min() else {
                break;
            };
            if started < self.max_trials {
                idle += (self.slots - ends.len()) as u64 * (next.min(self.until) - now);
            }
            if next > self.until {
                break;
            }
            now = next;
            for (end, trial) in ends.extract_if(.., |(end, _)| *end == now) {
                job.pending.retain(|p| p.index != trial.index);
                ended.push(end);
                job.history.push(Observation {
                    index: trial.index,
                    outcome: Outcome::Value((self.value)(&trial.point, trial.resource)),
                    point: trial.point,
                    resource: trial.resource,
                });
            }
        }
        Played {
            job,
            proposed,
            ended,
            idle,
        }
    }
}
