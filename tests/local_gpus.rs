//! Which GPUs each trial is told of, and which trials wait: those of `--gpus`, or those that the machine has.
#![cfg(feature = "local")]

mod common;

use common::Run;
use std::collections::BTreeMap;

/// Says what it is told when it begins and when it ends, in one file for all.
const SCRIPT: &str = "echo \"+ $CUDA_VISIBLE_DEVICES\" >> told; sleep 0.3; echo \"- $CUDA_VISIBLE_DEVICES\" >> told; echo f1=$1";

/// How many trials were told of each list of GPUs, and the most that had the same at once.
fn told(run: &Run) -> (BTreeMap<String, u32>, u32) {
    let text = std::fs::read_to_string(run.base.join("told")).unwrap();
    let (mut all, mut now, mut most) = (BTreeMap::new(), BTreeMap::new(), 0);
    for line in text.lines() {
        let (sign, gpus) = line.split_at(2);
        let n: &mut u32 = now.entry(gpus.to_owned()).or_default();
        if sign == "+ " {
            *n += 1;
            most = most.max(*n);
            *all.entry(gpus.to_owned()).or_default() += 1;
        } else {
            *n -= 1;
        }
    }
    (all, most)
}

#[test]
fn who_asks_for_a_gpu_has_one_to_itself_and_the_others_wait() {
    let run = Run::new("asked", 8, 4, SCRIPT);
    run.edit("env: [", "resources: {limits: {nvidia.com/gpu: 1}}\n    env: [");
    let output = run.tuning(&["--gpus", "0,GPU-7"]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (all, most) = told(&run);
    assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["0", "GPU-7"]);
    assert_eq!((all.values().sum::<u32>(), most), (8, 1));
    let refused = run.tuning(&["--gpus", "0,x y"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("\"x y\" is no GPU"),
        "{said}"
    );
}

#[test]
fn who_asks_for_none_shares_them() {
    let run = Run::new("shared", 8, 4, SCRIPT);
    let output = run.tuning(&["--gpus", "0,1"]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (all, most) = told(&run);
    assert_eq!(all.values().copied().sum::<u32>(), 8);
    assert!(all.len() == 2 && most <= 2, "{all:?} {most}");
}

#[test]
fn those_that_cuda_may_see_are_shared_where_nobody_names_any() {
    let run = Run::new("visible", 6, 3, SCRIPT);
    run.edit("env: [", "resources: {limits: {nvidia.com/gpu: 1}}\n    env: [");
    let output = run
        .tuning(&[])
        .env("CUDA_VISIBLE_DEVICES", "3,GPU-7,-1,4")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("note: GPUs that trials share: 3, GPU-7 (CUDA_VISIBLE_DEVICES)"),
        "{said}"
    );
    let (all, most) = told(&run);
    assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["3", "GPU-7"]);
    assert_eq!((all.values().sum::<u32>(), most), (6, 1));
}

#[test]
fn a_program_of_ones_own_does_without_where_there_is_none() {
    let run = Run::new("without", 1, 1, SCRIPT);
    run.edit("env: [", "resources: {limits: {nvidia.com/gpu: 1}}\n    env: [");
    let output = run
        .tuning(&[])
        .env("CUDA_VISIBLE_DEVICES", "-1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success()
            && said.contains("there is none on this machine (CUDA_VISIBLE_DEVICES is \"-1\")"),
        "{said}"
    );
}

#[test]
fn the_fine_tuner_is_not_started_where_there_is_none() {
    let run = Run::new("refused", 1, 1, "");
    for (bert, limits) in [("", "{nvidia.com/gpu: 1}"), (", device: cuda", "{}")] {
        let manifest = format!(
            "apiVersion: tuning-operator.io/v1alpha1\nkind: TuningJob\nmetadata: {{name: refused}}\nspec:\n  \
             objective: {{metric: f1, goal: Maximize}}\n  \
             parameters: [{{name: learning_rate, double: {{min: 5.0e-6, max: 5.0e-4, scale: Log}}}}]\n  \
             budget: {{maxTrials: 1}}\n  \
             trial: {{bert: {{task: mrpc, model: m, data: d{bert}}}, resources: {{limits: {limits}}}}}\n"
        );
        std::fs::write(run.base.join("job.yaml"), manifest).unwrap();
        // Anything that is a file does for what is not started.
        let output = run
            .tuning(&["--trainer", run.base.join("job.yaml").to_str().unwrap()])
            .env("CUDA_VISIBLE_DEVICES", "")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("CUDA_VISIBLE_DEVICES is \"\"")
                && said.contains("set spec.trial.bert.device to cpu"),
            "{said}"
        );
        assert!(!run.dir.exists(), "nothing is begun");
    }
}
