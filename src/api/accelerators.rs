//! Which of a trial's resources are accelerators, and how many of them a trial holds?
//!
//! Extended resources have names of the form `domain/device` outside of `kubernetes.io` (Kubernetes documentation, "Extended
//! resources"), and a pod gets what its limits say: requests must be the same. Not all of them compute: network cards
//! (`rdma/hca`, `vpc.amazonaws.com/efa`) and portions of a device (`nvidia.com/gpumem`, `gpu.intel.com/millicores`) would make
//! eight GPUs look like forty. So known families count, and who asks for none of them is told so.

use super::fault::Fault;
use super::{BertSpec, Device, Quantity, Resources};

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

/// Words in the names of other makers' accelerators, which do not speak CUDA.
const OTHER_MAKERS: [&str; 12] = [
    "amd",
    "intel",
    "tpu",
    "neuron",
    "gaudi",
    "habana",
    "ascend",
    "huawei",
    "mlu",
    "cambricon",
    "dcu",
    "qaic",
];

/// Whether a trial holds an accelerator on which the built-in fine-tuner computes: NVIDIA's, under whatever name it is shared out.
pub fn speaks_cuda(resources: Option<&Resources>) -> bool {
    let limits = resources.into_iter().flat_map(|r| &r.limits);
    let held = limits.filter(|(name, quantity)| is_accelerator(name) && whole(quantity) > 0);
    held.map(|(name, _)| name.to_lowercase())
        .any(|name| !OTHER_MAKERS.iter().any(|maker| name.contains(maker)))
}

/// Where the built-in fine-tuner computes. `auto` is `cuda` where a trial holds a GPU of NVIDIA's: one that is paid for is used, or the
/// attempt ends and says why, and never runs in silence on a CPU.
pub fn device_of(bert: &BertSpec, resources: Option<&Resources>) -> Device {
    match bert.device {
        Device::Auto if speaks_cuda(resources) => Device::Cuda,
        said => said,
    }
}

/// The name of an accelerator that a container holds.
pub(super) fn held(resources: Option<&Resources>) -> Option<&str> {
    let mut limits = resources.into_iter().flat_map(|r| &r.limits);
    let held = limits.find(|(name, quantity)| is_accelerator(name) && whole(quantity) > 0);
    held.map(|(name, _)| name.as_str())
}

/// The built-in fine-tuner would leave another maker's accelerator idle.
pub(super) fn check_use(bert: &BertSpec, resources: Option<&Resources>, faults: &mut Vec<Fault>) {
    let Some(name) = held(resources).filter(|_| bert.device != Device::Cpu && !speaks_cuda(resources)) else {
        return;
    };
    let message = "the built-in fine-tuner computes on NVIDIA GPUs and CPUs, and would leave this one idle: ask for nvidia.com/gpu, \
                   or say bert.device: cpu";
    faults.push(Fault::new(
        format!("spec.trial.resources.limits[{name:?}]"),
        message,
    ));
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
#[path = "accelerators_tests.rs"]
mod tests;
