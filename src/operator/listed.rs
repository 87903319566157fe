//! What was listed in full: whatever were decided on a job before would be decided half blind.
//!
//! Each namespace counts for itself, so that one that can't be listed, as its role is gone, keeps no other waiting.

use super::scope::{Place, Scope};
use super::stores::Owner;
use super::wake::Wake;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// The kind whose list is read only by who works.
pub const JOBS: &str = "TuningJob";
/// The kinds of which TuningJobs have their trials.
pub const CHILDREN: [&str; 3] = ["Trial", "Job", "Pod"];

/// What was listed in full.
pub struct Listed {
    /// Kinds of which the list is not read yet, by where they are.
    missing: watch::Sender<BTreeMap<Place, BTreeSet<&'static str>>>,
    jobs: Store<DynamicObject>,
    wake: Wake,
}

impl Listed {
    /// Nothing yet.
    pub fn new(scope: &Scope, jobs: Store<DynamicObject>, wake: Wake) -> Self {
        let all: BTreeSet<&str> = CHILDREN.into_iter().chain([JOBS]).collect();
        let missing = scope.places().into_iter().map(|place| (place, all.clone()));
        Self {
            missing: watch::Sender::new(missing.collect()),
            jobs,
            wake,
        }
    }

    /// A list was read to its end. With the last of a namespace, its jobs are looked at.
    pub fn done(&self, kind: &'static str, place: &Place) {
        let mut is_last = false;
        self.missing.send_modify(|all| {
            if let Some(missing) = all.get_mut(place) {
                is_last = missing.remove(kind) && missing.is_empty();
            }
        });
        if !is_last {
            return;
        }
        for job in self.jobs.state() {
            let owner: Owner = (job.namespace().unwrap_or_default(), job.name_any());
            if place.as_ref().is_none_or(|namespace| *namespace == owner.0) {
                self.wake.job(&owner);
            }
        }
    }

    /// Whether everything of a namespace is known.
    pub fn knows(&self, namespace: &str) -> bool {
        let all = self.missing.borrow();
        let of = |place: &Place| all.get(place).is_some_and(BTreeSet::is_empty);
        of(&None) || of(&Some(namespace.to_owned()))
    }

    /// Done once there is a namespace of which the jobs' trials are known.
    pub async fn begin(&self) {
        let mut changes = self.missing.subscribe();
        // The sender goes with whoever waits.
        let _ = changes.wait_for(|all| all.values().any(has_children)).await;
    }

    /// What is not listed yet, in a sentence. Who stands by does not list the jobs, and misses nothing.
    pub fn complaint(&self) -> Option<String> {
        let all = self.missing.borrow();
        let missing = all.iter().filter(|(_, missing)| !has_children(missing));
        let mut names: Vec<String> = Vec::new();
        for (place, missing) in missing {
            match place {
                None => return Some("not everything is listed yet".into()),
                Some(namespace) => {
                    let kinds: Vec<String> = missing.iter().map(|kind| format!("{kind}s")).collect();
                    names.push(format!("namespace {namespace} ({})", kinds.join(", ")));
                }
            }
        }
        (!names.is_empty()).then(|| format!("not everything is listed yet of {}", names.join(" and ")))
    }
}

fn has_children(missing: &BTreeSet<&'static str>) -> bool {
    CHILDREN.iter().all(|kind| !missing.contains(kind))
}

#[cfg(test)]
#[path = "listed_tests.rs"]
mod tests;
