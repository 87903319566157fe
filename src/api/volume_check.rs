//! What a schema can't see about a trial's volumes, and about what SageMaker's layout takes from them.

use super::fault::{Fault, exactly_one};
use super::*;

/// Adds a fault for each volume that no pod could have.
pub(super) fn check_volumes(trial: &TrialSpec, faults: &mut Vec<Fault>) {
    for (i, volume) in trial.volumes.iter().enumerate() {
        let path = format!("spec.trial.volumes[{i}]");
        let sources = [
            ("persistentVolumeClaim", volume.persistent_volume_claim.is_some()),
            ("configMap", volume.config_map.is_some()),
            ("secret", volume.secret.is_some()),
            ("emptyDir", volume.empty_dir.is_some()),
            ("csi", volume.csi.is_some()),
            ("ephemeral", volume.ephemeral.is_some()),
        ];
        exactly_one(&path, &sources, faults);
        if trial.volumes[..i].iter().any(|v| v.name == volume.name) {
            let message = format!("{:?} is the name of an earlier volume", volume.name);
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        if volume.name.starts_with("tuning-") {
            let message = format!(
                "{}: names that begin with tuning- are the tuner's own",
                volume.name
            );
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        match &volume.mount_path {
            Some(at) if !at.starts_with('/') => {
                let message = format!("{at:?} is not absolute: begin it with '/'");
                faults.push(Fault::new(format!("{path}.mountPath"), message));
            }
            None if !is_used(trial, &volume.name) => {
                let message = format!("is missing: the trial would not see {:?} anywhere", volume.name);
                faults.push(Fault::new(format!("{path}.mountPath"), message));
            }
            _ => {}
        }
    }
    if let Some(name) = &trial.checkpoint_volume {
        writable("spec.trial.checkpointVolume", name, &trial.volumes, faults);
    }
}

/// Whether something else than its own mount path shows a volume to the trial.
fn is_used(trial: &TrialSpec, name: &str) -> bool {
    let sagemaker = trial.sagemaker.as_ref();
    let mut helpers = trial.init_containers.iter().flat_map(|h| &h.volume_mounts);
    trial.checkpoint_volume.as_deref() == Some(name)
        || helpers.any(|mount| mount.name == name)
        || sagemaker.is_some_and(|s| {
            s.model_volume.as_deref() == Some(name) || s.channels.iter().any(|c| c.volume == name)
        })
}

fn writable(path: &str, name: &str, volumes: &[VolumeSpec], faults: &mut Vec<Fault>) {
    let message = match volumes.iter().find(|v| v.name == name) {
        None => format!("{name:?} is no volume of spec.trial.volumes"),
        Some(v) if v.read_only || v.config_map.is_some() || v.secret.is_some() => {
            format!("{name:?} can't be written to: name a volume that can")
        }
        Some(v) if v.csi.is_some() || v.ephemeral.is_some() => {
            format!("{name:?} goes with its pod: name a persistentVolumeClaim, or leave this out")
        }
        Some(_) => return,
    };
    faults.push(Fault::new(path, message));
}

/// Adds a fault for everything that SageMaker's layout can't have.
pub(super) fn check_sagemaker(
    spec: &SagemakerSpec,
    volumes: &[VolumeSpec],
    parameters: &[String],
    faults: &mut Vec<Fault>,
) {
    for name in spec.hyperparameters.keys().filter(|n| parameters.contains(n)) {
        let message = "is a parameter of the job, which sets it for each trial: remove it here";
        faults.push(Fault::new(
            format!("spec.trial.sagemaker.hyperparameters.{name}"),
            message,
        ));
    }
    for (i, channel) in spec.channels.iter().enumerate() {
        let path = format!("spec.trial.sagemaker.channels[{i}]");
        let sound = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !channel.name.chars().all(sound) {
            let message = format!(
                "{:?}: a channel's name has letters, digits, '.', '_' and '-' only",
                channel.name
            );
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        if spec.channels[..i].iter().any(|c| c.name == channel.name) {
            let message = format!("{:?} is the name of an earlier channel", channel.name);
            faults.push(Fault::new(format!("{path}.name"), message));
        }
        if !volumes.iter().any(|v| v.name == channel.volume) {
            let message = format!("{:?} is no volume of spec.trial.volumes", channel.volume);
            faults.push(Fault::new(format!("{path}.volume"), message));
        }
        if let Some(folder) = channel.sub_path.as_ref().filter(|p| !is_inside(p)) {
            let message = format!("{folder:?} must be a folder inside the volume: no leading '/', no '..'");
            faults.push(Fault::new(format!("{path}.subPath"), message));
        }
    }
    if let Some(name) = &spec.model_volume {
        writable("spec.trial.sagemaker.modelVolume", name, volumes, faults);
    }
}

/// Whether a path stays in its volume.
pub(super) fn is_inside(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is wrong with the volumes of a trial.
    fn faults(trial: Value) -> Vec<String> {
        let trial: TrialSpec = serde_json::from_value(trial).unwrap();
        let mut faults = Vec::new();
        check_volumes(&trial, &mut faults);
        if let Some(sagemaker) = &trial.sagemaker {
            check_sagemaker(sagemaker, &trial.volumes, &["lr".to_owned()], &mut faults);
        }
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_volume_that_no_pod_could_have_is_refused_at_its_place() {
        let disk = json!({"name": "disk", "emptyDir": {}, "mountPath": "/disk"});
        let data = json!({"name": "data", "configMap": {"name": "c"}, "mountPath": "/data"});
        let nowhere = json!({"name": "disk", "emptyDir": {}});
        for (trial, says) in [
            (
                json!({"volumes": [disk, disk]}),
                "spec.trial.volumes[1].name: \"disk\" is the name of an earlier volume",
            ),
            (
                json!({"volumes": [nowhere]}),
                "spec.trial.volumes[0].mountPath: is missing",
            ),
            (
                json!({"checkpointVolume": "disk"}),
                "spec.trial.checkpointVolume: \"disk\" is no volume",
            ),
            (
                json!({"volumes": [data], "checkpointVolume": "data"}),
                "spec.trial.checkpointVolume: \"data\" can't be written to",
            ),
            (
                json!({"volumes": [{"name": "v", "csi": {"driver": "d"}}], "checkpointVolume": "v"}),
                "spec.trial.checkpointVolume: \"v\" goes with its pod",
            ),
            (
                json!({"sagemaker": {"image": "i", "hyperparameters": {"lr": "1"}}}),
                "spec.trial.sagemaker.hyperparameters.lr: is a parameter of the job",
            ),
            (
                json!({"volumes": [disk], "sagemaker": {"image": "i", "channels": [{"name": "train", "volume": "disk", "subPath": "a/../.."}]}}),
                "spec.trial.sagemaker.channels[0].subPath: \"a/../..\" must be a folder inside the volume",
            ),
        ] {
            let faults = faults(trial);
            assert!(
                faults.len() == 1 && faults[0].starts_with(says),
                "{says}: {faults:#?}"
            );
        }
        assert_eq!(
            faults(json!({"volumes": [nowhere], "checkpointVolume": "disk"})),
            Vec::<String>::new()
        );
        let mount = json!({"name": "disk", "mountPath": "/disk"});
        let helper = json!({"name": "fetch", "image": "i", "volumeMounts": [mount]});
        assert_eq!(
            faults(json!({"volumes": [nowhere], "initContainers": [helper]})),
            Vec::<String>::new()
        );
    }
}
