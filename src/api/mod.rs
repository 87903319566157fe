//! The manifest: wire types, and the way from a manifest to the core's validated types.
//!
//! [`check()`] says everything that is wrong with a manifest at once, each fault with its path, the value and the cure.

#![deny(clippy::disallowed_methods)]

mod accelerators;
mod bert_check;
mod bert_lengths;
mod bert_parameters;
mod bert_spec;
mod change;
mod check;
mod command_check;
mod condition;
mod convert;
mod env_check;
mod env_spec;
mod fault;
mod helper_check;
mod helper_spec;
mod metrics_check;
mod metrics_spec;
mod names_check;
mod notes;
mod objective_spec;
mod pod_check;
mod pod_spec;
mod prior;
mod record;
mod schema;
mod security_check;
mod security_spec;
mod spec;
mod start_points;
mod status;
mod task;
mod trial_check;
mod trial_object;
mod trial_spec;
mod trial_texts;
mod volume_check;
mod volume_spec;
mod yaml;

pub use accelerators::{device_of, speaks_cuda};
pub use bert_lengths::beyond_positions;
pub use bert_spec::{BertSpec, Device, Precision, SaveModel, Scheduler};
pub use change::{CHANGES, Change, refused_changes};
pub use check::{Checked, check, parse, recall};
pub use condition::{Condition, ConditionStatus};
pub use env_check::unknown_on_one_machine;
pub use env_spec::*;
pub use fault::Fault;
pub use helper_spec::*;
pub use metrics_spec::*;
pub use objective_spec::*;
pub use pod_spec::*;
pub use prior::{learns_from, prior_observations, prior_value};
pub use record::{Assignment, ProposalRecord, RoleRecord, assignment, point};
pub use security_spec::*;
pub use spec::*;
pub use status::{BestRecord, PriorObservation, RecommendedRecord, TrialCounts, TuningJobStatus};
pub use task::Task;
pub use trial_object::*;
pub use trial_spec::*;
pub use volume_spec::*;

/// API group of both kinds.
pub const GROUP: &str = "tuning-operator.io";
/// Version of both kinds.
pub const VERSION: &str = "v1alpha1";
/// The kind of a job.
pub const KIND: &str = "TuningJob";
