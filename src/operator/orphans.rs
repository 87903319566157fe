//! Trials that an earlier job of the same name has left behind: whose name is taken can't be made.
//!
//! `kubectl delete tuningjob X --cascade=orphan` takes the job off its trials' owners, and from then on nobody removes them. They
//! are not taken in: their values were found under another spec, perhaps, and a person who wants them has `warmStart`.

use crate::api;
use crate::tuning::Job;
use kube::ResourceExt;
use kube::api::DynamicObject;

/// Most that are named.
const MAX_NAMED: usize = 5;

/// Whether a trial that is not this job's stays where it is, under a name that this job needs.
pub fn is_in_the_way(trial: &DynamicObject, job: &Job) -> bool {
    let number = trial.data.pointer("/spec/index").and_then(|n| n.as_u64());
    let index = number.and_then(|n| u32::try_from(n).ok());
    // The garbage collector takes what an earlier job still owns.
    let is_collected = trial.owner_references().iter().any(|o| o.kind == api::KIND);
    index.is_some_and(|index| job.trial_name(index) == trial.name_any())
        && trial.metadata.deletion_timestamp.is_none()
        && !is_collected
}

/// What is in the way, and the cure.
pub fn sentence(namespace: &str, mut names: Vec<String>) -> Option<String> {
    names.sort();
    let what = match names.len() {
        0 => return None,
        1 => "a Trial of an earlier job of this name is in the way: nobody removes it, and this job needs its name".to_owned(),
        n => format!(
            "{n} Trials of an earlier job of this name are in the way: nobody removes them, and this job needs their names"
        ),
    };
    let named = names[..names.len().min(MAX_NAMED)].join(" ");
    let more = match names.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and so on, {more} more"),
    };
    Some(format!(
        "{what}; remove what is not wanted any more (kubectl --namespace {namespace} delete trials {named}{more}), or give the job \
         another name"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_named_up_to_a_point() {
        let names = |n: usize| (1..=n).map(|i| format!("a-{i:04}")).collect::<Vec<_>>();
        assert_eq!(sentence("team", names(0)), None);
        let one = sentence("team", names(1)).unwrap();
        assert!(
            one.contains("(kubectl --namespace team delete trials a-0001), or"),
            "{one}"
        );
        let seven = sentence("team", names(7)).unwrap();
        assert!(seven.starts_with("7 Trials"), "{seven}");
        assert!(
            seven.contains("trials a-0001 a-0002 a-0003 a-0004 a-0005 and so on, 2 more), or"),
            "{seven}"
        );
    }
}
