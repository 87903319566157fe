//! A folder of manifests that is applied with the real kubectl, as from Git.

use crate::cluster::Space;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::LazyLock;

/// The folder that kubectl is in.
static PROGRAMS: LazyLock<String> = LazyLock::new(|| {
    let build = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/build");
    let mut command = std::process::Command::new(build);
    let answer = command.arg("control").stderr(Stdio::inherit()).output().unwrap();
    assert!(answer.status.success(), "{build}");
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
});

/// What kubectl answered.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub code: i32,
    pub said: String,
}

/// Manifests, and how they are applied.
pub struct Git<'a> {
    space: &'a Space,
    folder: PathBuf,
    pub server_side: bool,
}

impl<'a> Git<'a> {
    pub fn new(space: &'a Space, server_side: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("tuning-git-{}-{}", std::process::id(), space.name));
        std::fs::create_dir(&folder).unwrap();
        Self {
            space,
            folder,
            server_side,
        }
    }

    /// Puts a file in.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(format!("{name}.yaml")), text).unwrap();
    }

    async fn kubectl(&self, words: &[&str], server_side: bool) -> Answer {
        let mut command = tokio::process::Command::new(format!("{}/kubectl", *PROGRAMS));
        command
            .args([
                "--kubeconfig",
                Space::kubeconfig(),
                "--namespace",
                &self.space.name,
            ])
            .args(words)
            .args(server_side.then_some("--server-side"))
            .arg("--filename")
            .arg(&self.folder);
        let answer = command.output().await.unwrap();
        let said = [answer.stdout, answer.stderr].concat();
        Answer {
            code: answer.status.code().unwrap(),
            said: String::from_utf8(said).unwrap(),
        }
    }

    /// Applies all of it; the answer is what kubectl says.
    pub async fn apply(&self) -> String {
        let answer = self.kubectl(&["apply"], self.server_side).await;
        assert_eq!(answer.code, 0, "{}", answer.said);
        answer.said
    }

    /// How what is there differs: kubectl's exit code is 1 where it does.
    pub async fn diff(&self) -> Answer {
        self.kubectl(&["diff"], self.server_side).await
    }

    /// Nothing differs.
    pub async fn is_there(&self) {
        let nothing = Answer {
            code: 0,
            said: String::new(),
        };
        assert_eq!(self.diff().await, nothing, "server-side: {}", self.server_side);
    }
}

impl Drop for Git<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
