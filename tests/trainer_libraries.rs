//! The image for GPUs holds what the loader wants there: `scripts/cuda-libraries` beside what the libraries of the set-up say of
//! themselves. With `make setup GPU=1` that is all of them; without, libtorch's own, which name NVIDIA's.
#![cfg(all(feature = "trainer", target_os = "linux"))]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program brings in every image.
const OWN: [&str; 3] = ["libtorch_cpu.so", "libc10.so", "libgomp.so.1"];
/// Beginnings of what comes from the system, which the image takes from where it is built.
const SYSTEM: [&str; 10] = [
    "libc.",
    "libm.",
    "libdl.",
    "librt.",
    "libpthread.",
    "libutil.",
    "libgcc_s.",
    "libstdc++.",
    "libz.",
    "ld-linux",
];

/// The list: names, and whether each is `opened` or wanted `later`.
fn list() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cuda-libraries");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("lib"));
    lines
        .map(|line| {
            let (name, moment) = line.split_once(' ').unwrap();
            (name.to_owned(), moment.trim().to_owned())
        })
        .collect()
}

/// Where the set-up has put a library, if it has.
fn file(name: &str) -> Option<PathBuf> {
    let torch = PathBuf::from(std::env::var_os("LIBTORCH").expect("LIBTORCH, which make setup knows"));
    let wheels = std::fs::read_dir(torch.join("../nvidia")).into_iter().flatten();
    let wheels = wheels.map(|wheel| wheel.unwrap().path().join("lib"));
    std::iter::once(torch.join("lib"))
        .chain(wheels)
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
}

/// What the loader wants beside a library.
fn needed(path: &Path) -> Vec<String> {
    let output = Command::new("readelf").arg("-d").arg(path).output();
    let text = String::from_utf8(output.expect("readelf, of binutils").stdout).unwrap();
    let lines = text.lines().filter(|line| line.contains("(NEEDED)"));
    let names: Vec<String> = lines
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()))
        .collect();
    assert!(
        !names.is_empty(),
        "{}: it needs at least the C library",
        path.display()
    );
    names
}

fn is_of_the_system(name: &str) -> bool {
    SYSTEM.iter().any(|beginning| name.starts_with(beginning))
}

#[test]
fn what_is_opened_with_libtorch_for_gpus_is_listed_and_nothing_else() {
    let list = list();
    let (mut wanted, mut unread) = (BTreeSet::new(), BTreeSet::new());
    let mut next = vec!["libtorch_cuda.so".to_owned()];
    while let Some(name) = next.pop() {
        if is_of_the_system(&name) || !wanted.insert(name.clone()) {
            continue;
        }
        match file(&name) {
            Some(path) => next.extend(needed(&path)),
            None => drop(unread.insert(name)),
        }
    }
    assert!(
        !unread.contains("libtorch_cuda.so"),
        "the set-up has no libtorch_cuda.so"
    );
    wanted.retain(|name| !OWN.contains(&name.as_str()));
    for name in &wanted {
        assert_eq!(list.get(name).map(String::as_str), Some("opened"), "{name}");
    }
    let opened = list.iter().filter(|(_, moment)| *moment == "opened");
    let surplus: Vec<&String> = opened
        .map(|(name, _)| name)
        .filter(|name| !wanted.contains(*name))
        .collect();
    if unread.is_empty() {
        assert!(surplus.is_empty(), "nothing opens {surplus:?}");
    } else {
        // What these need is not known here; what is here and is not needed is wrong all the same.
        println!(
            "left out, as make setup GPU=1 was not run: what {unread:?} need, and whether {surplus:?} are among it"
        );
        let present: Vec<_> = surplus.iter().filter(|name| file(name).is_some()).collect();
        assert!(present.is_empty(), "nothing opens {present:?}");
    }
}

#[test]
fn what_is_opened_later_finds_what_it_needs() {
    let list = list();
    let later: Vec<&String> = list
        .iter()
        .filter(|(_, moment)| *moment == "later")
        .map(|(name, _)| name)
        .collect();
    let (here, elsewhere): (Vec<&String>, Vec<&String>) =
        later.into_iter().partition(|name| file(name).is_some());
    assert!(here.iter().any(|name| *name == "libcaffe2_nvrtc.so"), "{here:?}");
    for name in here {
        for other in needed(&file(name).unwrap()) {
            // The driver's comes with the node.
            let has = list.contains_key(&other)
                || OWN.contains(&other.as_str())
                || is_of_the_system(&other)
                || other == "libcuda.so.1";
            assert!(has, "{name} needs {other}");
        }
    }
    if !elsewhere.is_empty() {
        println!("left out, as make setup GPU=1 was not run: {elsewhere:?}");
    }
}
