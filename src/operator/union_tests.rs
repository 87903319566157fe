//! Unit tests of `union`.

use super::*;
use crate::operator::cluster::job_resource;
use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use proptest::prelude::*;

/// What happens to a namespace, and to its watch.
#[derive(Clone, Debug)]
enum Step {
    Appears(usize, usize),
    Goes(usize, usize),
    /// The watch breaks off; whatever happens until it lists everything is told by the list alone.
    Breaks(usize),
    Lists(usize),
    /// A list that breaks off after some of it.
    HalfLists(usize),
}

fn object(owner: &Owner) -> DynamicObject {
    DynamicObject::new(&owner.1, &job_resource()).within(&owner.0)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3usize, 0..4usize).prop_map(|(place, name)| Step::Appears(place, name)),
        3 => (0..3usize, 0..4usize).prop_map(|(place, name)| Step::Goes(place, name)),
        1 => (0..3usize).prop_map(Step::Breaks),
        2 => (0..3usize).prop_map(Step::Lists),
        1 => (0..3usize).prop_map(Step::HalfLists),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn a_copy_has_what_there_is_once_every_watch_has_listed_it(steps in steps()) {
        let mut union = Union::default();
        let mut writer = Writer::new(job_resource());
        let store = writer.as_reader();
        for event in [Event::Init, Event::InitDone] {
            writer.apply_watcher_event(&event);
        }
        let mut truth: BTreeSet<Owner> = BTreeSet::new();
        let mut works = [false; 3];
        let mut take = |place: usize, event: Event<DynamicObject>| {
            for event in union.take(&Some(format!("ns-{place}")), event, object) {
                writer.apply_watcher_event(&event);
            }
        };
        let last = (0..3).map(Step::Lists);
        for step in steps.into_iter().chain(last) {
            match step {
                Step::Appears(place, name) => {
                    let owner = (format!("ns-{place}"), format!("job-{name}"));
                    truth.insert(owner.clone());
                    if works[place] {
                        take(place, Event::Apply(object(&owner)));
                    }
                }
                Step::Goes(place, name) => {
                    let owner = (format!("ns-{place}"), format!("job-{name}"));
                    if truth.remove(&owner) && works[place] {
                        take(place, Event::Delete(object(&owner)));
                    }
                }
                Step::Breaks(place) => works[place] = false,
                Step::Lists(place) | Step::HalfLists(place) => {
                    let all: Vec<Owner> = truth.iter().filter(|o| o.0 == format!("ns-{place}")).cloned().collect();
                    works[place] = matches!(step, Step::Lists(_));
                    take(place, Event::Init);
                    let n = if works[place] { all.len() } else { all.len() / 2 };
                    for owner in &all[..n] {
                        take(place, Event::InitApply(object(owner)));
                    }
                    if works[place] {
                        take(place, Event::InitDone);
                    }
                }
            }
        }
        let copy: BTreeSet<Owner> =
            store.state().iter().map(|o| (o.namespace().unwrap(), o.name_any())).collect();
        prop_assert_eq!(copy, truth);
    }
}
