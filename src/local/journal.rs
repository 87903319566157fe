//! The journal of a run: append-only, one JSON object a line, on disk before anything follows from it.

use super::event::Event;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An open journal. While it is open no other runner can open it.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Whether something was written that may not be on disk yet.
    is_ahead: bool,
}

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another runner has it open.
    #[error("{path}: another `tuning run` is at work on this run: wait for it, or stop it first")]
    Locked {
        /// The journal.
        path: PathBuf,
    },
    /// A line inside it is not an event; only a torn last line is expected after a crash.
    #[error(
        "{path}:{line}: not an event of a run ({reason}): mend or remove that line, or start with another --run"
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The journal.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Journal {
    /// Opens or creates a journal, locks it, and reads the events that are in it. A torn last line is cut off.
    pub fn open(path: &Path) -> Result<(Self, Vec<Event>), JournalError> {
        let io = |source| JournalError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(io)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| JournalError::Locked {
            path: path.to_owned(),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (events, sound) = parse(path, &bytes)?;
        if sound < bytes.len() {
            file.set_len(sound as u64).map_err(io)?;
            file.seek(SeekFrom::End(0)).map_err(io)?;
        }
        // The folder's entry for a new journal must be as durable as what will be written to it.
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|f| f.sync_all()).map_err(io)?;
        }
        let journal = Self {
            file,
            is_ahead: false,
        };
        Ok((journal, events))
    }

    /// Appends an event, which is on disk after the next [`Journal::sync`].
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.is_ahead = true;
        self.file.write_all(&line)
    }

    /// When this returns, every event that was appended is on disk: one wait for the disk, however many they are.
    pub fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_ahead) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// Reads the journal of a run that may be at work.
pub fn read(path: &Path) -> Result<Vec<Event>, JournalError> {
    let bytes = std::fs::read(path).map_err(|source| JournalError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &bytes).map(|(events, _)| events)
}

/// The events, and the number of bytes up to the end of the last whole line.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Event>, usize), JournalError> {
    let mut events = Vec::new();
    let mut sound = 0;
    let lines = bytes.split_inclusive(|b| *b == b'\n');
    for (i, line) in lines.enumerate() {
        if !line.ends_with(b"\n") {
            break; // Torn by a crash: it was never acted upon.
        }
        let event = serde_json::from_slice(line).map_err(|e| JournalError::Damaged {
            path: path.to_owned(),
            line: i + 1,
            reason: e.to_string(),
        })?;
        events.push(event);
        sound += line.len();
    }
    Ok((events, sound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Happening;

    fn event(message: &str) -> Event {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        Event {
            at,
            what: Happening::Paused {
                message: message.into(),
            },
        }
    }

    fn path(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tuning-journal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_journal_goes_on() {
        let path = path("torn");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&event("one")).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..whole.len() {
            std::fs::write(&path, [whole.as_slice(), &whole[..torn]].concat()).unwrap();
            let (mut journal, events) = Journal::open(&path).unwrap();
            assert_eq!(events, [event("one")]);
            journal.append(&event("two")).unwrap();
            drop(journal);
            assert_eq!(read(&path).unwrap(), [event("one"), event("two")]);
        }
    }

    #[test]
    fn what_was_appended_together_is_taken_up_wherever_it_was_cut() {
        let path = path("together");
        let events = ["one", "two", "three"].map(event);
        let (mut journal, _) = Journal::open(&path).unwrap();
        events.iter().for_each(|event| journal.append(event).unwrap());
        journal.sync().unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let n_lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(Journal::open(&path).unwrap().1, events[..n_lines], "{cut}");
        }
    }

    #[test]
    fn two_runners_cannot_share_a_journal() {
        let path = path("locked");
        let first = Journal::open(&path).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Locked { .. })));
        drop(first);
        assert!(Journal::open(&path).is_ok());
    }

    #[test]
    fn damage_inside_is_an_error_with_its_line() {
        let path = path("damaged");
        std::fs::write(&path, "{}\n").unwrap();
        assert!(matches!(
            Journal::open(&path),
            Err(JournalError::Damaged { line: 1, .. })
        ));
    }
}
