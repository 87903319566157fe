//! Where the checkpoints of jobs and trials lie on the volume of `spec.trial.checkpointVolume`. Pure.
//!
//! The names hold uids: a job that is deleted and created again under its name begins with empty folders, not with what
//! another run has left.

use crate::api::{self, TrialStatus};
use kube::ResourceExt;
use kube::api::DynamicObject;

/// The folder of the volume that holds those of all jobs.
pub const ALL_JOBS: &str = "checkpoints";

/// The folder of a trial's own that holds its model.
pub const MODEL: &str = "model";

/// A job's folder.
pub fn of_job(name: &str, uid: &str) -> String {
    format!("{name}-{uid}")
}

/// A trial's folder in that of its job. One that had to leave a folder behind, because a pod that nobody can stop may
/// still write to it, has the next `number`.
pub fn of_trial(trial: &DynamicObject, number: u32) -> String {
    let folder = format!("{}-{}", trial.name_any(), trial.uid().unwrap_or_default());
    match number {
        0 => folder,
        n => format!("{folder}-{n}"),
    }
}

/// How often a trial had to leave its folder behind.
pub fn number(status: &TrialStatus) -> u32 {
    status.checkpoint_folder
}

/// A trial's folder, as a path of the volume.
pub fn sub_path(job: &str, trial: &DynamicObject, number: u32) -> String {
    let owners = trial.owner_references().iter();
    let uid = owners
        .filter(|o| o.kind == api::KIND)
        .map(|o| o.uid.as_str())
        .next();
    let job = of_job(job, uid.unwrap_or_default());
    format!("{ALL_JOBS}/{job}/{}", of_trial(trial, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_folder_belongs_to_one_trial_of_one_job_for_ever() {
        let trial: DynamicObject = serde_json::from_value(json!({
            "metadata": {"name": "mrpc-0003", "uid": "t-3", "ownerReferences": [
                {"apiVersion": "example.org/v1", "kind": "Team", "name": "a", "uid": "other"},
                {"apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "name": "mrpc", "uid": "j-1"}]},
        }))
        .unwrap();
        assert_eq!(sub_path("mrpc", &trial, 0), "checkpoints/mrpc-j-1/mrpc-0003-t-3");
        assert_eq!(
            sub_path("mrpc", &trial, 2),
            "checkpoints/mrpc-j-1/mrpc-0003-t-3-2"
        );
    }
}
