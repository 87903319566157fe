//! What a schema can't see about the containers beside a trial's own.

use super::accelerators::held;
use super::env_check::{check_env, check_env_from};
use super::fault::Fault;
use super::pod_check::{check_claims, is_name, no_name};
use super::security_check::check_container;
use super::{InitContainerSpec, TrialSpec};

/// Name of the container that is the trial.
const TRIAL: &str = "trial";
/// What the trial writes, as a volume that others may read.
const OUTPUT: &str = "tuning-output";

/// Adds a fault for each container that could not come before the trial's own.
pub(super) fn check_helpers(trial: &TrialSpec, faults: &mut Vec<Fault>) {
    for (i, helper) in trial.init_containers.iter().enumerate() {
        let path = format!("spec.trial.initContainers[{i}]");
        let earlier = &trial.init_containers[..i];
        if !is_name(&helper.name) {
            faults.push(no_name(format!("{path}.name"), &helper.name));
        } else if helper.name == TRIAL || earlier.iter().any(|h| h.name == helper.name) {
            let message = format!("{:?} is the name of another container of the pod", helper.name);
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        check_env(&format!("{path}.env"), &helper.env, faults);
        check_env_from(&format!("{path}.envFrom"), &helper.env_from, faults);
        let resources = helper.resources.as_ref();
        check_claims(&format!("{path}.resources"), resources, trial, faults);
        if let Some(name) = held(resources) {
            let message = "is the trial's own to hold: what others hold would be counted nowhere";
            faults.push(Fault::new(format!("{path}.resources.limits[{name:?}]"), message));
        }
        if let Some(security) = &helper.security_context {
            check_container(&format!("{path}.securityContext"), security, faults);
        }
        check_mounts(&path, helper, trial, faults);
    }
}

fn check_mounts(path: &str, helper: &InitContainerSpec, trial: &TrialSpec, faults: &mut Vec<Fault>) {
    for (i, mount) in helper.volume_mounts.iter().enumerate() {
        let path = format!("{path}.volumeMounts[{i}]");
        let is_there = mount.name == OUTPUT || trial.volumes.iter().any(|v| v.name == mount.name);
        if !is_there {
            let message = format!(
                "{:?} is no volume of spec.trial.volumes, and not {OUTPUT}",
                mount.name
            );
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        if !mount.mount_path.starts_with('/') {
            let message = format!("{:?} is not absolute: begin it with '/'", mount.mount_path);
            faults.push(Fault::new(format!("{path}.mountPath"), message));
        }
        if let Some(folder) = mount
            .sub_path
            .as_ref()
            .filter(|p| !super::volume_check::is_inside(p))
        {
            let message = format!("{folder:?} must be a folder inside the volume: no leading '/', no '..'");
            faults.push(Fault::new(format!("{path}.subPath"), message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults(trial: Value) -> Vec<String> {
        let mut faults = Vec::new();
        check_helpers(&serde_json::from_value(trial).unwrap(), &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_container_that_could_not_come_before_the_trial_is_refused_at_its_place() {
        let fine = json!({"name": "fetch", "image": "i",
            "volumeMounts": [{"name": "tuning-output", "mountPath": "/out", "subPath": "a/b"}]});
        let with = |key: &str, value: Value| {
            let mut helper = fine.clone();
            helper[key] = value;
            json!({"initContainers": [helper]})
        };
        assert_eq!(faults(json!({"initContainers": [fine]})), [""; 0]);
        let mount =
            |name: &str, at: &str, sub: &str| json!([{"name": name, "mountPath": at, "subPath": sub}]);
        for (trial, says) in [
            (
                json!({"initContainers": [fine, fine]}),
                "[1].name: \"fetch\" is the name",
            ),
            (
                with("name", json!("trial")),
                "[0].name: \"trial\" is the name of another",
            ),
            (
                with("name", json!("Fetch")),
                "[0].name: \"Fetch\": use lower-case",
            ),
            (
                with("env", json!([{"name": "TUNING_X"}])),
                "[0].env[0].name: TUNING_X",
            ),
            (with("envFrom", json!([{}])), "[0].envFrom[0]: says nothing"),
            (
                with("resources", json!({"limits": {"nvidia.com/gpu": 1}})),
                "[0].resources.limits[\"nvidia.com/gpu\"]: is the trial's own",
            ),
            (
                with("resources", json!({"claims": [{"name": "gpu"}]})),
                "[0].resources.claims[0].name: \"gpu\" is no claim",
            ),
            (
                with("volumeMounts", mount("disk", "/d", "x")),
                "[0].volumeMounts[0].name: \"disk\" is no volume",
            ),
            (
                with("volumeMounts", mount("tuning-output", "d", "x")),
                "[0].volumeMounts[0].mountPath: \"d\" is not absolute",
            ),
            (
                with("volumeMounts", mount("tuning-output", "/d", "../x")),
                "[0].volumeMounts[0].subPath: \"../x\" must be a folder inside",
            ),
            (
                with("securityContext", json!({"runAsUser": 0, "runAsNonRoot": true})),
                "[0].securityContext.runAsNonRoot: is true",
            ),
        ] {
            let found = faults(trial);
            let says = format!("spec.trial.initContainers{says}");
            assert!(
                found.len() == 1 && found[0].starts_with(&says),
                "{says}: {found:?}"
            );
        }
    }
}
