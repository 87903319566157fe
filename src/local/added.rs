//! Points that a person adds to a run: each waits as a file in the run's folder until a runner gives it a number.
//!
//! So a runner that is at work need not be asked, and one that is not finds them later. A runner that is killed between
//! giving the number and removing the file gives another one at its next start: then the point is tried twice.

use super::event::Happening;
use super::{RunDir, Session, run_dir};
use crate::api::{self, Assignment, ProposalRecord};
use crate::optimizer::{Proposal, Why};
use crate::space::{Point, SearchSpace};
use crate::tuning::Counts;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// Lets a point wait for its number; it has been checked against the run's space.
///
/// # Errors
/// What the file system says.
pub fn add(dir: &RunDir, parameters: &Assignment) -> io::Result<()> {
    std::fs::create_dir_all(dir.added())?;
    // In the order in which they were added.
    let name = format!(
        "{:020}-{}.json",
        Timestamp::now().as_nanosecond(),
        std::process::id()
    );
    let text = serde_json::to_vec(parameters)?;
    run_dir::write_whole(&dir.added().join(name), &text)
}

/// The points that wait, in the order in which they were added.
pub fn waiting(dir: &RunDir) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.added()).into_iter().flatten().flatten();
    let is_point = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_point).collect();
    paths.sort();
    paths
}

/// What the points that wait are, in the same order. A file that holds no point of the run's space is none.
pub fn waiting_points(dir: &RunDir, space: &SearchSpace) -> Vec<Point> {
    let paths = waiting(dir).into_iter();
    paths.filter_map(|path| point_in(&path, space)).collect()
}

/// The trials of points that wait, as far as the budget has room for them, each with its file. A job that has ended gives none a
/// number: they wait until it goes on.
pub(super) fn due(session: &Session) -> Vec<(PathBuf, Happening)> {
    let snapshot = &session.ledger.snapshot;
    if snapshot.ended.is_some() || snapshot.job.strategy.rations() {
        return Vec::new();
    }
    let spent = Counts::of(&snapshot.trials).spent();
    let room = snapshot.job.budget.max_trials.saturating_sub(spent) as usize;
    let space = &snapshot.job.space;
    let first = snapshot.trials.iter().map(|t| t.index).max().unwrap_or(0) + 1;
    let points = waiting(&session.dir).into_iter().filter_map(|path| {
        let point = point_in(&path, space)?;
        Some((path, point))
    });
    let numbered = (first..).zip(points.take(room));
    numbered
        .map(|(first_index, (path, point))| {
            let proposal = Proposal {
                point,
                resource: None,
                why: Why::manual(),
            };
            let trials = vec![ProposalRecord::new(space, &proposal)];
            let what = Happening::Proposed {
                first_index,
                trials,
                added: true,
            };
            (path, what)
        })
        .collect()
}

fn point_in(path: &Path, space: &SearchSpace) -> Option<Point> {
    let assignment: Assignment = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    api::point(space, &assignment).ok()
}
