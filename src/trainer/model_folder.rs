//! A folder that is replaced as a whole: whoever reads it sees the old one or the new one.
//!
//! A folder can't be renamed over another one, so between two renames there is none of that name. A run that was killed in that
//! moment finds both beside it when it starts again.

use super::{Failure, Result};
use std::fs::{self, File, rename};
use std::io;
use std::path::{Path, PathBuf};

/// Fills a folder beside `folder` and puts it in its place.
///
/// # Errors
/// It can't be written; then `folder` is what it was.
pub(super) fn replace(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (new, old) = (beside(folder, "new"), beside(folder, "old"));
    let at = |fault: io::Error| Failure::write(folder, &fault);
    remove(&new).and_then(|()| fs::create_dir_all(&new)).map_err(at)?;
    let filled = fill(&new).and_then(|()| make_durable(&new).map_err(at));
    if let Err(failure) = filled {
        // What could not be written in full is of no use, and its room may be what is missing.
        let _ = remove(&new);
        return Err(failure);
    }
    let swap = || {
        remove(&old)?;
        if folder.exists() {
            rename(folder, &old)?;
        }
        rename(&new, folder)?;
        File::open(parent(folder))?.sync_all()?;
        remove(&old)
    };
    swap().map_err(at)
}

/// Takes up what a run left that was killed while it replaced the folder.
///
/// # Errors
/// The folder's neighbours can't be moved or removed.
pub(super) fn recover(folder: &Path) -> Result<()> {
    let [new, old, gone] = ["new", "old", "gone"].map(|what| beside(folder, what));
    let at = |fault: io::Error| Failure::write(folder, &fault);
    if !folder.exists() && old.exists() {
        rename(&old, folder).map_err(at)?;
    }
    remove(&new)
        .and_then(|()| remove(&old))
        .and_then(|()| remove(&gone))
        .map_err(at)
}

/// Removes the folder, so that nobody ever sees a part of it.
///
/// # Errors
/// It can't be moved or removed.
pub(super) fn discard(folder: &Path) -> Result<()> {
    let gone = beside(folder, "gone");
    let moved = match rename(folder, &gone) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.and_then(|()| remove(&gone)),
    };
    moved.map_err(|fault| Failure::write(folder, &fault))
}

/// The folder that holds it.
pub(super) fn parent(folder: &Path) -> &Path {
    let named = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

fn beside(folder: &Path, what: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{what}"))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn make_durable(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let place = std::env::temp_dir().join(format!("model-folder-{}-{name}", std::process::id()));
            fs::create_dir_all(&place).unwrap();
            Self(place)
        }

        fn folder(&self) -> PathBuf {
            self.0.join("model")
        }

        fn put(&self, text: &str) -> Result<()> {
            replace(&self.folder(), |new| {
                fs::write(new.join("config.json"), text).unwrap();
                Ok(())
            })
        }

        fn text(&self) -> String {
            fs::read_to_string(self.folder().join("config.json")).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_old_one_stays_where_the_new_one_can_not_be_written() {
        let place = Place::new("whole");
        place.put("first").unwrap();
        place.put("second").unwrap();
        assert_eq!(place.text(), "second");
        let full = |_: &Path| Err(Failure::Output("no space".into()));
        assert_eq!(replace(&place.folder(), full).unwrap_err().code(), 46);
        assert_eq!((place.text().as_str(), place.names().len()), ("second", 1));
    }

    #[test]
    fn a_run_that_was_killed_between_both_renames_finds_its_model_again() {
        let place = Place::new("killed");
        place.put("first").unwrap();
        let old = place.0.join(".model.old");
        rename(place.folder(), &old).unwrap();
        fs::create_dir(place.0.join(".model.new")).unwrap();
        recover(&place.folder()).unwrap();
        assert_eq!((place.text().as_str(), place.names().len()), ("first", 1));
        // A moment later the new one had been there already.
        fs::create_dir(&old).unwrap();
        recover(&place.folder()).unwrap();
        assert_eq!((place.text().as_str(), place.names().len()), ("first", 1));
    }
}
