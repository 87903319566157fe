//! Why does a pod's trial not run yet, and is that a person's business? Pure.

use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStatus, Pod, PodCondition};

/// Reasons of a waiting container that do not go away by waiting.
pub const TROUBLES: [&str; 9] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// Part of what the kubelet says of an image whose user is root, or has no number.
const NON_ROOT: &str = "runAsNonRoot";
const USER_CURE: &str = "name a user in spec.trial.podSecurityContext.runAsUser, or say runAsNonRoot: false there if the \
                         image needs root";

/// What a trial that does not run yet waits for, and whether that needs a person; `own` is the state of its own container.
pub fn trouble(pod: &Pod, own: &ContainerState) -> Option<(String, bool)> {
    if let Some(why) = stuck(own) {
        return Some((why, true));
    }
    if let Some((helper, why)) = helpers(pod).find_map(|h| Some((h, stuck(&state(h))?))) {
        return Some((format!("container {}: {why}", helper.name), true));
    }
    if let Some(helper) = helpers(pod).find(|h| state(h).running.is_some() && !is_sidecar(pod, &h.name)) {
        return Some((format!("its container {} runs before it", helper.name), false));
    }
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref());
    unschedulable(conditions.unwrap_or_default()).map(|why| (why, true))
}

/// Why a container that comes before the trial's own keeps it from ever starting: it ended badly, and is not started again.
pub fn failed_helper(pod: &Pod) -> Option<String> {
    helpers(pod)
        .filter(|h| !is_sidecar(pod, &h.name))
        .find_map(|helper| {
            let ended = state(helper).terminated.filter(|t| t.exit_code != 0)?;
            let words = ended.message.as_deref().map(str::trim).unwrap_or_default();
            let reason = ended.reason.as_deref().filter(|r| *r != "Error");
            let told = [reason.unwrap_or_default(), words].map(|text| match text {
                "" => String::new(),
                text => format!(": {text}"),
            });
            let code = ended.exit_code;
            Some(format!(
                "its container {} ended with exit code {code}{}",
                helper.name,
                told.concat()
            ))
        })
}

fn helpers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|s| s.init_container_statuses.as_ref());
    statuses.into_iter().flatten()
}

fn state(status: &ContainerStatus) -> ContainerState {
    status.state.clone().unwrap_or_default()
}

/// Whether a container of this name is one that runs beside the trial.
fn is_sidecar(pod: &Pod, name: &str) -> bool {
    let all = pod.spec.as_ref().and_then(|s| s.init_containers.as_ref());
    let is_it = |c: &&Container| c.name == name && c.restart_policy.as_deref() == Some("Always");
    all.into_iter().flatten().find(is_it).is_some()
}

fn stuck(state: &ContainerState) -> Option<String> {
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|r| TROUBLES.contains(r))?;
    let message = waiting.message.as_deref().unwrap_or_default();
    let cure = if message.contains(NON_ROOT) {
        format!("; {USER_CURE}")
    } else {
        String::new()
    };
    Some(format!("{reason}: {message}{cure}"))
}

fn unschedulable(conditions: &[PodCondition]) -> Option<String> {
    let scheduled = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    (scheduled.reason.as_deref() == Some("Unschedulable")).then(|| {
        let message = scheduled.message.clone().unwrap_or_default();
        format!("Unschedulable: {message}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A pod with a container that comes before the trial and a sidecar, in these states.
    fn pod(fetch: Value, watch: Value) -> Pod {
        let status = |name: &str, state: Value| json!({"name": name, "state": state, "image": "i", "imageID": "", "ready": false, "restartCount": 0});
        let pod = json!({
            "spec": {"containers": [], "initContainers": [{"name": "fetch"}, {"name": "watch", "restartPolicy": "Always"}]},
            "status": {"initContainerStatuses": [status("fetch", fetch), status("watch", watch)]},
        });
        serde_json::from_value(pod).unwrap()
    }

    fn own(reason: &str, message: &str) -> ContainerState {
        serde_json::from_value(json!({"waiting": {"reason": reason, "message": message}})).unwrap()
    }

    #[test]
    fn what_comes_before_a_trial_may_keep_it_waiting() {
        let ended =
            |code: i32| json!({"terminated": {"exitCode": code, "reason": "Error", "message": "no route\n"}});
        let running = json!({"running": {}});
        let waits = |reason: &str| json!({"waiting": {"reason": reason, "message": "m"}});
        let cases = [
            (
                running.clone(),
                waits("PodInitializing"),
                Some(("its container fetch runs before it", false)),
            ),
            (ended(0), running.clone(), None),
            (
                waits("ErrImagePull"),
                waits("PodInitializing"),
                Some(("container fetch: ErrImagePull: m", true)),
            ),
            (
                ended(0),
                waits("CrashLoopBackOff"),
                Some(("container watch: CrashLoopBackOff: m", true)),
            ),
        ];
        for (fetch, watch, expected) in cases {
            let found = trouble(&pod(fetch, watch), &own("PodInitializing", ""));
            let expected = expected.map(|(why, needs_help)| (why.to_owned(), needs_help));
            assert_eq!(found, expected);
        }
        let failed = failed_helper(&pod(ended(3), waits("PodInitializing")));
        assert_eq!(
            failed.as_deref(),
            Some("its container fetch ended with exit code 3: no route")
        );
        assert_eq!(failed_helper(&pod(ended(0), running.clone())), None);
        // It is started again by itself.
        assert_eq!(failed_helper(&pod(ended(0), ended(1))), None);
    }

    #[test]
    fn who_may_not_be_root_is_told_how_to_be_somebody() {
        let none = pod(Value::Null, Value::Null);
        let message = "container has runAsNonRoot and image will run as root";
        let (why, needs_help) = trouble(&none, &own("CreateContainerConfigError", message)).unwrap();
        assert!(needs_help && why.ends_with(USER_CURE), "{why}");
        let (why, _) = trouble(
            &none,
            &own("CreateContainerConfigError", "secret \"s\" not found"),
        )
        .unwrap();
        assert_eq!(why, "CreateContainerConfigError: secret \"s\" not found");
    }
}
