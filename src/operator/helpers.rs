//! Containers that come before a trial's own, and its sidecars. Pure.

use super::pod_security::of_container;
use super::resources::resources;
use super::trial_env::{env_from, escaped, variables};
use crate::api::{HelperRestartPolicy, ImagePullPolicy, InitContainerSpec, MountSpec, TrialSpec};
use crate::contract::Parameters;
use k8s_openapi::api::core::v1::{Container, VolumeMount};

/// They, in their order; `None` where there are none. A sidecar is one that is always started again: Kubernetes does not wait for its
/// end, neither for the trial's start nor for the Job's end.
pub fn init_containers(trial: &TrialSpec, parameters: &Parameters) -> Option<Vec<Container>> {
    let helpers = &trial.init_containers;
    (!helpers.is_empty()).then(|| {
        helpers
            .iter()
            .map(|helper| container(trial, helper, parameters))
            .collect()
    })
}

fn container(trial: &TrialSpec, helper: &InitContainerSpec, parameters: &Parameters) -> Container {
    let fill = |texts: &[String]| -> Option<Vec<String>> {
        (!texts.is_empty()).then(|| texts.iter().map(|t| escaped(&parameters.fill(t))).collect())
    };
    let env = variables(&helper.env, parameters);
    let mounts: Vec<VolumeMount> = helper.volume_mounts.iter().map(mount).collect();
    let security = helper.security_context.clone().unwrap_or_default();
    Container {
        name: helper.name.clone(),
        image: Some(helper.image.clone()),
        image_pull_policy: helper.image_pull_policy.map(pull_policy),
        restart_policy: helper
            .restart_policy
            .map(|HelperRestartPolicy::Always| "Always".into()),
        command: fill(&helper.command),
        args: fill(&helper.args),
        env: (!env.is_empty()).then_some(env),
        env_from: env_from(&helper.env_from),
        resources: helper.resources.as_ref().map(resources),
        volume_mounts: (!mounts.is_empty()).then_some(mounts),
        // The last lines of the log stand in for the message of one that failed without one.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        security_context: Some(of_container(trial, &security)),
        ..Container::default()
    }
}

fn mount(mount: &MountSpec) -> VolumeMount {
    VolumeMount {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        sub_path: mount.sub_path.clone(),
        read_only: mount.read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// When an image is pulled, in Kubernetes' word.
pub fn pull_policy(policy: ImagePullPolicy) -> String {
    // The variants are Kubernetes' own words.
    format!("{policy:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api;
    use crate::optimizer::Why;
    use crate::space::{Point, Value};
    use crate::tuning::Trial;
    use jiff::Timestamp;
    use serde_json::json;

    #[test]
    fn a_helper_is_told_the_point_where_the_manifest_says_so_and_has_no_more_rights_than_the_trial() {
        let manifest = json!({
            "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
            "spec": {
                "objective": {"metric": "f1", "goal": "Maximize"}, "budget": {"maxTrials": 4},
                "parameters": [{"name": "lr", "double": {"min": 1e-6, "max": 1e-3}}],
                "trial": {"container": {"image": "i"}, "initContainers": [
                    {"name": "fetch", "image": "f", "args": ["$(params.lr)", "$(date)"], "env": [{"name": "LR", "value": "$(params.lr)"}]},
                    {"name": "watch", "image": "w", "restartPolicy": "Always", "imagePullPolicy": "Never",
                        "volumeMounts": [{"name": "tuning-output", "mountPath": "/out", "readOnly": true}]}]},
            },
        });
        let checked = api::check(&manifest).unwrap();
        let point = Point(vec![Value::Double(1e-4)]);
        let trial = Trial::new(1, point, None, Why::manual(), Timestamp::UNIX_EPOCH);
        let parameters = Parameters::of(&checked.job, &trial, None);
        let made = init_containers(&checked.spec.trial, &parameters).unwrap();
        let made = serde_json::to_value(made).unwrap();
        assert_eq!(made[0]["args"], json!(["1e-4", "$$(date)"]));
        assert_eq!(made[0]["env"], json!([{"name": "LR", "value": "1e-4"}]));
        assert_eq!(made[0].get("restartPolicy"), None);
        assert_eq!(made[1]["restartPolicy"], "Always");
        assert_eq!(made[1]["imagePullPolicy"], "Never");
        assert_eq!(
            made[1]["volumeMounts"],
            json!([{"name": "tuning-output", "mountPath": "/out", "readOnly": true}])
        );
        let rights = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        assert_eq!(
            (&made[0]["securityContext"], &made[1]["securityContext"]),
            (&rights, &rights)
        );
    }
}
