//! What is told of attempts while they run, and how it comes to the loop.
//!
//! The way is of bounded length: whoever tells more than the loop can take waits, and in the end the program that prints does.
//! So neither its lines nor the end of its output can pile up before a signal, or its own end, is seen.

use super::logs::LogNews;
use crate::metrics::TrialReading;
use crate::tuning::Exit;
use tokio::sync::mpsc;

/// News that may wait for the loop.
pub(super) const WAITING: usize = 64;

/// Something about one attempt.
pub(super) struct News {
    pub trial: u32,
    pub attempt: u32,
    pub what: AttemptNews,
}

/// What it is.
pub(super) enum AttemptNews {
    Exited(Exit),
    Log(LogNews),
    Reading(TrialReading),
    /// The endpoint could not be read; the sentence says why.
    Unread(String),
}

/// Tells of one attempt. Once the loop has ended, nobody hears it, and that is no fault.
#[derive(Clone)]
pub(super) struct Teller {
    pub news: mpsc::Sender<News>,
    pub trial: u32,
    pub attempt: u32,
}

impl Teller {
    fn about(&self, what: AttemptNews) -> News {
        News {
            trial: self.trial,
            attempt: self.attempt,
            what,
        }
    }

    /// Tells it from a task.
    pub async fn tell(&self, what: AttemptNews) {
        let _ = self.news.send(self.about(what)).await;
    }

    /// Tells it from a thread of its own.
    pub fn tell_blocking(&self, what: AttemptNews) {
        let _ = self.news.blocking_send(self.about(what));
    }
}
