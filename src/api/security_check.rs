//! What a schema can't see about as whom a trial runs.

use super::fault::Fault;
use super::security_spec::{ContainerSecuritySpec, PodSecuritySpec, SeccompSpec, SeccompType};

/// Adds a fault for what no pod could be.
pub(super) fn check_pod(path: &str, spec: &PodSecuritySpec, faults: &mut Vec<Fault>) {
    check_user(path, spec.run_as_user, spec.run_as_non_root, faults);
    check_profile(path, spec.seccomp_profile.as_ref(), faults);
}

/// Adds a fault for what no container could be.
pub(super) fn check_container(path: &str, spec: &ContainerSecuritySpec, faults: &mut Vec<Fault>) {
    check_user(path, spec.run_as_user, spec.run_as_non_root, faults);
    check_profile(path, spec.seccomp_profile.as_ref(), faults);
    let drops = spec.capabilities.iter().flat_map(|c| &c.drop).enumerate();
    for (i, name) in drops.filter(|(_, name)| !is_capability(name)) {
        let message =
            format!("{name:?} is no capability: write ALL, or a name without CAP_, such as NET_RAW");
        faults.push(Fault::new(format!("{path}.capabilities.drop[{i}]"), message));
    }
}

fn is_capability(name: &str) -> bool {
    !name.starts_with("CAP_") && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn check_user(path: &str, user: Option<i64>, non_root: Option<bool>, faults: &mut Vec<Fault>) {
    if user == Some(0) && non_root == Some(true) {
        let message = "is true, and user 0 is root: remove it, or name another user";
        faults.push(Fault::new(format!("{path}.runAsNonRoot"), message));
    }
}

fn check_profile(path: &str, profile: Option<&SeccompSpec>, faults: &mut Vec<Fault>) {
    let Some(profile) = profile else { return };
    let message = match (profile.type_, &profile.localhost_profile) {
        (SeccompType::Localhost, None) => "is missing: the node's file for Localhost",
        (SeccompType::RuntimeDefault, Some(_)) => "is for Localhost alone: remove it",
        _ => return,
    };
    let path = format!("{path}.seccompProfile.localhostProfile");
    faults.push(Fault::new(path, message));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_nobody_can_be_is_refused_at_its_place() {
        let pod = json!({"runAsUser": 0, "runAsNonRoot": true, "seccompProfile": {"type": "Localhost"}});
        let container = json!({"capabilities": {"add": ["CHOWN"], "drop": ["ALL", "CAP_CHOWN", "net"]},
            "seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "x"}});
        let mut faults = Vec::new();
        check_pod("pod", &serde_json::from_value(pod).unwrap(), &mut faults);
        check_container("own", &serde_json::from_value(container).unwrap(), &mut faults);
        let paths: Vec<&str> = faults.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "pod.runAsNonRoot",
                "pod.seccompProfile.localhostProfile",
                "own.seccompProfile.localhostProfile",
                "own.capabilities.drop[1]",
                "own.capabilities.drop[2]",
            ]
        );
    }

    #[test]
    fn rights_over_the_node_are_no_words_of_the_manifest() {
        for capability in ["SYS_ADMIN", "ALL", "NET_ADMIN"] {
            let asked = json!({"capabilities": {"add": [capability]}});
            assert!(serde_json::from_value::<ContainerSecuritySpec>(asked).is_err());
        }
    }
}
