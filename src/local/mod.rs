//! A manifest on this machine: the same decisions as on a cluster, over child processes.
//!
//! Everything that happens is an [`Event`], written to the journal before anything follows from it. The state of a run is
//! the fold of its journal, so a run that was killed at any instant goes on from what its journal says.

mod added;
mod attempt;
mod checkpoint;
mod command;
mod event;
mod gpus;
mod journal;
mod kept_log;
mod ledger;
mod log_file;
mod logs;
mod machine_gpus;
mod mending;
mod models;
mod news;
mod orphans;
mod prior;
mod process;
mod replay;
mod run_dir;
mod runner;
mod scrape;
mod session;
mod thinning;

pub use added::{add, waiting, waiting_points};
pub use event::{Event, Happening};
pub use gpus::Gpus;
pub use journal::read as read_journal;
pub use ledger::Ledger;
pub use machine_gpus::Machine;
pub use models::best_model;
pub use replay::{Replayed, replay};
pub use run_dir::{RunDir, write_whole};
pub use runner::{Interrupt, Outcome, RunObserver, run};
pub use session::{Session, notices, open, refused_here};
