//! Why a trial's metrics can't be read, and when that is worth saying.

use std::time::{Duration, Instant};

/// What kind of trouble it is: a label of a metric, and a row in docs/troubleshooting.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody listens at the port.
    ConnectionRefused,
    /// No answer came in time.
    Timeout,
    /// There is no way to the pod, or the connection broke off.
    Unreachable,
    /// It answers with a code that says no.
    HttpStatus,
    /// Its answer is no metrics page.
    NotMetrics,
    /// Its answer is too long.
    TooLong,
    /// The pod has no address of its own.
    HostNetwork,
    /// The Prometheus server tells nothing.
    PrometheusServer,
    /// The API server does not give the log.
    Log,
}

impl Kind {
    /// Every kind's word.
    pub const WORDS: [&str; 9] = [
        "ConnectionRefused",
        "Timeout",
        "Unreachable",
        "HttpStatus",
        "NotMetrics",
        "TooLong",
        "HostNetwork",
        "PrometheusServer",
        "Log",
    ];

    /// One word for it.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

/// Why a trial's metrics can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What kind it is.
    pub kind: Kind,
    /// The same in words, with what to do. It names no address: all trials with the same fault say the same.
    pub sentence: String,
}

/// Failures in a row after which a trouble is said.
const MAX_FAILURES: u32 = 3;
/// How long it is not said, since a program needs time to come up; fewer where questions are asked in quick succession.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_IN_INTERVALS: u32 = 6;

/// Hears of answers and failures, and knows what is to be said of them.
#[derive(Debug)]
pub struct Patience {
    patience: Duration,
    /// When the failures began, and how many there were.
    since: Option<(Instant, u32)>,
    /// The last kind of failure, and how often it came in a row.
    last: Option<(Kind, u32)>,
    said: Option<Trouble>,
}

impl Patience {
    /// With questions that are asked at this interval.
    pub fn new(interval: Duration) -> Self {
        Self {
            patience: PATIENCE.min(interval * PATIENCE_IN_INTERVALS),
            since: None,
            last: None,
            said: None,
        }
    }

    /// Takes note of what became of a question; whether there is something else to be said now.
    pub fn note(&mut self, trouble: Option<&Trouble>) -> bool {
        let Some(trouble) = trouble else {
            (self.since, self.last) = (None, None);
            return self.said.take().is_some();
        };
        let (since, n) = self.since.unwrap_or((Instant::now(), 0));
        self.since = Some((since, n + 1));
        let same = self.last.filter(|(kind, _)| *kind == trouble.kind);
        let n_same = same.map_or(1, |(_, n)| n + 1);
        self.last = Some((trouble.kind, n_same));
        let is_due = match self.said {
            None => n + 1 >= MAX_FAILURES && since.elapsed() >= self.patience,
            // One that comes and goes is not said anew each time.
            Some(_) => n_same >= MAX_FAILURES,
        };
        if !is_due || self.said.as_ref() == Some(trouble) {
            return false;
        }
        self.said = Some(trouble.clone());
        true
    }

    /// What is to be said.
    pub fn said(&self) -> Option<String> {
        self.said.as_ref().map(|trouble| trouble.sentence.clone())
    }
}

/// An error and what caused it: a connection that fails says why only at the end.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut sentences: Vec<String> = causes(error).map(ToString::to_string).collect();
    sentences.dedup();
    sentences.join(": ")
}

/// An error, what caused it, what caused that.
pub fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| e.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(kind: Kind) -> Trouble {
        Trouble {
            kind,
            sentence: kind.word().to_owned(),
        }
    }

    #[test]
    fn a_trouble_is_said_after_a_while_and_not_any_more_once_there_is_an_answer() {
        let (refused, slow) = (trouble(Kind::ConnectionRefused), trouble(Kind::Timeout));
        let mut patience = Patience::new(Duration::ZERO);
        for expected in [false, false, true, false, false] {
            assert_eq!(patience.note(Some(&refused)), expected);
        }
        // Now and then another one: the first is still said.
        for _ in 0..5 {
            assert!(!patience.note(Some(&slow)) && !patience.note(Some(&refused)));
        }
        assert_eq!(patience.said().as_deref(), Some("ConnectionRefused"));
        let all = [0; 3].map(|_| patience.note(Some(&slow)));
        assert_eq!(
            (all, patience.said().as_deref()),
            ([false, false, true], Some("Timeout"))
        );
        assert!(patience.note(None) && !patience.note(None));
        assert_eq!(patience.said(), None);
        assert!(!patience.note(Some(&slow)), "counted anew");
    }

    #[test]
    fn a_program_has_time_to_come_up() {
        let mut patience = Patience::new(Duration::from_secs(5));
        for _ in 0..1000 {
            assert!(!patience.note(Some(&trouble(Kind::ConnectionRefused))));
        }
    }

    #[test]
    fn every_kind_has_its_word() {
        assert_eq!(Kind::ConnectionRefused.word(), "ConnectionRefused");
        assert_eq!(Kind::Log.word(), "Log");
    }
}
