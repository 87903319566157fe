//! Unit tests of `accelerators`.

use super::*;
use serde_json::{Value, json};

fn counted(limits: Value) -> u32 {
    count(Some(&serde_json::from_value(json!({"limits": limits})).unwrap()))
}

#[test]
fn every_family_of_accelerators_counts() {
    let names = [
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "nvidia.com/mig-1g.5gb",
        "nvidia.com/mig-1g.10gb.shared",
        "amd.com/gpu",
        "amd.com/cpx_nps4",
        "gpu.intel.com/i915",
        "gpu.intel.com/xe",
        "google.com/tpu",
        "aws.amazon.com/neuron",
        "aws.amazon.com/neuroncore",
        "habana.ai/gaudi",
        "huawei.com/Ascend910",
    ];
    for name in names {
        assert_eq!(counted(json!({name: 2})), 2, "{name}");
        assert_eq!(counted(json!({name: "3"})), 3, "{name}");
    }
    assert_eq!(
        counted(json!({"nvidia.com/mig-1g.5gb": 1, "nvidia.com/mig-2g.10gb": 2})),
        3
    );
}

#[test]
fn nothing_else_does() {
    let names = [
        "cpu",
        "memory",
        "hugepages-2Mi",
        "ephemeral-storage",
        "rdma/hca",
        "vpc.amazonaws.com/efa",
        "openshift.io/mlnxnics",
        "example.com/input-output",
        "nvidia.com/gpumem",
        "nvidia.com/gpucores",
        "gpu.intel.com/millicores",
        "gpu.intel.com/memory.max",
        "gpu.intel.com/i915_monitoring",
        "gpu.kubernetes.io/x",
    ];
    for name in names {
        assert_eq!(counted(json!({name: 8})), 0, "{name}");
    }
    assert_eq!(counted(json!({"nvidia.com/gpu": 8, "rdma/hca": 8, "cpu": 64})), 8);
}

/// The faults of a job that bounds its GPU-hours.
fn faults(limits: Value) -> Vec<String> {
    let manifest = json!({
        "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
        "spec": {
            "objective": {"metric": "f1", "goal": "Maximize"},
            "parameters": [{"name": "lr", "double": {"min": 0.0, "max": 1.0}}],
            "budget": {"maxTrials": 3, "maxGpuHours": 8},
            "trial": {"container": {"image": "x"}, "resources": {"limits": limits}},
        },
    });
    let faults = super::super::check(&manifest).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn gpu_hours_without_a_gpu_are_refused_with_the_cure() {
    for (limits, says) in [
        (json!({}), "limits asks for no GPU, so"),
        (json!({"cpu": 2}), "limits asks for no GPU, so"),
        (
            json!({"cpu": 2, "rdma/hca": 1}),
            "limits asks for no GPU (rdma/hca counts as none), so",
        ),
    ] {
        let faults = faults(limits);
        assert_eq!(faults.len(), 1, "{faults:#?}");
        let fault = &faults[0];
        assert!(fault.starts_with("spec.budget.maxGpuHours: "), "{fault}");
        assert!(fault.contains(says) && fault.contains("maxDuration"), "{fault}");
    }
    for limits in [json!({"nvidia.com/mig-1g.5gb": 1}), json!({"amd.com/gpu": "1"})] {
        assert_eq!(faults(limits), Vec::<String>::new());
    }
}

#[test]
fn the_fine_tuner_computes_on_nvidias_under_every_name_and_leaves_no_other_idle() {
    let refused = |limits: Value, device: &str| {
        let bert = json!({"task": "mrpc", "model": "m", "data": "d", "device": device});
        let resources = serde_json::from_value(json!({"limits": limits})).unwrap();
        let mut faults = Vec::new();
        check_use(
            &serde_json::from_value(bert).unwrap(),
            Some(&resources),
            &mut faults,
        );
        (
            speaks_cuda(Some(&resources)),
            faults.first().map(|fault| fault.path.clone()),
        )
    };
    for name in [
        "nvidia.com/gpu",
        "nvidia.com/mig-1g.5gb",
        "nvidia.com/gpu.shared",
        "volcano.sh/vgpu-number",
        "tencent.com/vgpu",
    ] {
        assert_eq!(refused(json!({name: 1}), "auto"), (true, None), "{name}");
        assert_eq!(refused(json!({name: 0}), "auto"), (false, None), "{name}");
    }
    for name in [
        "amd.com/gpu",
        "gpu.intel.com/xe",
        "google.com/tpu",
        "aws.amazon.com/neuron",
        "habana.ai/gaudi",
        "huawei.com/Ascend910",
    ] {
        let path = format!("spec.trial.resources.limits[{name:?}]");
        assert_eq!(
            refused(json!({name: 1}), "auto"),
            (false, Some(path.clone())),
            "{name}"
        );
        assert_eq!(refused(json!({name: 1}), "cuda"), (false, Some(path)), "{name}");
        assert_eq!(refused(json!({name: 1}), "cpu"), (false, None), "{name}");
    }
    assert_eq!(refused(json!({"cpu": 4, "rdma/hca": 1}), "auto"), (false, None));
}
