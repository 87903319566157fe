//! The folder of a run: what lies where.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One run's folder.
///
/// ```text
/// manifest.yaml   journal.jsonl   summary.json   plot.svg   plot.png
/// trials/NAME-0001/   log.txt   report.json   parameters.json   checkpoint/
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// The run in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a job of this name runs by default.
    pub fn default_of(name: &str) -> Self {
        Self::new(Path::new("runs").join(name))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a run beside this one.
    pub fn sibling(&self, name: &str) -> Self {
        Self::new(self.root.parent().unwrap_or(Path::new(".")).join(name))
    }

    /// The manifest as it was given last.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.yaml")
    }

    /// Everything that happened.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// Points that a person has added and that have no number yet.
    pub fn added(&self) -> PathBuf {
        self.root.join("added")
    }

    /// The result for programs.
    pub fn summary(&self) -> PathBuf {
        self.root.join("summary.json")
    }

    /// The plot; `kind` is its ending, `svg` or `png`.
    pub fn plot(&self, kind: &str) -> PathBuf {
        self.root.join(format!("plot.{kind}"))
    }

    /// A trial's folder.
    pub fn trial(&self, name: &str) -> PathBuf {
        self.root.join("trials").join(name)
    }

    /// The same from the root of the file system, as its program is told: it runs in the manifest's folder.
    pub fn whole_trial(&self, name: &str) -> io::Result<PathBuf> {
        std::path::absolute(self.trial(name))
    }
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension(format!("{}.partial", std::process::id()));
    let written = std::fs::File::create(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| std::fs::rename(&aside, path))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&aside);
        })
}
