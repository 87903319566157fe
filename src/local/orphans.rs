//! What a trial started and left behind: programs that made themselves independent of it, such as by `setsid` or `nohup`.
//!
//! They have left the trial's process group, so a signal to the group does not reach them. But the runner takes the orphans of
//! its descendants for its own children (a "subreaper", on Linux), and the environment that a program was started with tells
//! whose it is: the trial's own folder stands in it.
//!
//! What can't be caught: what another service starts on a trial's behalf (`docker run`, `systemd-run`, `at`), programs of
//! another user, and, as long as other trials run, one that has overwritten or was not given its environment. Nor is any of
//! this known outside of Linux.

use std::collections::BTreeSet;
use std::path::Path;

/// The children that the runner has no hand in: those that it was started with.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    strangers: BTreeSet<i32>,
}

#[cfg(not(target_os = "linux"))]
impl Orphans {
    /// There is no such thing here.
    pub fn adopt() -> Self {
        Self::default()
    }

    /// Nothing is known of them here.
    pub fn end(&self, _folder: &Path, _leaders: &BTreeSet<i32>) {
        let _ = &self.strangers;
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_leftovers(_folder: &Path) {}

#[cfg(target_os = "linux")]
pub(super) use linux::end_leftovers;

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};
    use std::os::unix::ffi::OsStrExt;
    use std::time::{Duration, Instant};

    /// How long it is looked whether they are gone: what hangs in the kernel does not hold up the run.
    const PATIENCE: Duration = Duration::from_secs(1);

    impl Orphans {
        /// From now on, what descendants leave behind becomes a child of this process.
        pub fn adopt() -> Self {
            let own = getpid();
            let _ = set_child_subreaper(Some(own));
            Self {
                strangers: children().collect(),
            }
        }

        /// Ends by force what the trial with this folder has left; `leaders` are the trials' own processes. Once no other trial
        /// runs, whatever else was adopted goes too.
        pub fn end(&self, folder: &Path, leaders: &BTreeSet<i32>) {
            let is_last = leaders.is_empty() && getpid().as_raw_nonzero().get() != 1;
            let left = || -> BTreeSet<i32> {
                let adopted = children().filter(|pid| is_last && !self.strangers.contains(pid));
                let left = marked(folder).chain(adopted);
                left.filter(|pid| !leaders.contains(pid)).collect()
            };
            end(left);
        }
    }

    /// Ends by force what a runner that was killed has left of the trial with this folder.
    pub fn end_leftovers(folder: &Path) {
        end(|| marked(folder).collect());
    }

    /// Ends what `left` finds, until it finds nothing more: whoever is killed may have had a child, and whoever was looked at may
    /// have just started one.
    fn end(left: impl Fn() -> BTreeSet<i32>) {
        let begin = Instant::now();
        let mut dying = BTreeSet::new();
        while begin.elapsed() < PATIENCE {
            let found = left();
            for pid in found.iter().filter_map(|pid| Pid::from_raw(*pid)) {
                let _ = kill_process(pid, Signal::KILL);
            }
            dying.extend(&found);
            dying.retain(|pid| is_there(*pid, &found));
            if found.is_empty() && dying.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A child that has ended stays until it is asked how it ended; of another's child only its absence is seen.
    fn is_there(pid: i32, found: &BTreeSet<i32>) -> bool {
        match Pid::from_raw(pid).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG)) {
            Some(Ok(ended)) => ended.is_none(),
            Some(Err(_)) | None => found.contains(&pid),
        }
    }

    fn processes() -> impl Iterator<Item = i32> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    /// Processes that were started with this folder for their output, and still run.
    fn marked(folder: &Path) -> impl Iterator<Item = i32> {
        let mut mark = format!("{}=", crate::contract::variables::OUTPUT_DIR).into_bytes();
        mark.extend_from_slice(folder.as_os_str().as_bytes());
        processes().filter(move |pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark)
        })
    }

    fn children() -> impl Iterator<Item = i32> {
        let own = getpid().as_raw_nonzero().get();
        processes().filter(move |pid| parent_of(*pid) == Some(own))
    }

    /// The second field behind the name, which stands in brackets and may hold anything.
    fn parent_of(pid: i32) -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        fields.split_whitespace().nth(1)?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_process_knows_its_parent() {
            let own = getpid().as_raw_nonzero().get();
            assert_eq!(
                parent_of(own),
                std::os::unix::process::parent_id().try_into().ok()
            );
            assert_eq!(parent_of(-1), None);
        }

        #[test]
        fn what_runs_with_a_trials_folder_in_its_environment_is_ended() {
            let folder = std::env::temp_dir().join(format!("tuning-orphan-{}", std::process::id()));
            let start = |folder: &Path| {
                let mut command = std::process::Command::new("sleep");
                command
                    .arg("60")
                    .env(crate::contract::variables::OUTPUT_DIR, folder);
                command.spawn().unwrap()
            };
            let (mut left, mut other) = (start(&folder), start(&folder.join("other")));
            // The kernel shows an environment a moment after the program was started with it.
            let begin = Instant::now();
            while marked(&folder).next().is_none() && begin.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(1));
            }
            end_leftovers(&folder);
            assert!(marked(&folder).next().is_none());
            assert!(other.try_wait().unwrap().is_none());
            other.kill().unwrap();
            other.wait().unwrap();
            let _ = left.wait();
        }
    }
}
