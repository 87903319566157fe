//! Unit tests of `listed`.

use super::*;
use crate::operator::cluster::job_resource;
use crate::operator::telemetry::Telemetry;
use futures::{FutureExt, StreamExt};
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;

struct Seen {
    listed: Listed,
    wake: Wake,
    writer: Writer<DynamicObject>,
}

fn seen(scope: &str) -> Seen {
    let writer = Writer::new(job_resource());
    let wake = Wake::new(Telemetry::new().unwrap());
    let listed = Listed::new(&Scope::from_annotation(scope), writer.as_reader(), wake.clone());
    Seen { listed, wake, writer }
}

impl Seen {
    fn has_job(&mut self, namespace: &str, name: &str) {
        let job = DynamicObject::new(name, &job_resource()).within(namespace);
        self.writer.apply_watcher_event(&Event::Apply(job));
    }

    fn lists(&self, place: &str) {
        let place = (!place.is_empty()).then(|| place.to_owned());
        for kind in CHILDREN.into_iter().chain([JOBS]) {
            assert!(
                !self.listed.knows(place.as_deref().unwrap_or("any")),
                "{kind} is not listed"
            );
            self.listed.done(kind, &place);
        }
    }
}

#[test]
fn a_namespace_that_cannot_be_listed_keeps_no_other_waiting() {
    let mut seen = seen("a,b");
    seen.has_job("a", "one");
    seen.has_job("b", "two");
    let mut woken = seen.wake.stream();
    assert!(
        seen.listed.begin().now_or_never().is_none(),
        "nothing is known yet"
    );
    seen.lists("b");
    assert!(seen.listed.begin().now_or_never().is_some());
    assert!(seen.listed.knows("b") && !seen.listed.knows("a") && !seen.listed.knows("c"));
    assert_eq!(
        woken.next().now_or_never().flatten(),
        Some(("b".into(), "two".into()))
    );
    assert_eq!(
        woken.next().now_or_never(),
        None,
        "the other is looked at blindly"
    );
    let said = seen.listed.complaint().unwrap();
    assert_eq!(
        said,
        "not everything is listed yet of namespace a (Jobs, Pods, Trials, TuningJobs)"
    );
    seen.lists("a");
    assert_eq!(
        woken.next().now_or_never().flatten(),
        Some(("a".into(), "one".into()))
    );
    assert_eq!(seen.listed.complaint(), None);
}

#[test]
fn who_stands_by_is_ready_without_a_list_of_jobs() {
    let seen = seen("");
    for kind in CHILDREN {
        assert_eq!(
            seen.listed.complaint().as_deref(),
            Some("not everything is listed yet")
        );
        seen.listed.done(kind, &None);
    }
    assert_eq!(seen.listed.complaint(), None);
    assert!(seen.listed.begin().now_or_never().is_some());
    assert!(!seen.listed.knows("any"), "but decides nothing");
    seen.listed.done(JOBS, &None);
    assert!(seen.listed.knows("any"));
}
