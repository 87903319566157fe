//! The shell on a cluster: observe, decide, apply.
//!
//! - **observe**: `run` watches the kinds into stores, `sight` reads the state of an attempt off its Job and pods, `listen`
//!   follows what running trials tell, `record` turns Trial objects into the core's trials.
//! - **decide**: `settle` (what an attempt's state makes of its trial) and `tuning::decide`. Pure.
//! - **apply**: `reconcile` carries plans out through `cluster`, which writes; `trial_job` and `standing` say what is written.
//!   Of several replicas the holder of the `lease` does so.
//!
//! What holds it together when anything dies at any instant: a trial's status is written before its Job is created, and a
//! Job is deleted only after the status says why; names are deterministic, so a second creation is a 409; every status is
//! written with the resourceVersion that it was decided on, so a decision on old knowledge is a conflict.

mod adopt;
mod apply;
mod arguments;
mod attempts;
mod cluster;
mod context;
mod crd;
mod events;
mod lease;
mod listen;
mod prior;
mod reconcile;
mod record;
mod run;
mod serve;
mod settle;
mod sight;
mod standing;
mod telemetry;
mod trial_job;
mod trial_volumes;

pub use arguments::{Arguments, main};
pub use context::Settings;
pub use crd::crds;
pub use lease::Candidate;
pub use run::{StartError, run};

/// Label of everything that belongs to a job: the job's name.
pub const JOB_LABEL: &str = "tuning-operator.io/job";
/// Label of everything that belongs to a trial: the trial's name.
pub const TRIAL_LABEL: &str = "tuning-operator.io/trial";
/// Annotation of a trial's Job: which attempt it is.
pub const ATTEMPT_ANNOTATION: &str = "tuning-operator.io/attempt";
/// Annotation of a trial's pods: its parameters as JSON.
pub const PARAMETERS_ANNOTATION: &str = "tuning-operator.io/parameters";
/// Name of the container that is the trial.
pub const CONTAINER: &str = "trial";
/// Field manager of everything that the operator writes.
pub const MANAGER: &str = "tuning-operator";
