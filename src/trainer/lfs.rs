//! A clone without Git LFS has pointers where the files should be.

use super::{Failure, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How each pointer begins (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
const BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Refuses a file that is only a pointer.
///
/// # Errors
/// It is one, with the cure.
pub(super) fn refuse_pointer(path: &Path, failure: fn(String) -> Failure) -> Result<()> {
    let mut begin = [0; BEGINNING.len()];
    // What can't be read is said by whoever reads it.
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    if read.is_ok() && begin == BEGINNING {
        let cure = "it is a pointer of Git LFS and not the file itself; run git lfs pull in its folder";
        return Err(failure(format!("{}: {cure}", path.display())));
    }
    Ok(())
}
