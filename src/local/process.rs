//! Child processes: each the leader of its own group, stopped politely first.

use super::command::Launch;
use crate::tuning::Exit;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use std::io::{self, PipeReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Time between the request to stop and the end by force.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// Starts a program; both its outputs go into the one pipe that is returned.
pub(super) fn spawn(launch: &Launch) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .envs(&launch.env)
        .current_dir(&launch.folder)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only two system calls are made; neither allocates nor takes a lock.
    unsafe {
        let parent = rustix::process::getpid();
        command.pre_exec(move || {
            // A trial must not outlive its runner, not even one that was killed by force.
            rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
            if rustix::process::getppid() != Some(parent) {
                return Err(io::Error::other("the runner is gone"));
            }
            Ok(())
        });
    }
    command.spawn().map(|child| (child, reader))
}

/// Why a program can't be started.
pub(super) fn why_not_started(launch: &Launch, fault: &io::Error) -> String {
    let program = launch.program.display();
    // The system only says that there is no such file, and means the interpreter.
    let interpreter = std::fs::read(launch.folder.join(&launch.program))
        .ok()
        .and_then(|script| {
            Some(
                script
                    .strip_prefix(b"#!")?
                    .split(|byte| *byte == b'\n')
                    .next()?
                    .to_vec(),
            )
        })
        .filter(|_| fault.kind() == io::ErrorKind::NotFound);
    match interpreter.as_deref() {
        Some([line @ .., b'\r']) => format!(
            "{program}: can't be started: its first line names {} with a carriage return behind it; save the file with line ends of \
             Unix (LF instead of CR LF)",
            String::from_utf8_lossy(line).trim()
        ),
        Some(line) => format!(
            "{program}: can't be started: its first line names {}, which is not there",
            String::from_utf8_lossy(line).trim()
        ),
        None => format!("{program}: can't be started: {fault}"),
    }
}

/// How a process ended.
pub(super) fn exit_of(status: io::Result<ExitStatus>) -> Exit {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Code(-1),
        },
        Err(_) => Exit::Code(-1),
    }
}

/// Asks a whole group to stop.
pub(super) fn terminate(pid: u32) {
    signal_group(pid, Signal::TERM);
}

/// Ends a whole group by force.
pub(super) fn kill(pid: u32) {
    signal_group(pid, Signal::KILL);
}

fn signal_group(pid: u32, signal: Signal) {
    if let Some(pid) = group(pid) {
        // A group that is gone already is what was wanted.
        let _ = kill_process_group(pid, signal);
    }
}

/// Group 0 would be the runner's own, group 1 the system's.
fn group(pid: u32) -> Option<Pid> {
    i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 1)
        .and_then(Pid::from_raw)
}

/// Ends what an earlier runner left behind, if that process is still a trial of this name.
///
/// The name in its environment tells it from a stranger that was given the same number since.
pub(super) fn end_leftover(pid: u32, trial_name: &str) {
    let is_ours = || leftover_is(pid, trial_name);
    if !is_ours() {
        return;
    }
    terminate(pid);
    let deadline = Instant::now() + GRACE;
    while is_ours() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    if is_ours() {
        kill(pid);
    }
}

#[cfg(target_os = "linux")]
fn leftover_is(pid: u32, trial_name: &str) -> bool {
    let wanted = format!("{}={trial_name}", crate::contract::variables::TRIAL);
    let alive = group(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    alive
        && std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|env| env.split(|b| *b == 0).any(|entry| entry == wanted.as_bytes()))
}

/// Elsewhere there is no sure way to tell, and a stranger must not be stopped.
#[cfg(not(target_os = "linux"))]
fn leftover_is(pid: u32, _: &str) -> bool {
    let _ = (pid, test_kill_process);
    false
}
