//! `tuning-operator remove-checkpoints`: what runs in the pod that removes a job's checkpoints.
//!
//! It sees nothing but the folder of all jobs. Symbolic links are removed, never followed.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the pod sees the folder of all jobs.
pub const PLACE: &str = "/var/tuning/checkpoints";

/// Remove a job's checkpoints, but for those that are to be kept.
#[derive(Debug, clap::Args)]
pub struct RemoveCheckpoints {
    /// The job's folder.
    #[arg(value_parser = name)]
    folder: String,
    /// A folder in it that stays.
    #[arg(long, value_name = "NAME", value_parser = name)]
    keep: Vec<String>,
    /// Where the folders of all jobs are.
    #[arg(long = "in", value_name = "PATH", default_value = PLACE)]
    place: PathBuf,
}

/// One part of a path, and nothing that leads elsewhere.
fn name(text: &str) -> Result<String, String> {
    let leads_elsewhere = text.is_empty() || text == "." || text.contains("..") || text.contains(['/', '\0']);
    match leads_elsewhere {
        true => Err("give the name of a folder, without '/' and '..'".into()),
        false => Ok(text.to_owned()),
    }
}

/// The program.
pub fn main(arguments: &RemoveCheckpoints) -> ExitCode {
    let mut out = io::stdout();
    match remove(&arguments.place, &arguments.folder, &arguments.keep, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tuning-operator: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Removes all that is in the folder and not to be kept, and the folder if nothing is left in it. What can't be removed
/// does not keep the rest from being removed; the error names each.
fn remove(place: &Path, folder: &str, keep: &[String], out: &mut impl Write) -> Result<(), String> {
    let folder = place.join(folder);
    let mut left = Vec::new();
    let mut say = |result: io::Result<()>, path: &Path| match result {
        Ok(()) => {
            // Whoever closes the pipe has seen enough.
            let _ = writeln!(out, "removed {}", path.display());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => left.push(format!("{}: {error}", path.display())),
    };
    match fs::symlink_metadata(&folder) {
        Ok(found) if !found.is_dir() => say(fs::remove_file(&folder), &folder),
        Ok(_) => {
            match fs::read_dir(&folder) {
                Ok(entries) => {
                    for path in entries.flatten().map(|entry| entry.path()) {
                        let name = path.file_name().unwrap_or_default();
                        if !keep.iter().any(|kept| name == kept.as_str()) {
                            say(remove_entry(&path), &path);
                        }
                    }
                }
                Err(error) => say(Err(error), &folder),
            }
            match fs::remove_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                result => say(result, &folder),
            }
        }
        Err(error) => say(Err(error), &folder),
    }
    match left.is_empty() {
        true => Ok(()),
        false => Err(left.join("; ")),
    }
}

fn remove_entry(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

#[cfg(test)]
#[path = "remove_checkpoints_tests.rs"]
mod tests;
