//! The volumes of a trial's pod and where the trial sees them. Pure.

use super::resources::quantity;
use super::{PARAMETERS_ANNOTATION, checkpoint_folder, pod_security};
use crate::api::{ClaimTemplate, Medium, TrialSpec, VolumeSpec};
use crate::contract::SAGEMAKER_FILES;
use k8s_openapi::api::core::v1::{
    CSIVolumeSource, ConfigMapVolumeSource, DownwardAPIVolumeFile, DownwardAPIVolumeSource,
    EmptyDirVolumeSource, EphemeralVolumeSource, LocalObjectReference, ObjectFieldSelector,
    PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate, PersistentVolumeClaimVolumeSource,
    SecretVolumeSource, Volume, VolumeMount, VolumeResourceRequirements,
};

/// Where a trial finds its parameters.
pub const CONTRACT_DIR: &str = "/var/tuning/contract";

/// Where a trial leaves what it makes.
pub struct Folders {
    /// Its checkpoints.
    pub checkpoint: &'static str,
    /// Everything else.
    pub output: &'static str,
    /// The file of its last word: its report, or why it failed.
    pub message: &'static str,
}

impl Folders {
    /// An image of SageMaker's looks where it always did.
    pub fn of(trial: &TrialSpec) -> Self {
        match trial.sagemaker {
            Some(_) => Self {
                checkpoint: "/opt/ml/checkpoints",
                output: "/opt/ml/output/data",
                message: "/opt/ml/output/failure",
            },
            None => Self {
                checkpoint: "/var/tuning/checkpoint",
                output: "/var/tuning/output",
                message: "/dev/termination-log",
            },
        }
    }

    /// The built-in fine-tuner's model: it lasts as long as checkpoints do.
    pub fn model(&self) -> String {
        format!("{}/{}", self.checkpoint, checkpoint_folder::MODEL)
    }
}

/// The annotation that is a file of SageMaker's.
pub fn annotation(file: &str) -> String {
    format!("tuning-operator.io/sagemaker-{}", file.trim_end_matches(".json"))
}

