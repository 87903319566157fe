//! Which of a trial's resources are accelerators, and how many of them a trial holds?
//!
//! Extended resources have names of the form `domain/device` outside of `kubernetes.io` (Kubernetes documentation, "Extended
//! resources"), and a pod gets what its limits say: requests must be the same. Not all of them compute: network cards
//! (`rdma/hca`, `vpc.amazonaws.com/efa`) and portions of a device (`nvidia.com/gpumem`, `gpu.intel.com/millicores`) would make
//! eight GPUs look like forty. So known families count, and who asks for none of them is told so.

use super::fault::Fault;
use super::{Quantity, Resources};

/// How words in the names of accelerators begin.
const FAMILIES: [&str; 12] = [
    "gpu", "vgpu", "pgpu", "xpu", "tpu", "npu", "neuron", "gaudi", "ascend", "mlu", "dcu", "qaic",
];

/// Words in the names of a device's portions and helpers.
const PORTIONS: [&str; 6] = ["mem", "cores", "millicores", "percent", "tiles", "monitoring"];

/// Accelerators that a trial holds; of a shared or partitioned one, each share or slice counts as one.
pub(super) fn count(resources: Option<&Resources>) -> u32 {
    let limits = resources.into_iter().flat_map(|r| &r.limits);
    let counted = limits.filter(|(name, _)| is_accelerator(name));
    counted.map(|(_, quantity)| whole(quantity)).sum()
}

/// GPU-hours can't be counted where a trial holds no accelerator.
pub(super) fn check(max_gpu_hours: Option<f64>, resources: Option<&Resources>, faults: &mut Vec<Fault>) {
    if max_gpu_hours.is_none() || count(resources) > 0 {
        return;
    }
    let extended = resources.into_iter().flat_map(|r| r.limits.keys());
    let extended: Vec<&str> = extended.map(String::as_str).filter(|n| is_extended(n)).collect();
    let asked = match extended.as_slice() {
        [] => "spec.trial.resources.limits asks for no GPU".to_owned(),
        names => format!(
            "spec.trial.resources.limits asks for no GPU ({} counts as none)",
            names.join(", ")
        ),
    };
    let message = format!(
        "{asked}, so its trials spend no GPU-hours and the limit would never be reached: ask for one there, such as \
         nvidia.com/gpu: 1, or bound the job by maxDuration and maxTrials"
    );
    faults.push(Fault::new("spec.budget.maxGpuHours", message));
}

fn is_extended(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(domain, _)| domain != "kubernetes.io" && !domain.ends_with(".kubernetes.io"))
}

fn is_accelerator(name: &str) -> bool {
    let name = name.to_lowercase();
    let device = name.rsplit('/').next().unwrap_or_default();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    // A slice of a GPU of NVIDIA's; AMD calls its own by how they are cut, such as amd.com/cpx_nps4.
    let is_known = |word: &str| word == "mig" || FAMILIES.iter().any(|family| word.starts_with(family));
    is_extended(&name)
        && (name.starts_with("amd.com/") || words.any(is_known))
        && !PORTIONS.iter().any(|word| device.contains(word))
}

/// Extended resources come in whole numbers; the API server refuses others.
fn whole(quantity: &Quantity) -> u32 {
    match quantity {
        Quantity::Number(n) => u32::try_from(*n).unwrap_or(0),
        Quantity::Text(text) => text.parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
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
}
