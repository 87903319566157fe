//! A GPU that can't be had: exit code 48 and one sentence with the cause and what helps, for each way in which a driver refuses. The
//! drivers are stand-ins, a few lines of C that the loader finds in place of NVIDIA's.
#![cfg(all(feature = "trainer", target_os = "linux"))]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use std::path::Path;
use std::process::{Command, Output};
use tiny::Tiny;

/// What a driver answers; `None`: it has no such function.
#[derive(Clone, Copy)]
struct Driver {
    init: i32,
    version: i32,
    capability: Option<(i32, i32)>,
}

/// A driver in order, with one new card.
const WELL: Driver = Driver {
    init: 0,
    version: 13_000,
    capability: Some((9, 0)),
};

impl Driver {
    /// Compiles it to `driver/libcuda.so.1`. `false`: there is no C compiler here.
    fn compile(self, dir: &Path) -> bool {
        let Self { init, version, .. } = self;
        let mut source = format!(
            "int cuInit(unsigned flags) {{ return {init}; }}\n\
             int cuDriverGetVersion(int *version) {{ *version = {version}; return 0; }}\n\
             int cuDeviceGetCount(int *n) {{ *n = 1; return 0; }}\n"
        );
        if let Some((major, minor)) = self.capability {
            source += &format!(
                "int cuDeviceGet(int *card, int place) {{ *card = place; return 0; }}\n\
                 int cuDeviceGetAttribute(int *value, int which, int card) {{\n\
                 *value = which == 75 ? {major} : which == 76 ? {minor} : 0; return 0; }}\n\
                 int cuDeviceGetName(char *name, int length, int card) {{\n\
                 const char *own = \"Stand-in\"; int i = 0; do name[i] = own[i]; while (own[i++]); return 0; }}\n"
            );
        }
        std::fs::create_dir_all(dir.join("driver")).unwrap();
        std::fs::write(dir.join("driver/driver.c"), source).unwrap();
        let compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-o", "driver/libcuda.so.1", "driver/driver.c"])
            .current_dir(dir)
            .status();
        let there = compiler.is_ok();
        assert!(compiler.is_ok_and(|status| status.success()) || !there);
        there
    }
}

/// A trial that finds the folder `driver` before all others.
fn trial(tiny: &Tiny, device: &str) -> Output {
    let mut folders = vec![tiny.dir.join("driver")];
    if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
        folders.extend(std::env::split_paths(&others));
    }
    tiny.command(&["--device", device])
        .env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap())
        .output()
        .unwrap()
}

/// The one sentence of a trial that was refused, which Kubernetes reads, too.
fn refusal(tiny: &Tiny, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(48), "{said}");
    let sentence = tiny.read("out/message");
    assert_eq!(said, format!("bert-trainer: {sentence}\n"));
    sentence
}

/// Whether the loader finds an NVIDIA driver on this machine.
fn machine_has_a_driver() -> bool {
    let listed = Command::new("ldconfig").arg("-p").output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let folders = [
        "/usr/local/nvidia/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib64",
        "/usr/lib/wsl/lib",
    ];
    listed.is_ok_and(|list| list.contains("libcuda.so.1"))
        || folders
            .iter()
            .any(|folder| Path::new(folder).join("libcuda.so.1").exists())
}

#[test]
fn a_driver_that_refuses_ends_the_trial_with_its_cause() {
    let cases = [
        (
            // It lacks what is asked of newer drivers: its version says enough.
            Driver {
                version: 12_040,
                capability: None,
                ..WELL
            },
            "speaks CUDA 12.4, and this libtorch needs 13.0; update the node's driver to 580",
        ),
        (Driver { init: 100, ..WELL }, "nvidia.com/gpu"),
        (Driver { init: 802, ..WELL }, "fabric manager"),
        (Driver { init: 803, ..WELL }, "different versions"),
        (Driver { init: 999, ..WELL }, "nvidia_uvm"),
        (
            Driver {
                capability: Some((6, 0)),
                ..WELL
            },
            "Stand-in has compute capability 6.0",
        ),
        (
            Driver {
                capability: None,
                ..WELL
            },
            "libcuda.so.1 has no cuDeviceGet",
        ),
    ];
    for (number, (driver, part)) in cases.into_iter().enumerate() {
        let tiny = Tiny::new(&format!("device-{number}"));
        if !driver.compile(&tiny.dir) {
            println!("left out: there is no C compiler here");
            return;
        }
        for device in ["cuda", "cuda:0"] {
            let sentence = refusal(&tiny, &trial(&tiny, device));
            assert!(sentence.contains(part), "{sentence}");
            assert!(
                sentence.starts_with(&format!("--device {device}: ")),
                "{sentence}"
            );
        }
    }
}

#[test]
fn a_card_that_is_not_there_is_refused_by_its_number() {
    let tiny = Tiny::new("device-third");
    if !WELL.compile(&tiny.dir) {
        println!("left out: there is no C compiler here");
        return;
    }
    let sentence = refusal(&tiny, &trial(&tiny, "cuda:3"));
    assert_eq!(
        sentence,
        "--device cuda:3: the driver has 1 GPU(s), numbered from 0; choose another"
    );
}

#[test]
fn a_driver_in_order_leads_to_what_libtorch_says() {
    let tiny = Tiny::new("device-well");
    if !WELL.compile(&tiny.dir) {
        println!("left out: there is no C compiler here");
        return;
    }
    let output = trial(&tiny, "cuda");
    assert_eq!(output.status.code(), Some(48));
    let sentence = tiny.read("out/message");
    // It can't be loaded where CUDA's libraries are missing, and sees through the stand-in where they are there.
    assert!(
        sentence.contains("libtorch's part for GPUs can't be loaded (lib")
            || sentence.contains("libtorch sees"),
        "{sentence}"
    );
}

#[test]
fn a_file_that_is_no_driver_is_not_taken_for_none() {
    let tiny = Tiny::new("device-empty");
    std::fs::create_dir(tiny.dir.join("driver")).unwrap();
    tiny.write("driver/libcuda.so.1", "");
    let output = trial(&tiny, "cuda");
    let sentence = refusal(&tiny, &output);
    assert!(
        machine_has_a_driver() || sentence.contains("file too short"),
        "{sentence}"
    );
}

#[test]
fn auto_says_why_a_driver_is_of_no_use() {
    let tiny = Tiny::new("device-auto");
    let driver = Driver {
        version: 12_040,
        ..WELL
    };
    if !driver.compile(&tiny.dir) {
        println!("left out: there is no C compiler here");
        return;
    }
    let output = trial(&tiny, "auto");
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && output.stderr.is_empty(), "{log}");
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("--device auto computes on the CPU: "))
        .collect();
    assert!(said.len() == 1 && said[0].contains("CUDA 12.4"), "{log}");
    assert_eq!(tiny.report()["device"], "cpu");
}

#[test]
fn without_a_driver_auto_is_silent_and_cuda_is_refused() {
    if machine_has_a_driver() {
        println!("left out: this machine has an NVIDIA driver");
        return;
    }
    let tiny = Tiny::new("device-none");
    let sentence = refusal(&tiny, &trial(&tiny, "cuda"));
    assert!(sentence.contains("there is no NVIDIA driver here"), "{sentence}");
    let output = trial(&tiny, "auto");
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && output.stderr.is_empty(), "{log}");
    assert!(
        !log.contains("--device") && log.contains(", cpu, 1 thread(s)"),
        "{log}"
    );
    assert_eq!(tiny.report()["device"], "cpu");
}
