//! `--gpus`: which of them each trial is told of, and which trials wait.
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
