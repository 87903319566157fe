//! The shell on a cluster: observe, decide, apply.
//!
//! - **observe**: `run` watches the kinds into stores, `attempt_state` reads how an attempt stands off its Job and pods, `scrapers`
//!   follows what running trials tell (`endpoint` their pages, `follow_log` their logs, `prometheus_server` what it has of them), `record` turns Trial objects into the core's trials and back; `observe` gathers all of it.
//! - **decide**: `transition` (what an attempt's state makes of its trial, by `tuning::lifecycle`) and `tuning::decide`. Pure.
//! - **apply**: `apply` and `kube_jobs` carry out what was decided through `cluster`, which writes; `trial_job`, `processors`, `placement` and
//!   `conditions` and `status` say what is written. Of several replicas the holder of the `lease` does so; `neighbours` looks for other
//!   operators.
//!   `checkpoints` removes what trials leave on a volume, by a Job (`cleaner`, `cleanup`, `cleanup_job`) that runs
//!   `remove_checkpoints`.
//!
//! `reconcile` is the order of these steps.
//!
//! Beside them `serve` tells how the operator is: in the clear, or its metrics over TLS (`secure_metrics`, `certificates`) to those whom the API
//! server allows (`metrics_access` decides, `reviews` asks).
//!
//! What holds it together when anything dies at any instant: a trial's status is written before its Job is created, and a
//! Job is deleted only after the status says why; names are deterministic, so a second creation is a 409; every status is
//! written with the resourceVersion that it was decided on, so a decision on old knowledge is a conflict.

mod acknowledge;
mod adopt;
mod apply;
mod arguments;
mod attempt_state;
mod certificates;
mod check;
mod checkpoint_folder;
mod checkpoints;
mod cleaner;
mod cleanup;
mod cleanup_job;
mod cluster;
mod conditions;
mod context;
mod crd;
mod crd_rules;
mod endpoint;
mod error;
mod events;
mod fence;
mod follow_log;
mod health;
mod helpers;
mod kube_jobs;
mod lease;
mod lease_owner;
mod listed;
mod log_place;
mod memory;
mod metrics_access;
mod neighbours;
mod observe;
mod orphans;
mod pass;
mod placement;
mod pod_security;
mod pod_trouble;
mod prior;
mod processors;
mod prometheus_server;
mod queue;
mod reading;
mod reconcile;
mod record;
mod remove_checkpoints;
mod reported;
mod resources;
mod reviews;
mod rights;
mod run;
mod scope;
mod scrapers;
mod secure_metrics;
mod serve;
mod served;
mod settings;
mod slim;
mod source;
mod start;
mod status;
mod stores;
mod telemetry;
mod thinker;
mod transition;
mod trial_conditions;
mod trial_env;
mod trial_job;
mod trial_volumes;
mod trouble;
mod union;
mod waited_for;
mod waiting;
mod wake;
mod warnings;
mod watch;

pub use arguments::{Arguments, main};
pub use crd::crds;
pub use pod_trouble::TROUBLES;
pub use prometheus_server::PrometheusServer;
pub use run::run;
pub use scope::Scope;
pub use secure_metrics::SecureMetrics;
pub use settings::{Candidate, Settings};
pub use start::{Connect, StartError};
pub use trouble::Kind as MetricsTrouble;

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
