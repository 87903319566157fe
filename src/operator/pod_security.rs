//! As whom a trial's pod runs, and with which rights: what the manifest says, and what passes Pod Security's level restricted where it
//! says nothing. Pure.

use crate::api::{
    Capability, ContainerSecuritySpec, FsGroupChangePolicy, PodSecuritySpec, SeccompSpec, TrialSpec,
};
use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SeccompProfile, SecurityContext};

/// The user of the trainer's image, and the group of the volumes on which the tuner makes folders.
pub const TRAINER_USER: i64 = 65532;

/// The pod's part.
pub fn of_pod(trial: &TrialSpec) -> PodSecurityContext {
    let said = trial.pod_security_context.clone().unwrap_or_default();
    let runtime_default = SeccompProfile {
        type_: "RuntimeDefault".into(),
        localhost_profile: None,
    };
    let group = said.fs_group.or_else(|| own_group(trial));
    let policy = said.fs_group_change_policy.map(|policy| match policy {
        FsGroupChangePolicy::Always => "Always",
        FsGroupChangePolicy::OnRootMismatch => "OnRootMismatch",
    });
    // A volume that nobody had given to a group may be large: it is gone through once.
    let is_added = said.fs_group.is_none() && group.is_some() && trial.bert.is_none();
    PodSecurityContext {
        run_as_non_root: Some(pod_is_never_root(trial, &said)),
        run_as_user: user(trial),
        run_as_group: said.run_as_group,
        fs_group: group,
        fs_group_change_policy: policy.or(is_added.then_some("OnRootMismatch")).map(str::to_owned),
        supplemental_groups: (!said.supplemental_groups.is_empty()).then_some(said.supplemental_groups),
        seccomp_profile: said
            .seccomp_profile
            .as_ref()
            .map(seccomp)
            .or(Some(runtime_default)),
        ..PodSecurityContext::default()
    }
}

/// The trial's own container's part.
pub fn of_trial(trial: &TrialSpec) -> SecurityContext {
    let said = trial.container_security_context.clone().unwrap_or_default();
    SecurityContext {
        read_only_root_filesystem: reads_only(trial).then_some(true),
        ..of_container(trial, &said)
    }
}

/// Whether the trial can't write to its image's own files.
pub fn reads_only(trial: &TrialSpec) -> bool {
    let said = trial.container_security_context.as_ref();
    said.and_then(|s| s.read_only_root_filesystem)
        .unwrap_or(trial.bert.is_some())
}

/// The part of any container of the pod.
pub fn of_container(trial: &TrialSpec, said: &ContainerSecuritySpec) -> SecurityContext {
    // The pod's word would hold otherwise, and the kubelet would not start it.
    let may_be_root = (said.run_as_user == Some(0)).then_some(false);
    SecurityContext {
        allow_privilege_escalation: Some(said.allow_privilege_escalation.unwrap_or(false)),
        read_only_root_filesystem: said.read_only_root_filesystem,
        capabilities: capabilities(trial, said),
        run_as_non_root: said.run_as_non_root.or(may_be_root),
        run_as_user: said.run_as_user,
        run_as_group: said.run_as_group,
        seccomp_profile: said.seccomp_profile.as_ref().map(seccomp),
        ..SecurityContext::default()
    }
}

/// The user as whom the trial's pod runs, where that is not the image's to say.
pub fn user(trial: &TrialSpec) -> Option<i64> {
    let said = trial.pod_security_context.as_ref().and_then(|s| s.run_as_user);
    said.or(trial.bert.is_some().then_some(TRAINER_USER))
}

/// The user as whom the trial's own container writes, where that is not the image's to say.
pub fn writer(trial: &TrialSpec) -> Option<i64> {
    let own = trial.container_security_context.as_ref();
    own.and_then(|s| s.run_as_user).or_else(|| user(trial))
}

/// The group of the volumes on which the tuner makes folders: the trial is in it, whoever its user is.
fn own_group(trial: &TrialSpec) -> Option<i64> {
    let on_a_volume = trial.checkpoint_volume.is_some()
        || trial.sagemaker.as_ref().is_some_and(|s| s.model_volume.is_some());
    let said = trial.container_security_context.clone().unwrap_or_default();
    let wants = trial.bert.is_some() || on_a_volume && is_never_root(trial, &said);
    wants.then_some(TRAINER_USER)
}

fn pod_is_never_root(trial: &TrialSpec, said: &PodSecuritySpec) -> bool {
    said.run_as_non_root.unwrap_or(user(trial) != Some(0))
}

fn is_never_root(trial: &TrialSpec, said: &ContainerSecuritySpec) -> bool {
    let pod = trial.pod_security_context.clone().unwrap_or_default();
    match said.run_as_user.or_else(|| user(trial)) {
        Some(user) => user != 0,
        None => said
            .run_as_non_root
            .unwrap_or_else(|| pod_is_never_root(trial, &pod)),
    }
}

fn capabilities(trial: &TrialSpec, said: &ContainerSecuritySpec) -> Option<Capabilities> {
    let all = || is_never_root(trial, said).then(|| vec!["ALL".to_owned()]);
    let said = said.capabilities.clone().unwrap_or_default();
    let add: Vec<String> = said.add.iter().copied().map(Capability::word).collect();
    let drop = Some(said.drop).filter(|drop| !drop.is_empty()).or_else(all);
    (drop.is_some() || !add.is_empty()).then(|| Capabilities {
        add: (!add.is_empty()).then_some(add),
        drop,
    })
}

fn seccomp(said: &SeccompSpec) -> SeccompProfile {
    SeccompProfile {
        // The variants are Kubernetes' own words.
        type_: format!("{:?}", said.type_),
        localhost_profile: said.localhost_profile.clone(),
    }
}

#[cfg(test)]
#[path = "pod_security_tests.rs"]
mod tests;
