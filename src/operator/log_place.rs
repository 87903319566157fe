//! Where in a pod's log one is: takes the times off the lines, and finds the place again after a broken connection. Pure.
//!
//! With `timestamps=true` the kubelet writes a time and a space before each line of the log, and nothing before the parts
//! into which a container runtime cuts a longer line. It can be asked for the lines since a second, not for those since a
//! byte, and several lines may bear one time; so what had arrived by then is counted and left out when it comes again.
//!
//! Source: kubelet, k8s.io/cri-client/pkg/logs/logs.go.

use jiff::{SignedDuration, Timestamp};

/// A time is shorter, in bytes: `2006-01-02T15:04:05.000000000+07:00`.
const MAX_TIME: usize = 64;

/// What writes to stdout and to stderr may overtake one another by less than this.
const DISORDER: SignedDuration = SignedDuration::from_secs(1);

/// A part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What the pod has printed next.
    Text(&'a [u8]),
    /// Something was printed here that is not to be had any more.
    Loss,
}

/// How far a log was read.
#[derive(Clone, Debug, Default)]
pub struct LogPlace {
    /// The latest time of a line.
    latest: Option<Timestamp>,
    /// How many lines began since the first one of that time, with it.
    n_lines: u64,
    /// How many bytes of the last of these lines were read, and whether its end was.
    n_bytes: u64,
    is_whole: bool,
    state: State,
    /// While what was read before comes again: how many of the lines have come.
    again: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    /// In the time before a line.
    Time(Vec<u8>),
    /// In a line, of which so many bytes are known already.
    Text(u64),
    /// In a line that is known already, or that is none of the log's.
    Skipped,
}

impl Default for State {
    fn default() -> Self {
        Self::Time(Vec::new())
    }
}

impl LogPlace {
    /// The second from which on the log is to be asked for; `None`: from its beginning.
    pub fn since(&self) -> Option<i64> {
        let earliest = self.latest?.checked_sub(DISORDER).ok()?;
        // Down, in any case: the kubelet leaves out what is earlier.
        Some(earliest.as_nanosecond().div_euclid(1_000_000_000) as i64)
    }

    /// A connection begins, for the log since [`Self::since`].
    pub fn connect(&mut self) {
        self.state = State::default();
        self.again = self.latest.map(|_| 0);
    }

    /// Whether the last line that came has its end, or none came.
    pub fn is_between_lines(&self) -> bool {
        matches!(&self.state, State::Time(time) if time.is_empty())
    }

    /// Whether all that was read before has come again over this connection: an answer that ends earlier has broken off, or the log
    /// is not to be had any more.
    pub fn has_caught_up(&self) -> bool {
        let is_in_a_known_line = matches!(self.state, State::Text(known) if known > 0);
        self.again.is_none_or(|n| n >= self.n_lines) && !is_in_a_known_line
    }

    /// Takes what arrives next; what is new goes to `take`.
    pub fn feed(&mut self, mut piece: &[u8], mut take: impl FnMut(Part)) {
        while !piece.is_empty() {
            let n = match &mut self.state {
                State::Time(time) => {
                    let end = piece.iter().position(|byte| matches!(byte, b' ' | b'\n'));
                    let n = end.unwrap_or(piece.len());
                    time.extend_from_slice(&piece[..n.min(MAX_TIME)]);
                    let is_over = time.len() > MAX_TIME || piece.get(n) == Some(&b'\n');
                    match (is_over, end) {
                        // A text without a time is the kubelet's own: that it has no log, for one. What is left is its end.
                        (true, _) => self.state = State::Skipped,
                        (false, Some(_)) => self.begin_line(&mut take),
                        (false, None) => {}
                    }
                    n + usize::from(end.is_some_and(|end| piece[end] == b' '))
                }
                State::Text(known) => {
                    let end = piece.iter().position(|byte| *byte == b'\n');
                    let n = end.map_or(piece.len(), |end| end + 1);
                    let old = usize::try_from(*known).unwrap_or(usize::MAX).min(n);
                    *known -= old as u64;
                    let is_shorter = *known > 0 && end.is_some();
                    if n > old {
                        self.again = None;
                        self.n_bytes += (n - old) as u64;
                        self.is_whole = end.is_some();
                        take(Part::Text(&piece[old..n]));
                    }
                    if is_shorter {
                        self.lose(&mut take);
                    }
                    if end.is_some() {
                        self.state = State::default();
                    }
                    n
                }
                State::Skipped => {
                    let end = piece.iter().position(|byte| *byte == b'\n');
                    if end.is_some() {
                        self.state = State::default();
                    }
                    end.map_or(piece.len(), |end| end + 1)
                }
            };
            piece = &piece[n..];
        }
    }

    fn begin_line(&mut self, take: &mut impl FnMut(Part)) {
        let State::Time(time) = &self.state else { return };
        let time = std::str::from_utf8(time).ok().and_then(|text| text.parse().ok());
        let Some(time) = time else {
            self.state = State::Skipped;
            return;
        };
        self.state = match (self.again, self.latest) {
            (Some(_), Some(latest)) if time > latest => {
                self.lose(take);
                self.count(time)
            }
            (Some(0), Some(latest)) if time < latest => State::Skipped,
            (Some(n), _) if n + 1 < self.n_lines => {
                self.again = Some(n + 1);
                State::Skipped
            }
            (Some(n), _) if n + 1 == self.n_lines => {
                self.again = Some(n + 1);
                State::Text(self.n_bytes)
            }
            _ => self.count(time),
        };
    }

    /// A line begins that was not read before.
    fn count(&mut self, time: Timestamp) -> State {
        self.again = None;
        let is_in_order = self.latest.is_some_and(|latest| {
            // Earlier by more: the node's clock was set back, and goes on from there.
            time <= latest && latest.duration_since(time) <= DISORDER
        });
        if is_in_order {
            self.n_lines += 1;
        } else {
            (self.latest, self.n_lines) = (Some(time), 1);
        }
        (self.n_bytes, self.is_whole) = (0, false);
        State::Text(0)
    }

    /// The line that was being read does not come again.
    fn lose(&mut self, take: &mut impl FnMut(Part)) {
        self.again = None;
        if !self.is_whole {
            self.is_whole = true;
            take(Part::Loss);
        }
    }
}

#[cfg(test)]
#[path = "log_place_tests.rs"]
mod tests;
