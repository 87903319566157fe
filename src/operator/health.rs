//! Whether the watches work: without them the operator is blind, and nothing else would say so.

use super::scope::Place;
use super::telemetry::Telemetry;
use super::trouble::chain;
use crate::shell::lock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long after an error a watch counts as well again where it is silent: it is tried again at least that often.
const STREAK: Duration = Duration::from_secs(90);
/// How long a watch may fail before the operator counts as not ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// The watches, by what they watch.
pub struct Health {
    telemetry: Telemetry,
    watches: Mutex<BTreeMap<Watched, Watch>>,
}

/// What one watch is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watched {
    /// Which kind.
    pub kind: &'static str,
    /// And where.
    pub place: Place,
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the watch of {}s", self.kind)?;
        match &self.place {
            None => Ok(()),
            Some(namespace) => write!(f, " in namespace {namespace}"),
        }
    }
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
    pub fn watches(self: &Arc<Self>, watched: &Watched) -> Kept {
        self.watch(watched, |watch| watch.has_ended = false);
        Kept(self.clone(), watched.clone())
    }

    /// A watch has told something, or that it can't.
    pub fn saw<T, E: std::error::Error + 'static>(&self, watched: &Watched, event: &Result<T, E>) {
        let now = Instant::now();
        match event {
            Ok(_) => self.watch(watched, |watch| watch.fails = None),
            Err(error) => {
                let why = chain(error);
                let Watched { kind, place } = watched;
                tracing::warn!(kind, namespace = place, error = why, "a watch was interrupted");
                self.failed(watched, why, now);
            }
        }
    }

    fn failed(&self, watched: &Watched, why: String, now: Instant) {
        self.watch(watched, |watch| {
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
            .filter_map(|(watched, watch)| watch.complaint(watched, now))
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Which watch has ended for good: only a new start mends that.
    pub fn ended(&self) -> Option<Watched> {
        let watches = self.lock();
        watches
            .iter()
            .find(|(_, w)| w.has_ended)
            .map(|(watched, _)| watched.clone())
    }

    /// Notes for the metrics of which kinds every watch works.
    pub fn count(&self, now: Instant) {
        let mut works = BTreeMap::new();
        for (watched, watch) in self.lock().iter() {
            *works.entry(watched.kind).or_insert(true) &= watch.complaint(watched, now).is_none();
        }
        works
            .into_iter()
            .for_each(|(kind, works)| self.telemetry.watches(kind, works));
    }

    fn watch(&self, watched: &Watched, change: impl FnOnce(&mut Watch)) {
        change(self.lock().entry(watched.clone()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Watched, Watch>> {
        lock(&self.watches)
    }
}

impl Watch {
    fn complaint(&self, watched: &Watched, now: Instant) -> Option<String> {
        if self.has_ended {
            return Some(format!("{watched} has ended"));
        }
        let (first, last, why) = self.fails.as_ref()?;
        let since = now.duration_since(*first);
        let fails = now.duration_since(*last) < STREAK && since >= PATIENCE;
        fails.then(|| format!("{watched} has failed for {} s: {why}", since.as_secs()))
    }
}

/// A watch that is kept up.
pub struct Kept(Arc<Health>, Watched);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.watch(&self.1, |watch| watch.has_ended = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(kind: &'static str) -> Watched {
        Watched { kind, place: None }
    }

    #[test]
    fn a_watch_that_fails_for_long_is_complained_of_until_it_tells_something_or_fails_no_more() {
        let (health, begin) = (Health::new(Telemetry::new().unwrap()), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for seconds in [0, 30, 59] {
            health.failed(&watched("TuningJob"), "forbidden".into(), at(seconds));
            assert_eq!(health.complaint(at(seconds)), None);
        }
        health.failed(&watched("TuningJob"), "forbidden".into(), at(80));
        let said = health.complaint(at(90)).unwrap();
        assert_eq!(said, "the watch of TuningJobs has failed for 90 s: forbidden");
        assert_eq!(
            health.complaint(at(80) + STREAK),
            None,
            "silent, and so well again"
        );
        health.failed(&watched("TuningJob"), "forbidden".into(), at(120));
        health.saw::<(), std::io::Error>(&watched("TuningJob"), &Ok(()));
        assert_eq!(health.complaint(at(200)), None);
    }

    #[test]
    fn a_watch_that_has_ended_is_not_well_for_good() {
        let health = Arc::new(Health::new(Telemetry::new().unwrap()));
        let kept = health.watches(&watched("Pod"));
        assert_eq!(health.ended(), None);
        drop(kept);
        assert_eq!(health.ended(), Some(watched("Pod")));
        assert!(health.complaint(Instant::now()).is_some());
    }

    #[test]
    fn one_namespace_that_cannot_be_watched_is_named_and_its_kind_is_down() {
        let telemetry = Telemetry::new().unwrap();
        let (health, begin) = (Health::new(telemetry.clone()), Instant::now());
        let of = |namespace: &str| Watched {
            kind: "Pod",
            place: Some(namespace.into()),
        };
        for seconds in [0, 70] {
            let at = begin + Duration::from_secs(seconds);
            health.failed(&of("a"), "forbidden".into(), at);
            health.saw::<(), std::io::Error>(&of("b"), &Ok(()));
        }
        let at = begin + Duration::from_secs(80);
        let said = health.complaint(at).unwrap();
        assert_eq!(
            said,
            "the watch of Pods in namespace a has failed for 80 s: forbidden"
        );
        health.count(at);
        assert!(
            telemetry
                .page()
                .contains("tuning_operator_watch_up{kind=\"Pod\"} 0")
        );
    }
}
