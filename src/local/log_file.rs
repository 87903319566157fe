//! A trial's `log.txt`: all of an ordinary output, the beginning and the end of a very long one.
//!
//! What comes after the first half goes round in a file beside it, `log.end`, and is put behind the first half once the output
//! has come to its end. So memory and disk stay bounded, and what matters most, a traceback, is never what is left out.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that are kept of the beginning of an attempt's output, and as many of its end.
pub(super) const HALF: u64 = 16 << 20;
/// How the line begins that says what was left out.
pub(super) const LEFT_OUT: &str = "[tuning: ";

/// The log file of one attempt; those of earlier attempts stand before it.
pub(super) struct LogFile {
    file: Option<File>,
    /// Bytes of the beginning that are written, and how many of them belong to a line that is not whole yet.
    n_first: u64,
    unfinished: u64,
    end_path: PathBuf,
    end: Option<File>,
    /// Bytes that came after the beginning, kept or not.
    n_after: u64,
}

impl LogFile {
    /// Opens or creates the file.
    pub fn to(path: &Path) -> Self {
        let end_path = path.with_extension("end");
        // Of an attempt that was ended by force together with its runner.
        let _ = std::fs::remove_file(&end_path);
        Self {
            file: OpenOptions::new().create(true).append(true).open(path).ok(),
            n_first: 0,
            unfinished: 0,
            end_path,
            end: None,
            n_after: 0,
        }
    }

    /// Takes the next piece. A full disk must not stop the trial: its metrics are still followed.
    pub fn append(&mut self, piece: &[u8]) {
        let room = (HALF - self.n_first).min(piece.len() as u64) as usize;
        let (first, after) = piece.split_at(room);
        if let Some(file) = &mut self.file {
            let _ = file.write_all(first);
        }
        self.n_first += first.len() as u64;
        self.unfinished = match first.iter().rposition(is_line_end) {
            Some(place) => (first.len() - place - 1) as u64,
            None => self.unfinished + first.len() as u64,
        };
        if !after.is_empty() {
            let _ = self.go_round(after);
        }
    }

    fn go_round(&mut self, mut piece: &[u8]) -> io::Result<()> {
        if self.end.is_none() {
            self.end = Some(File::create(&self.end_path)?);
        }
        while let (Some(end), false) = (&self.end, piece.is_empty()) {
            let place = self.n_after % HALF;
            let n = (HALF - place).min(piece.len() as u64);
            let (now, later) = piece.split_at(n as usize);
            self.n_after += n;
            piece = later;
            end.write_all_at(now, place)?;
        }
        Ok(())
    }

    /// The output has come to its end.
    pub fn finish(mut self) {
        if self.end.take().is_some() {
            let _ = self.join();
            let _ = std::fs::remove_file(&self.end_path);
        }
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let oldest = if self.n_after > HALF {
            self.n_after % HALF
        } else {
            0
        };
        let mut end = in_order(&self.end_path, oldest)?;
        if self.n_after > HALF {
            // Half a number would be read as another number: lines that are not whole go too, where there are lines at all.
            let mut cut = 0;
            if self.unfinished < self.n_first {
                cut = self.unfinished;
                file.set_len(file.metadata()?.len() - cut)?;
            }
            let skipped = to_first_line(&mut end)?;
            if skipped.is_none() {
                end = in_order(&self.end_path, oldest)?;
            }
            let left_out = self.n_after - HALF + cut + skipped.unwrap_or(0);
            let newline = if self.unfinished < self.n_first { "" } else { "\n" };
            writeln!(
                file,
                "{newline}{LEFT_OUT}{left_out} bytes of output between here and the next line are not kept]"
            )?;
        }
        io::copy(&mut end, file).map(drop)
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// What went round, from its oldest byte to its newest.
fn in_order(path: &Path, oldest: u64) -> io::Result<impl BufRead> {
    let mut older = File::open(path)?;
    older.seek(SeekFrom::Start(oldest))?;
    Ok(BufReader::new(older.chain(File::open(path)?.take(oldest))))
}

/// Reads up to the first line that is whole; the answer is how many bytes that were, `None` where there is none.
fn to_first_line(text: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut skipped = 0;
    loop {
        let piece = text.fill_buf()?;
        if piece.is_empty() {
            return Ok(None);
        }
        let line_end = piece.iter().position(is_line_end).map(|place| place + 1);
        let n = line_end.unwrap_or(piece.len());
        text.consume(n);
        skipped += n as u64;
        if line_end.is_some() {
            return Ok(Some(skipped));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log of an output, and its folder's other files.
    fn log_of(name: &str, output: &[u8]) -> (Vec<u8>, usize) {
        let folder = std::env::temp_dir().join(format!("tuning-log-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log.txt");
        std::fs::write(&path, "before\n").unwrap();
        let mut log = LogFile::to(&path);
        for piece in output.chunks(10_007) {
            log.append(piece);
        }
        log.finish();
        let bytes = std::fs::read(&path).unwrap();
        let n_files = std::fs::read_dir(&folder).unwrap().count();
        std::fs::remove_dir_all(&folder).unwrap();
        (bytes[b"before\n".len()..].to_vec(), n_files)
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        for n in [0, 1, HALF - 1, HALF, HALF + 1, 2 * HALF] {
            let output: Vec<u8> = (0..n).map(|i| (i % 251) as u8).collect();
            let (log, n_files) = log_of(&n.to_string(), &output);
            assert!(log == output && n_files == 1, "{n}");
        }
    }

    #[test]
    fn of_a_longer_one_the_beginning_and_the_end_are_kept_line_by_line() {
        let mut output: String = (0..4_000_000).map(|i| format!("line {i}\n")).collect();
        output += "Traceback (most recent call last):\nValueError: x";
        let (log, n_files) = log_of("long", output.as_bytes());
        let log = String::from_utf8(log).unwrap();
        assert!(log.starts_with("line 0\nline 1\n") && log.ends_with("\nValueError: x"));
        assert!((log.len() as u64) < 2 * HALF + 200 && n_files == 1);
        let (first, rest) = log.split_once(LEFT_OUT).unwrap();
        let (sentence, last) = rest.split_once('\n').unwrap();
        let left_out: usize = sentence.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(first.len() + left_out + last.len(), output.len(), "{sentence}");
        assert!(output.starts_with(first) && first.ends_with('\n'));
        assert!(output.ends_with(last) && last.starts_with("line "));
    }

    #[test]
    fn of_one_without_line_ends_too() {
        let (log, _) = log_of("endless", &vec![b'x'; 3 * HALF as usize]);
        let log = String::from_utf8(log).unwrap();
        let (first, rest) = log.split_once("\n[tuning: 16777216 bytes").unwrap();
        assert_eq!(first.len() as u64, HALF);
        assert_eq!(rest.split_once('\n').unwrap().1.len() as u64, HALF);
    }
}
