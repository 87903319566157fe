//! A manifest as a person gives it: a file, or what comes out of a pipe.

use super::args::ManifestArgs;
use crate::api::{self, Checked, Fault};
use crate::local;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A manifest without fault, and where it came from.
pub(super) struct Given {
    /// What it asks for, with what this machine changes in it.
    pub checked: Checked,
    /// What it is called in messages.
    pub name: String,
    /// The folder to which its paths are relative: its own, or the working folder where it came out of a pipe.
    pub base: PathBuf,
}

/// Why a manifest is not taken.
pub(super) struct Refused {
    /// A line for each reason.
    pub said: String,
    /// What is wrong with what it says, where it could be read.
    pub faults: Vec<Fault>,
    /// What its job is called, where it says so.
    pub job: Option<String>,
}

impl From<String> for Refused {
    fn from(said: String) -> Self {
        Self {
            said,
            faults: Vec::new(),
            job: None,
        }
    }
}

impl From<Refused> for String {
    fn from(refused: Refused) -> Self {
        refused.said
    }
}

/// Reads a manifest, puts in what this machine changes, and checks it.
pub(super) fn read(args: &ManifestArgs) -> Result<Given, Refused> {
    let is_piped = args.manifest == Path::new("-");
    let name = if is_piped {
        "standard input".to_owned()
    } else {
        args.manifest.display().to_string()
    };
    let text = if is_piped {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(&args.manifest)
    };
    let text = text.map_err(|e| format!("{name}: {e}"))?;
    let explain = |faults: Vec<Fault>| {
        faults
            .iter()
            .map(|f| format!("{name}: {f}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let mut manifest = api::parse(&text).map_err(|f| explain(vec![f]))?;
    for (key, folder) in [("model", &args.model), ("data", &args.data)] {
        let Some(folder) = folder else { continue };
        let Some(bert) = manifest
            .pointer_mut("/spec/trial/bert")
            .and_then(|b| b.as_object_mut())
        else {
            let said = format!("--{key}: only spec.trial.bert has a {key}, and this manifest has none");
            return Err(said.into());
        };
        let folder = std::path::absolute(folder).map_err(|e| format!("--{key}: {e}"))?;
        bert.insert(key.to_owned(), folder.display().to_string().into());
    }
    let checked = api::check(&manifest).map_err(|faults| Refused {
        said: explain(faults.clone()),
        faults,
        job: manifest["metadata"]["name"].as_str().map(str::to_owned),
    })?;
    let base = folder_of(&args.manifest).map_err(|e| format!("{name}: {e}"))?;
    let refused = local::refused_here(&checked, &base, args.on_host);
    if !refused.is_empty() {
        return Err(explain(refused).into());
    }
    Ok(Given { checked, name, base })
}

/// The folder of a manifest. What is no file on a disk (`-`, `/dev/stdin`, the `/dev/fd/63` of a shell's `<(...)`) has none.
fn folder_of(manifest: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(manifest)?;
    let is_stream = ["/dev", "/proc"].iter().any(|root| absolute.starts_with(root));
    let folder = absolute.parent().filter(|_| !is_stream && absolute.is_file());
    folder.map_or_else(std::env::current_dir, |folder| Ok(folder.to_owned()))
}
