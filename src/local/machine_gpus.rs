//! Which GPUs has this machine, for trials that ask for one where nobody names any?

use super::Gpus;
use crate::api::{Device, TrialSpec, device_of, speaks_cuda};
use std::path::Path;

/// Where a machine shows its GPUs.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// The root of its file system.
    pub root: &'a Path,
    /// `CUDA_VISIBLE_DEVICES`, where it is set: what CUDA looks at, and nothing else.
    pub visible: Option<&'a str>,
}

impl Machine<'_> {
    /// What trials of this manifest share, `per_trial` of them each, and a sentence for the report. Nothing where they ask for no
    /// GPU.
    ///
    /// # Errors
    /// A sentence: the fine-tuner asks for a GPU and there is none, or there are fewer than one trial asks for.
    pub fn share(&self, trial: &TrialSpec, per_trial: u32) -> Result<(Gpus, Option<String>), String> {
        let bert = trial.bert.as_ref();
        let resources = trial.resources.as_ref();
        let asks = match bert {
            Some(bert) => device_of(bert, resources) == Device::Cuda,
            None => speaks_cuda(resources),
        };
        if !asks {
            return Ok((Gpus::default(), None));
        }
        let names = self.names();
        if names.is_empty() {
            let none = format!("there is none on this machine ({})", self.why_none());
            return match bert {
                Some(bert) => Err(format!(
                    "{} and {none}: set spec.trial.bert.device to cpu to compute without, or name GPUs by --gpus",
                    match bert.device {
                        Device::Cuda => "spec.trial.bert.device is cuda, an NVIDIA GPU,",
                        Device::Auto | Device::Cpu => "spec.trial.resources asks for an NVIDIA GPU,",
                    }
                )),
                // A program of one's own may do without.
                None => Ok((
                    Gpus::default(),
                    Some(format!("spec.trial.resources asks for an NVIDIA GPU, and {none}")),
                )),
            };
        }
        let note = format!("GPUs that trials share: {} ({})", names.join(", "), self.source());
        let gpus = Gpus::new(self.source(), names, per_trial)?;
        Ok((gpus, Some(note)))
    }

    /// As CUDA names them.
    fn names(&self) -> Vec<String> {
        let Some(visible) = self.visible else {
            // CUDA numbers those that it is given from 0, whatever the numbers of their files.
            return (0..self.count()).map(|number| number.to_string()).collect();
        };
        // What is behind a name that names none, such as -1, is not visible (CUDA programming guide, "Environment variables").
        let names = visible.split(',').map(str::trim);
        let is_name = |name: &&str| {
            let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
            is_number || name.starts_with("GPU-") || name.starts_with("MIG-")
        };
        names.take_while(is_name).map(str::to_owned).collect()
    }

    fn count(&self) -> usize {
        let files = std::fs::read_dir(self.root.join("dev")).into_iter().flatten();
        let names = files.flatten().map(|file| file.file_name());
        let is_card = |name: &std::ffi::OsString| {
            let number = name.to_str().and_then(|name| name.strip_prefix("nvidia"));
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let n_cards = names.filter(is_card).count();
        // Windows' subsystem for Linux has one file for all of them; which of them CUDA sees only CUDA knows.
        let is_windows = ["dev/dxg", "usr/lib/wsl/lib/libcuda.so.1"]
            .iter()
            .all(|path| self.root.join(path).exists());
        n_cards.max(usize::from(is_windows))
    }

    fn source(&self) -> &'static str {
        match self.visible {
            Some(_) => "CUDA_VISIBLE_DEVICES",
            None => "this machine",
        }
    }

    fn why_none(&self) -> String {
        match self.visible {
            Some(visible) => format!("CUDA_VISIBLE_DEVICES is {visible:?}"),
            None => "it has no /dev/nvidia0".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A machine's root with these files.
    fn root(name: &str, files: &[&str]) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("tuning-gpus-{}-{name}", std::process::id()));
        std::fs::create_dir_all(root.join("dev")).unwrap();
        for file in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        root
    }

    fn names(name: &str, files: &[&str], visible: Option<&str>) -> Vec<String> {
        let root = root(name, files);
        let names = Machine { root: &root, visible }.names();
        std::fs::remove_dir_all(root).unwrap();
        names
    }

    fn trial(bert: Value, limits: Value) -> TrialSpec {
        let mut trial = json!({"resources": {"limits": limits}});
        if bert.is_null() {
            trial["command"] = json!(["true"]);
        } else {
            trial["bert"] = json!({"task": "mrpc", "model": "m", "data": "d"});
            let own = bert.as_object().unwrap().clone();
            trial["bert"].as_object_mut().unwrap().extend(own);
        }
        serde_json::from_value(trial).unwrap()
    }

    #[test]
    fn cards_are_counted_by_their_files() {
        let helpers = ["dev/nvidiactl", "dev/nvidia-uvm", "dev/nvidia-caps/nvidia-cap1"];
        assert!(names("helpers", &helpers, None).is_empty());
        assert_eq!(
            names("two", &["dev/nvidia3", "dev/nvidia11", "dev/nvidiactl"], None),
            ["0", "1"]
        );
        assert!(
            names("no-driver", &["dev/dxg"], None).is_empty(),
            "a Windows without a GPU"
        );
        assert_eq!(
            names("windows", &["dev/dxg", "usr/lib/wsl/lib/libcuda.so.1"], None),
            ["0"]
        );
    }

    #[test]
    fn what_cuda_may_see_is_all_there_is() {
        let seen = |visible| names("visible", &["dev/nvidia0", "dev/nvidia1"], Some(visible));
        assert_eq!(seen("1"), ["1"]);
        assert_eq!(seen("GPU-8932f937, MIG-5"), ["GPU-8932f937", "MIG-5"]);
        assert_eq!(seen("2,-1,0"), ["2"]);
        assert!(seen("").is_empty() && seen("-1").is_empty() && seen("NoDevFiles").is_empty());
    }

    #[test]
    fn who_asks_for_no_gpu_is_given_none() {
        let root = root("unasked", &["dev/nvidia0"]);
        let machine = Machine {
            root: &root,
            visible: None,
        };
        let gpu = json!({"nvidia.com/gpu": 1});
        for (bert, limits) in [
            (json!({}), json!({})),
            (json!({"device": "cpu"}), gpu.clone()),
            (Value::Null, json!({"amd.com/gpu": 1})),
            (Value::Null, json!({})),
        ] {
            let (gpus, note) = machine.share(&trial(bert, limits), 1).unwrap();
            assert_eq!((gpus, note), (Gpus::default(), None));
        }
        for (bert, limits) in [
            (json!({}), gpu.clone()),
            (json!({"device": "cuda"}), json!({})),
            (Value::Null, gpu),
        ] {
            let (mut gpus, note) = machine.share(&trial(bert, limits), 1).unwrap();
            assert_eq!(gpus.take(1).as_deref(), Some("0"));
            assert_eq!(note.as_deref(), Some("GPUs that trials share: 0 (this machine)"));
        }
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn who_asks_for_more_than_there_is_hears_of_it_before_a_trial_starts() {
        let root = root("none", &[]);
        let machine = Machine {
            root: &root,
            visible: None,
        };
        let gpu = json!({"nvidia.com/gpu": 1});
        let refused = |bert| machine.share(&trial(bert, gpu.clone()), 1).unwrap_err();
        let by_resources = refused(json!({}));
        assert!(
            by_resources.starts_with(
                "spec.trial.resources asks for an NVIDIA GPU, and there is none on this machine (it has no"
            ),
            "{by_resources}"
        );
        assert!(by_resources.contains("spec.trial.bert.device to cpu") && by_resources.contains("--gpus"));
        assert!(refused(json!({"device": "cuda"})).starts_with("spec.trial.bert.device is cuda"));
        let (gpus, note) = machine.share(&trial(Value::Null, gpu.clone()), 1).unwrap();
        assert_eq!(gpus, Gpus::default(), "a program of one's own may do without");
        assert!(note.unwrap().contains("there is none on this machine"));
        let one = Machine {
            root: &root,
            visible: Some("7"),
        };
        let few = one.share(&trial(Value::Null, gpu), 2).unwrap_err();
        assert!(few.starts_with("CUDA_VISIBLE_DEVICES has 1 GPU(s), and"), "{few}");
        std::fs::remove_dir_all(root).unwrap();
    }
}
