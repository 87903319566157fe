//! What the optimizer is told and what it answers.

use super::range_ends::{AtEnd, at_ends};
use super::{Job, Phase, Snapshot, Trial};
use crate::optimizer::{
    self, Indices, Known, Observation, Outcome, Pending, Proposal, Recommendation, Request, Why,
};
use crate::space::Point;
use std::collections::HashSet;

/// The finished trials as observations, by ascending index. Cancelled trials say nothing.
pub fn history(trials: &[Trial]) -> Vec<Observation> {
    let outcome = |t: &Trial| match t.phase {
        Phase::Succeeded => Some(t.value.map_or(Outcome::Failed, Outcome::Value)),
        Phase::EarlyStopped => Some(t.value.map_or(Outcome::Failed, Outcome::Stopped)),
        Phase::Failed(_) => Some(Outcome::Failed),
        Phase::Queued | Phase::Running | Phase::Cancelled => None,
    };
    let observe = |t: &Trial| {
        Some(Observation {
            index: t.index,
            point: t.point.clone(),
            outcome: outcome(t)?,
            resource: t.resource,
        })
    };
    trials.iter().filter_map(observe).collect()
}

/// Up to `n` new points; fewer where the strategy has to wait or has none left.
pub fn propose(snapshot: &Snapshot, n: u32) -> Vec<Proposal> {
    Question::next(snapshot, n).propose()
}

/// The point to hand to the user; `None` while too few trials have succeeded.
///
/// A proposal learns from every value. What is handed over must work, and for that a model that collapsed is a failure:
/// otherwise the point of one would be recommended wherever the others have not come as far as answering yes to everything
/// does. Where all have collapsed there is nothing else to go by; the best observation says so.
pub fn recommend(snapshot: &Snapshot) -> Option<Recommendation> {
    Question::best(snapshot).recommend()
}

/// What is said to the user of a job's trials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// The point to use; `None` while too few trials have succeeded.
    pub recommendation: Option<Recommendation>,
    /// The ends of ranges at which the best trials lie, so that a wider range may hold a better point; `None` while too few trials
    /// have succeeded to tell.
    pub ends: Option<Vec<AtEnd>>,
}

/// The point to hand to the user, as [`recommend`] has it, and what the trials say of the ranges.
pub fn advise(snapshot: &Snapshot) -> Advice {
    Question::best(snapshot).advise()
}

/// The finished trials as what is to be recommended learns from them.
fn sound_history(trials: &[Trial]) -> Vec<Observation> {
    let mut history = history(trials);
    if has_sound(trials) {
        let collapsed: HashSet<u32> = trials
            .iter()
            .filter(|t| t.is_collapsed())
            .map(|t| t.index)
            .collect();
        for observation in history.iter_mut().filter(|o| collapsed.contains(&o.index)) {
            observation.outcome = Outcome::Failed;
        }
    }
    history
}

/// Whether any trial has a value that means something.
fn has_sound(trials: &[Trial]) -> bool {
    let is_sound = |t: &Trial| t.phase == Phase::Succeeded && t.value.is_some() && !t.is_collapsed();
    trials.iter().any(is_sound)
}

/// All that a proposal or a recommendation depends on: the same question has the same answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    job: Job,
    history: Vec<Observation>,
    pending: Vec<Pending>,
    n: u32,
    /// Number of the first trial that is asked for.
    first: u32,
    /// Whether the values say anything: those of models that all collapsed do not.
    is_sound: bool,
}

impl Question {
    /// Which `n` points are next.
    pub fn next(snapshot: &Snapshot, n: u32) -> Self {
        Self {
            job: snapshot.job.clone(),
            history: history(&snapshot.trials),
            pending: pending(&snapshot.trials),
            n,
            first: next_index(&snapshot.trials),
            is_sound: true,
        }
    }

    /// For a trial that was proposed, the question of which it was the answer, or a part of it: with those trials, and no other,
    /// that it knew. `None` where it is not recorded which these were, or where one of them has not ended as it had then or is
    /// gone. The job has to be as it was: a budget that has grown since may have another answer.
    pub fn again(snapshot: &Snapshot, trial: &Trial) -> Option<Self> {
        let known = trial.why.known.as_ref()?;
        let mut history = history(&snapshot.trials);
        history.retain(|o| known.observed.contains(o.index));
        let is_known = |t: &&Trial| known.pending.contains(t.index);
        let pending: Vec<Pending> = snapshot.trials.iter().filter(is_known).map(under_way).collect();
        let is_whole = |n: usize, indices: &Indices| n as u64 == indices.len();
        let all = is_whole(history.len(), &known.observed) && is_whole(pending.len(), &known.pending);
        all.then(|| Self {
            job: snapshot.job.clone(),
            history,
            pending,
            n: 1,
            first: trial.index,
            is_sound: true,
        })
    }

