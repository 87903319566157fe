//! Objects as they are kept in memory: without what nobody reads.
//!
//! The operator holds a copy of every TuningJob and Trial, and of their Jobs and pods. Most of such an object is not about what
//! it does: who has set which field (a tree of small maps, the largest part by far), and the containers and volumes of a pod,
//! which the operator has written itself and never looks at again.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use kube::ResourceExt;
use kube::api::DynamicObject;

/// An object of which a part is kept.
pub trait Slim {
    /// Drops what nobody reads. What is left may be written as a status: the API server takes nothing else from it.
    fn slim(&mut self);
}

impl Slim for DynamicObject {
    fn slim(&mut self) {
        self.metadata.managed_fields = None;
    }
}

impl Slim for Job {
    fn slim(&mut self) {
        self.managed_fields_mut().clear();
        let spec = self.spec.take().unwrap_or_default();
        self.spec = Some(JobSpec {
            suspend: spec.suspend,
            ..JobSpec::default()
        });
    }
}

impl Slim for Pod {
    fn slim(&mut self) {
        self.managed_fields_mut().clear();
        let spec = self.spec.take().unwrap_or_default();
        self.spec = Some(PodSpec {
            node_name: spec.node_name,
            host_network: spec.host_network,
            // Which of them are sidecars.
            init_containers: spec
                .init_containers
                .map(|all| all.into_iter().map(kind).collect()),
            ..PodSpec::default()
        });
    }
}

/// Which container it is, and whether it is always started again.
fn kind(container: Container) -> Container {
    Container {
        name: container.name,
        restart_policy: container.restart_policy,
        ..Container::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn metadata() -> Value {
        let fields = json!([{"manager": "kubelet", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}}]);
        json!({"name": "a", "uid": "u", "labels": {"b": "c"}, "managedFields": fields})
    }

    #[test]
    fn what_decides_stays_and_the_rest_goes() {
        let pod = json!({"metadata": metadata(), "status": {"phase": "Running"},
            "spec": {"nodeName": "n", "hostNetwork": true, "containers": [{"name": "trial", "image": "x"}],
                "initContainers": [{"name": "watch", "image": "y", "restartPolicy": "Always"}]}});
        let mut pod: Pod = serde_json::from_value(pod).unwrap();
        pod.slim();
        let spec = pod.spec.clone().unwrap();
        let kept = (
            spec.node_name.as_deref(),
            spec.host_network,
            spec.containers.len(),
        );
        assert_eq!(kept, (Some("n"), Some(true), 0));
        let helper = spec.init_containers.unwrap()[0].clone();
        let kept = (
            helper.name.as_str(),
            helper.restart_policy.as_deref(),
            helper.image,
        );
        assert_eq!(kept, ("watch", Some("Always"), None));
        assert_eq!(pod.status.clone().unwrap().phase.as_deref(), Some("Running"));
        assert!(pod.managed_fields().is_empty() && pod.labels()["b"] == "c");

        let job = json!({"metadata": metadata(), "status": {"active": 1},
            "spec": {"suspend": true, "template": {"spec": {"containers": [{"name": "trial"}]}}}});
        let mut job: Job = serde_json::from_value(job).unwrap();
        job.slim();
        let spec = job.spec.clone().unwrap();
        assert_eq!((spec.suspend, spec.template.spec), (Some(true), None));
        assert_eq!(job.status.clone().unwrap().active, Some(1));
        assert!(job.managed_fields().is_empty() && job.uid().as_deref() == Some("u"));
    }
}