/// A volume whose files are annotations of the pod.
fn of_annotations<'a>(name: &str, files: impl IntoIterator<Item = (&'a str, String)>) -> Volume {
    let file = |(path, annotation): (&str, String)| DownwardAPIVolumeFile {
        path: path.into(),
        field_ref: Some(ObjectFieldSelector {
            field_path: format!("metadata.annotations['{annotation}']"),
            api_version: None,
        }),
        ..DownwardAPIVolumeFile::default()
    };
    Volume {
        name: name.into(),
        downward_api: Some(DownwardAPIVolumeSource {
            items: Some(files.into_iter().map(file).collect()),
            ..DownwardAPIVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A volume of the manifest as Kubernetes knows it.
pub fn volume(spec: &VolumeSpec) -> Volume {
    let claim = |c: &crate::api::ClaimSource| PersistentVolumeClaimVolumeSource {
        claim_name: c.claim_name.clone(),
        read_only: spec.read_only.then_some(true),
    };
    let config = |c: &crate::api::NameSource| ConfigMapVolumeSource {
        name: c.name.clone(),
        ..ConfigMapVolumeSource::default()
    };
    let secret = |s: &crate::api::SecretSource| SecretVolumeSource {
        secret_name: Some(s.secret_name.clone()),
        ..SecretVolumeSource::default()
    };
    let empty = |e: &crate::api::EmptyDirSource| EmptyDirVolumeSource {
        medium: e.medium.map(|Medium::Memory| "Memory".into()),
        size_limit: e.size_limit.as_ref().map(quantity),
        ..EmptyDirVolumeSource::default()
    };
    Volume {
        name: spec.name.clone(),
        persistent_volume_claim: spec.persistent_volume_claim.as_ref().map(claim),
        config_map: spec.config_map.as_ref().map(config),
        secret: spec.secret.as_ref().map(secret),
        empty_dir: spec.empty_dir.as_ref().map(empty),
        csi: spec.csi.as_ref().map(|csi| CSIVolumeSource {
            driver: csi.driver.clone(),
            fs_type: csi.fs_type.clone(),
            read_only: spec.read_only.then_some(true),
            volume_attributes: (!csi.volume_attributes.is_empty()).then(|| csi.volume_attributes.clone()),
            node_publish_secret_ref: csi.node_publish_secret_ref.as_ref().map(|secret| {
                LocalObjectReference {
                    name: secret.name.clone(),
                }
            }),
        }),
        ephemeral: spec.ephemeral.as_ref().map(|made| EphemeralVolumeSource {
            volume_claim_template: Some(claim_template(&made.volume_claim_template)),
        }),
        ..Volume::default()
    }
}

/// The claim that is made for a pod.
fn claim_template(template: &ClaimTemplate) -> PersistentVolumeClaimTemplate {
    let spec = &template.spec;
    let storage = ("storage".to_owned(), quantity(&spec.resources.requests.storage));
    PersistentVolumeClaimTemplate {
        metadata: None,
        spec: PersistentVolumeClaimSpec {
            // The variants are Kubernetes' own words.
            access_modes: Some(spec.access_modes.iter().map(|mode| format!("{mode:?}")).collect()),
            storage_class_name: spec.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([storage].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        },
    }
}

/// Whether the trial's `/tmp` is an empty folder: where the image's own can't be written to, and the manifest has put nothing there.
fn needs_tmp(trial: &TrialSpec) -> bool {
    let mut places = trial.volumes.iter().filter_map(|v| v.mount_path.as_deref());
    pod_security::reads_only(trial) && !places.any(|at| at.trim_end_matches('/') == "/tmp")
}

/// The volumes of a trial's pod: the manifest's, and those of the contract.
pub fn volumes(trial: &TrialSpec) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = trial.volumes.iter().map(volume).collect();
    let parameters = ("parameters.json", PARAMETERS_ANNOTATION.to_owned());
    volumes.push(of_annotations("tuning-contract", [parameters]));
    let mut scratch = |name: &str, wanted: bool| {
        volumes.extend(wanted.then(|| Volume {
            name: name.into(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        }));
    };
    let sagemaker = trial.sagemaker.as_ref();
    scratch("tuning-output", true);
    scratch("tuning-checkpoint", trial.checkpoint_volume.is_none());
    scratch("tuning-tmp", needs_tmp(trial));
    scratch(
        "tuning-model",
        sagemaker.is_some_and(|s| s.model_volume.is_none()),
    );
    if sagemaker.is_some() {
        let files = SAGEMAKER_FILES.map(|name| (name, annotation(name)));
        volumes.push(of_annotations("tuning-sagemaker", files));
    }
    volumes
}

/// Where a trial sees its volumes; `checkpoint` is its folder of the volume that keeps checkpoints.
pub fn mounts(trial: &TrialSpec, name: &str, checkpoint: &str) -> Vec<VolumeMount> {
    let at = |volume: &str, path: &str| VolumeMount {
        name: volume.into(),
        mount_path: path.into(),
        ..VolumeMount::default()
    };
    // Each trial has a folder of its own, which the kubelet makes.
    let own_folder = |volume: &Option<String>, folder: String, otherwise: &str, path: &str| match volume {
        None => at(otherwise, path),
        Some(volume) => VolumeMount {
            sub_path: Some(folder),
            ..at(volume, path)
        },
    };
    let only_read = |volume: &str| trial.volumes.iter().any(|v| v.name == volume && v.read_only);
    let folders = Folders::of(trial);
    let shown = trial
        .volumes
        .iter()
        .filter_map(|v| Some((v, v.mount_path.as_ref()?)));
    let mut mounts: Vec<VolumeMount> = shown
        .map(|(v, path)| VolumeMount {
            read_only: v.read_only.then_some(true),
            ..at(&v.name, path)
        })
        .collect();
    mounts.push(VolumeMount {
        read_only: Some(true),
        ..at("tuning-contract", CONTRACT_DIR)
    });
    mounts.push(at("tuning-output", folders.output));
    mounts.push(own_folder(
        &trial.checkpoint_volume,
        checkpoint.to_owned(),
        "tuning-checkpoint",
        folders.checkpoint,
    ));
    if needs_tmp(trial) {
        mounts.push(at("tuning-tmp", "/tmp"));
    }
    if let Some(sagemaker) = &trial.sagemaker {
        mounts.push(at("tuning-sagemaker", "/opt/ml/input/config"));
        mounts.push(own_folder(
            &sagemaker.model_volume,
            format!("models/{name}"),
            "tuning-model",
            "/opt/ml/model",
        ));
        mounts.extend(sagemaker.channels.iter().map(|channel| VolumeMount {
            read_only: only_read(&channel.volume).then_some(true),
            sub_path: channel.sub_path.clone(),
            ..at(&channel.volume, &format!("/opt/ml/input/data/{}", channel.name))
        }));
    }
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_sagemakers_finds_its_folders() {
        let trial: TrialSpec = serde_json::from_value(serde_json::json!({
            "checkpointVolume": "work", "sagemaker": {"image": "i", "modelVolume": "work", "channels": [
                {"name": "train", "volume": "data", "subPath": "mrpc/train"}]},
            "volumes": [
                {"name": "data", "readOnly": true, "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "work", "persistentVolumeClaim": {"claimName": "work"}}],
        }))
        .unwrap();
        let found: Vec<String> = mounts(&trial, "job-0001", "checkpoints/job-u/job-0001-v")
            .into_iter()
            .map(|m| {
                let sub = m.sub_path.map(|s| format!("/{s}")).unwrap_or_default();
                let mode = if m.read_only == Some(true) { " ro" } else { "" };
                format!("{} {}{sub}{mode}", m.mount_path, m.name)
            })
            .collect();
        assert_eq!(
            found,
            [
                "/var/tuning/contract tuning-contract ro",
                "/opt/ml/output/data tuning-output",
                "/opt/ml/checkpoints work/checkpoints/job-u/job-0001-v",
                "/opt/ml/input/config tuning-sagemaker",
                "/opt/ml/model work/models/job-0001",
                "/opt/ml/input/data/train data/mrpc/train ro",
            ]
        );
        let names: Vec<String> = volumes(&trial).into_iter().map(|v| v.name).collect();
        let own = [
            "data",
            "work",
            "tuning-contract",
            "tuning-output",
            "tuning-sagemaker",
        ];
        assert_eq!(names, own);
    }
}
