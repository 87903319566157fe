//! Whether the watches work: without them the operator is blind, and nothing else would say so.

use super::telemetry::Telemetry;
use super::trouble::chain;
use crate::shell::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long after an error a watch counts as well again where it is silent: it is tried again at least that often.
const STREAK: Duration = Duration::from_secs(90);
/// How long a watch may fail before the operator counts as not ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// The watches, by the kind that they watch.
pub struct Health {
    telemetry: Telemetry,
    watches: Mutex<BTreeMap<&'static str, Watch>>,
}

#[derive(Default)]
struct Watch {
    /// The first and the last error of those that came one after the other, and what the last one said.
    fails: Option<(Instant, Instant, String)>,
    has_ended: bool,
}

impl Health {
    /// Nothing is known yet.
    pub fn new(telemetry: Telemetry) -> Self {
        Self {
            telemetry,
            watches: Mutex::default(),
        }
    }

    /// A watch is kept up until the answer is dropped.
    pub fn watches(self: &Arc<Self>, kind: &'static str) -> Kept {
        self.watch(kind, |watch| watch.has_ended = false);
        Kept(self.clone(), kind)
    }

    /// A watch has told something, or that it can't.
    pub fn saw<T, E: std::error::Error + 'static>(&self, kind: &'static str, event: &Result<T, E>) {
        let now = Instant::now();
        match event {
            Ok(_) => self.watch(kind, |watch| watch.fails = None),
            Err(error) => {
                let why = chain(error);
                tracing::warn!(kind, error = why, "a watch was interrupted");
                self.failed(kind, why, now);
            }
        }
    }

    fn failed(&self, kind: &'static str, why: String, now: Instant) {
        self.watch(kind, |watch| {
            let goes_on = |(_, last, _): &&(Instant, Instant, String)| now.duration_since(*last) < STREAK;
            let first = watch
                .fails
                .as_ref()
                .filter(goes_on)
                .map_or(now, |(first, ..)| *first);
            watch.fails = Some((first, now, why));
        });
    }

    /// Why the operator should not count as ready, in a sentence.
    pub fn complaint(&self, now: Instant) -> Option<String> {
        let watches = self.lock();
        let said: Vec<String> = watches
            .iter()
            .filter_map(|(kind, watch)| watch.complaint(kind, now))
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Which watch has ended for good: only a new start mends that.
    pub fn ended(&self) -> Option<&'static str> {
        let watches = self.lock();
        watches.iter().find(|(_, w)| w.has_ended).map(|(kind, _)| *kind)
    }

    /// Notes for the metrics which watches work.
    pub fn count(&self, now: Instant) {
        for (kind, watch) in self.lock().iter() {
            self.telemetry.watches(kind, watch.complaint(kind, now).is_none());
        }
    }

    fn watch(&self, kind: &'static str, change: impl FnOnce(&mut Watch)) {
        change(self.lock().entry(kind).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Watch>> {
        lock(&self.watches)
    }
}

impl Watch {
    fn complaint(&self, kind: &str, now: Instant) -> Option<String> {
        if self.has_ended {
            return Some(format!("the watch of {kind}s has ended"));
        }
        let (first, last, why) = self.fails.as_ref()?;
        let since = now.duration_since(*first);
        let fails = now.duration_since(*last) < STREAK && since >= PATIENCE;
        fails.then(|| format!("the watch of {kind}s has failed for {} s: {why}", since.as_secs()))
    }
}

/// A watch that is kept up.
pub struct Kept(Arc<Health>, &'static str);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.watch(self.1, |watch| watch.has_ended = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_fails_for_long_is_complained_of_until_it_tells_something_or_fails_no_more() {
        let (health, begin) = (Health::new(Telemetry::new().unwrap()), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for seconds in [0, 30, 59] {
            health.failed("TuningJob", "forbidden".into(), at(seconds));
            assert_eq!(health.complaint(at(seconds)), None);
        }
        health.failed("TuningJob", "forbidden".into(), at(80));
        let said = health.complaint(at(90)).unwrap();
        assert_eq!(said, "the watch of TuningJobs has failed for 90 s: forbidden");
        assert_eq!(
            health.complaint(at(80) + STREAK),
            None,
            "silent, and so well again"
        );
        health.failed("TuningJob", "forbidden".into(), at(120));
        health.saw::<(), std::io::Error>("TuningJob", &Ok(()));
        assert_eq!(health.complaint(at(200)), None);
    }

    #[test]
    fn a_watch_that_has_ended_is_not_well_for_good() {
        let health = Arc::new(Health::new(Telemetry::new().unwrap()));
        let kept = health.watches("Pod");
        assert_eq!(health.ended(), None);
        drop(kept);
        assert_eq!(health.ended(), Some("Pod"));
        assert!(health.complaint(Instant::now()).is_some());
    }
}
