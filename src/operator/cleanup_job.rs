//! The Job that removes a job's checkpoints. Pure.
//!
//! The operator can't reach a volume itself: a small pod with its own image does it, in the job's namespace.

use super::checkpoint_folder::{self, ALL_JOBS};
use super::cleanup::{PURPOSE_ANNOTATION, Purpose, name, volume};
use super::remove_checkpoints::PLACE;
use super::settings::Settings;
use super::{JOB_LABEL, placement, pod_security, trial_volumes};
use crate::api::{TrialSpec, VolumeSpec};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec,
    ResourceRequirements, SeccompProfile, SecurityContext, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;

/// Seconds for which a finished cleanup can be looked at.
const STAYS_SECONDS: i32 = 300;
/// How often a cleanup that failed is tried again.
const RETRIES: i32 = 2;
/// The pod's name for the volume.
const VOLUME: &str = "checkpoints";

/// Whose checkpoints a cleanup removes.
pub struct Whose<'a> {
    /// What a job's trials run, and where.
    pub trial: &'a TrialSpec,
    /// The job's namespace.
    pub namespace: &'a str,
    /// The job, as an owner.
    pub owner: OwnerReference,
}

/// The Job of a cleanup; `None` where checkpoints go with their pods.
pub fn job(settings: &Settings, whose: &Whose, purpose: &Purpose, keep: &[String]) -> Option<Job> {
    let volume = volume(whose.trial)?;
    let labels = BTreeMap::from([
        (
            "app.kubernetes.io/managed-by".to_owned(),
            "tuning-operator".to_owned(),
        ),
        (JOB_LABEL.to_owned(), whose.owner.name.clone()),
    ]);
    let patience = i64::try_from(settings.cleanup_patience.as_secs()).unwrap_or(i64::MAX);
    Some(Job {
        metadata: ObjectMeta {
            name: Some(name(&whose.owner.name)),
            namespace: Some(whose.namespace.to_owned()),
            labels: Some(labels.clone()),
            annotations: Some([(PURPOSE_ANNOTATION.to_owned(), purpose.word())].into()),
            owner_references: Some(vec![whose.owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(RETRIES),
            active_deadline_seconds: Some(patience.max(1)),
            ttl_seconds_after_finished: Some(STAYS_SECONDS),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(settings, whose, volume, keep)),
            },
            ..JobSpec::default()
        }),
        status: None,
    })
}

fn pod(settings: &Settings, whose: &Whose, volume: &VolumeSpec, keep: &[String]) -> PodSpec {
    let trial = whose.trial;
    let writer = pod_security::writer(trial).filter(|user| *user != 0);
    let groups = pod_security::of_pod(trial);
    let secrets = trial.image_pull_secrets.iter();
    let secrets: Vec<_> = secrets
        .map(|s| LocalObjectReference { name: s.name.clone() })
        .collect();
    // Where a volume can be reached, not beside whom.
    let affinity = trial.affinity.as_ref().and_then(|a| placement::affinity(a).ok());
    let affinity = affinity.and_then(|a| a.node_affinity).map(|node| Affinity {
        node_affinity: Some(node),
        ..Affinity::default()
    });
    let mut mounted = trial_volumes::volume(volume);
    mounted.name = VOLUME.into();
    PodSpec {
        restart_policy: Some("Never".into()),
        containers: vec![container(settings, whose, keep)],
        volumes: Some(vec![mounted]),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(5),
        affinity,
        node_selector: (!trial.node_selector.is_empty()).then(|| trial.node_selector.clone()),
        tolerations: (!trial.tolerations.is_empty()).then(|| placement::tolerations(trial)),
        image_pull_secrets: (!secrets.is_empty()).then_some(secrets),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(writer.is_some()),
            // Nobody knows as whom a trial's own image writes, unless the manifest says it.
            run_as_user: Some(writer.unwrap_or(0)),
            run_as_group: Some(writer.map_or(0, |user| groups.run_as_group.unwrap_or(user))),
            fs_group: groups.fs_group.filter(|_| writer.is_some()),
            fs_group_change_policy: groups
                .fs_group
                .filter(|_| writer.is_some())
                .map(|_| "OnRootMismatch".into()),
            supplemental_groups: groups.supplemental_groups.filter(|_| writer.is_some()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

fn container(settings: &Settings, whose: &Whose, keep: &[String]) -> Container {
    let folder = checkpoint_folder::of_job(&whose.owner.name, &whose.owner.uid);
    let mut args = vec!["remove-checkpoints".to_owned(), folder];
    args.extend(keep.iter().map(|name| format!("--keep={name}")));
    let amount = |cpu: &str, memory: &str| {
        let amount = |text: &str| Quantity(text.to_owned());
        Some(BTreeMap::from([
            ("cpu".into(), amount(cpu)),
            ("memory".into(), amount(memory)),
        ]))
    };
    let is_root = pod_security::writer(whose.trial).is_none_or(|user| user == 0);
    // Root without these may not remove what another user has written.
    let needs = ["DAC_OVERRIDE", "FOWNER"].map(str::to_owned);
    Container {
        name: "cleanup".into(),
        image: Some(settings.image.clone()),
        command: Some(vec!["/tuning-operator".into()]),
        args: Some(args),
        resources: Some(ResourceRequirements {
            requests: amount("10m", "16Mi"),
            limits: amount("1", "128Mi"),
            claims: None,
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: VOLUME.into(),
            mount_path: PLACE.into(),
            sub_path: Some(ALL_JOBS.into()),
            ..VolumeMount::default()
        }]),
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                add: is_root.then(|| needs.into()),
                drop: Some(vec!["ALL".into()]),
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

#[cfg(test)]
#[path = "cleanup_job_tests.rs"]
mod tests;
