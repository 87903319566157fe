//! What a person gets to see: tables, a live screen, plots, reports, exports.
//!
//! Pure rendering from data to text or bytes: no files, no terminal, no clock. Whatever a user's program wrote is escaped
//! before it is shown, so that no message can take over a terminal.
#![deny(clippy::disallowed_methods)]

mod cells;
mod explain;
mod grid;
pub(crate) mod numbers;
mod progress;
mod report;
mod run_view;
mod summary;
mod table;

#[cfg(feature = "local")]
mod export;
#[cfg(feature = "local")]
mod live;
#[cfg(feature = "local")]
mod plot;

pub use explain::explain;
#[cfg(feature = "local")]
pub use export::{Format, export};
#[cfg(feature = "local")]
pub use live::draw;
#[cfg(feature = "local")]
pub use plot::{Plot, plotted_parameter, png, slice, svg, terminal};
pub use progress::{job_eta, job_fraction, trial_eta};
pub use report::report;
pub use run_view::RunView;
pub use summary::{Summary, summary};
pub use table::table;
