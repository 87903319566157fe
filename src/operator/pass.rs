//! A job in the middle of a pass: what was read, and what is to be written.

use super::conditions;
use super::context::Context;
use super::orphans;
use super::record::{Record, is_new, is_turned_away};
use super::stores::Owner;
use super::waiting::Trouble;
use crate::api::{Checked, TuningJobStatus};
use crate::tuning::Snapshot;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::DynamicObject;

/// A job in the middle of a pass.
pub struct Pass<'a> {
    pub ctx: &'a Context,
    pub owner: Owner,
    pub object: DynamicObject,
    pub checked: Checked,
    pub status: TuningJobStatus,
    pub written: TuningJobStatus,
    pub records: Vec<Record>,
    /// Something has to happen elsewhere first: look again soon.
    pub look_again: bool,
    /// What the API server will not have.
    pub refused: Option<Trouble>,
}

impl Pass<'_> {
    /// Reads the job's trials; the answer names one that can't be read, and has those that people have made since.
    pub fn load(
        &mut self,
        objects: impl Iterator<Item = DynamicObject>,
    ) -> (Option<String>, Vec<DynamicObject>) {
        let uid = self.object.uid();
        let (mut unreadable, mut newcomers, mut obstacles) = (None, Vec::new(), Vec::new());
        for object in objects {
            if is_new(&object) {
                newcomers.push(object);
                continue;
            }
            let owners = object.owner_references();
            if is_turned_away(&object) {
                continue;
            }
            if !owners.iter().any(|o| Some(&o.uid) == uid.as_ref()) {
                // Of an earlier job with this name: on its way out, unless nobody takes it there.
                match orphans::is_in_the_way(&object, &self.checked.job) {
                    true => obstacles.push(object.name_any()),
                    false => self.look_again = true,
                }
                continue;
            }
            match Record::parse(&object) {
                Ok(record) if record.trial(&self.checked.job.space).is_some() => self.records.push(record),
                Ok(record) => {
                    unreadable = Some(format!(
                        "{}: its point is not one of spec.parameters",
                        record.name()
                    ))
                }
                Err(why) => unreadable = Some(format!("Trial {} can't be read ({why})", object.name_any())),
            }
        }
        self.records.sort_by_key(|r| r.index);
        let in_the_way = orphans::sentence(&self.owner.0, obstacles);
        (unreadable.or(in_the_way), newcomers)
    }

    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let job = self.checked.job.clone();
        let trials = self.records.iter().filter_map(|r| r.trial(&job.space)).collect();
        let before = SignedDuration::try_from_secs_f64(self.status.active_seconds).unwrap_or_default();
        let since = self
            .status
            .active_since
            .map_or(SignedDuration::ZERO, |s| now.duration_since(s));
        Snapshot {
            job,
            trials,
            active: before + since,
            ended: conditions::recorded_end(&self.status),
            resumed: self.status.resumed_time,
        }
    }
}
