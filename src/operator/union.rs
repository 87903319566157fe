//! The watches of several namespaces as one, for who keeps a single copy of all. Pure.
//!
//! A watch that begins anew lists everything in its namespace, and says so between `Init` and `InitDone`; whoever took that for the
//! list of all namespaces would forget the others'. Here such a list becomes a change of each object in it, and the end of each that is
//! not in it any more.

use super::scope::Place;
use super::stores::Owner;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the objects of several watches.
#[derive(Default)]
pub struct Union {
    known: BTreeMap<Place, BTreeSet<Owner>>,
    /// What a list that is being read has told so far.
    listed: BTreeMap<Place, BTreeSet<Owner>>,
}

impl Union {
    /// What an event of one watch is for all of them; `gone` makes an object of the name of one that is no more.
    pub fn take<K: ResourceExt>(
        &mut self,
        place: &Place,
        event: Event<K>,
        gone: impl Fn(&Owner) -> K,
    ) -> Vec<Event<K>> {
        let known = self.known.entry(place.clone()).or_default();
        let listed = self.listed.entry(place.clone()).or_default();
        let owner = |object: &K| (object.namespace().unwrap_or_default(), object.name_any());
        match event {
            Event::Init => {
                listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                listed.insert(owner(&object));
                known.insert(owner(&object));
                vec![Event::Apply(object)]
            }
            Event::InitDone => {
                let listed = std::mem::take(listed);
                let lost: Vec<Owner> = known.difference(&listed).cloned().collect();
                *known = listed;
                lost.iter().map(|owner| Event::Delete(gone(owner))).collect()
            }
            Event::Apply(object) => {
                known.insert(owner(&object));
                vec![Event::Apply(object)]
            }
            Event::Delete(object) => {
                known.remove(&owner(&object));
                vec![Event::Delete(object)]
            }
        }
    }
}

#[cfg(test)]
#[path = "union_tests.rs"]
mod tests;