    /// Which point to hand to the user. What is under way makes no difference.
    pub fn best(snapshot: &Snapshot) -> Self {
        Self {
            job: snapshot.job.clone(),
            history: sound_history(&snapshot.trials),
            pending: Vec::new(),
            n: 1,
            first: next_index(&snapshot.trials),
            is_sound: has_sound(&snapshot.trials),
        }
    }

    /// The next points: those that a person wants tried first, then the strategy's, which knows of them.
    pub fn propose(&self) -> Vec<Proposal> {
        let mut proposals = self.start();
        let left = self.n - proposals.len() as u32;
        if left > 0 {
            let mut pending = self.pending.clone();
            let start = (self.first..).zip(&proposals);
            pending.extend(start.map(|(index, proposal)| Pending {
                index,
                point: proposal.point.clone(),
                resource: None,
            }));
            let request = request(&self.job, &self.history, &pending, left);
            proposals.extend(optimizer::suggest(&request));
        }
        for (i, proposal) in (0..).zip(&mut proposals) {
            let earlier = self.first..self.first + i;
            proposal.why.known = Some(Known {
                observed: self.history.iter().map(|o| o.index).collect(),
                pending: self.pending.iter().map(|p| p.index).chain(earlier).collect(),
            });
        }
        proposals
    }

    /// As many as are wanted of the points to begin with, but for those at which a trial is or was.
    fn start(&self) -> Vec<Proposal> {
        let tried = self
            .history
            .iter()
            .map(|o| &o.point)
            .chain(self.pending.iter().map(|p| &p.point));
        let tried: Vec<&Point> = tried.collect();
        let left = self.job.start.iter().filter(|point| !tried.contains(point));
        let proposal = |(n_chosen, point): (usize, &Point)| Proposal {
            point: point.clone(),
            resource: None,
            why: Why {
                n_observed: self.history.len() as u32,
                n_pending: (self.pending.len() + n_chosen) as u32,
                ..Why::manual()
            },
        };
        left.take(self.n as usize).enumerate().map(proposal).collect()
    }

    /// The point to hand to the user.
    pub fn recommend(&self) -> Option<Recommendation> {
        optimizer::recommend(&self.request())
    }

    /// The point to hand to the user, and what the trials say of the ranges.
    pub fn advise(&self) -> Advice {
        let recommendation = self.recommend();
        let point = recommendation.as_ref().map(|r| &r.point);
        let ends = at_ends(&self.request(), point).filter(|_| self.is_sound);
        Advice { recommendation, ends }
    }

    fn request(&self) -> Request<'_> {
        request(&self.job, &self.history, &self.pending, self.n)
    }
}

/// Calls `f` with what an optimizer may know of this snapshot.
pub fn with_request<T>(snapshot: &Snapshot, n: u32, f: impl FnOnce(&Request) -> T) -> T {
    let (history, pending) = (history(&snapshot.trials), pending(&snapshot.trials));
    f(&request(&snapshot.job, &history, &pending, n))
}

fn pending(trials: &[Trial]) -> Vec<Pending> {
    trials
        .iter()
        .filter(|t| matches!(t.phase, Phase::Queued | Phase::Running))
        .map(under_way)
        .collect()
}

fn under_way(trial: &Trial) -> Pending {
    Pending {
        index: trial.index,
        point: trial.point.clone(),
        resource: trial.resource,
    }
}

/// Number of the next trial; one that was cancelled has used its own up.
pub(super) fn next_index(trials: &[Trial]) -> u32 {
    trials.iter().map(|t| t.index).max().unwrap_or(0) + 1
}

fn request<'a>(job: &'a Job, history: &'a [Observation], pending: &'a [Pending], n: u32) -> Request<'a> {
    Request {
        space: &job.space,
        goal: job.objective.goal,
        strategy: &job.strategy,
        history,
        prior: &job.prior,
        pending,
        n: n as usize,
        max_trials: job.budget.max_trials,
        parallel: job.budget.parallel,
        replicates: job.replicates,
        seed: job.seed,
    }
}

#[cfg(test)]
#[path = "propose_tests.rs"]
mod tests;
