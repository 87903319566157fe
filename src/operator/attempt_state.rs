//! How does the current attempt at a trial stand, by its Job and pods? Pure.
//!
//! Read against Kubernetes' own controllers: the Job controller makes another pod for one that ended with a DisruptionTarget
//! condition or that it deleted itself for a suspension; every other end of a pod ends the Job, since its `backoffLimit` is 0.

use super::pod_trouble::{failed_helper, trouble};
use super::{ATTEMPT_ANNOTATION, CONTAINER};
use crate::tuning::{AttemptState, Exit, Exited, Interruption, Run};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

/// What is said of a Job that its queue does not admit.
const SUSPENDED: &str = "its Job is suspended: it waits for its queue to admit it";

/// What an attempt is looked at with.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    /// The pod of the attempt that was seen last.
    pub last_pod: Option<&'a str>,
    /// How long after a pod should have been gone its node counts as lost.
    pub lost_after: SignedDuration,
    /// The time.
    pub now: Timestamp,
}

/// What can be seen of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptView {
    /// How it stands.
    pub state: AttemptState,
    /// The pod that tells so.
    pub pod: Option<SeenPod>,
    /// When to look again, where time alone changes how it stands.
    pub look_again: Option<SignedDuration>,
}

/// A trial's pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenPod {
    /// Its name.
    pub name: String,
    /// Identifies it.
    pub uid: String,
    /// Its address.
    pub ip: Option<String>,
    /// Whether that is its node's, which it shares with others.
    pub is_on_host_network: bool,
    /// Where it runs.
    pub node: Option<String>,
    /// What it left in its termination message.
    pub message: Option<String>,
}

/// A time as the API has it. Kubernetes' types use another version of the library.
pub fn time(time: &Time) -> Timestamp {
    Timestamp::from_nanosecond(time.0.as_nanosecond()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Which attempt a Job is; 0 if it does not say.
pub fn attempt_of(job: &Job) -> u32 {
    let text = job.annotations().get(ATTEMPT_ANNOTATION);
    text.and_then(|t| t.parse().ok()).unwrap_or(0)
}

/// Whether a Job has come to its end.
pub fn has_ended(job: &Job) -> bool {
    end_of(job).is_some()
}

fn end_of(job: &Job) -> Option<&JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    conditions
        .iter()
        .find(|c| c.status == "True" && (c.type_ == "Complete" || c.type_ == "Failed"))
}

/// Whether nothing of a Job is to run for now.
pub fn is_suspended(job: &Job) -> bool {
    job.spec.as_ref().and_then(|s| s.suspend) == Some(true)
}

/// Whether a pod belongs to a Job. Its labels say nothing: anybody may write them.
pub fn belongs(pod: &Pod, job: &Job) -> bool {
    is_controlled_by(pod, job.metadata.uid.as_deref())
}

/// Whether an object was made for the one with this uid.
pub fn is_controlled_by(object: &impl ResourceExt, uid: Option<&str>) -> bool {
    let controller = object
        .owner_references()
        .iter()
        .find(|o| o.controller == Some(true));
    controller.is_some_and(|o| Some(o.uid.as_str()) == uid)
}

/// Whether a pod's container has ended.
pub fn has_exited(pod: &Pod) -> bool {
    container_state(pod).terminated.is_some()
}

/// Whether nothing of a pod runs any more.
pub fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// How long a pod that is to be gone, and is not, stays beyond its time; negative while it still has time.
pub fn overdue(pod: &Pod, now: Timestamp) -> Option<SignedDuration> {
    let gone_by = pod.metadata.deletion_timestamp.as_ref().map(time)?;
    (!is_over(pod)).then(|| now.duration_since(gone_by))
}

/// Reads a Job and the pods that carry its trial's label.
pub fn observe(job: Option<&Job>, pods: &[Pod], lens: &Lens<'_>) -> AttemptView {
    let bare = |state| AttemptView {
        state,
        pod: None,
        look_again: None,
    };
    let Some(job) = job.filter(|j| j.metadata.deletion_timestamp.is_none()) else {
        return bare(AttemptState::Absent);
    };
    let own = pods.iter().filter(|p| belongs(p, job));
    let newest = own.max_by_key(|p| (p.creation_timestamp().map(|t| t.0), p.name_any()));
    let seen = newest.map_or_else(|| bare(waiting(None)), |pod| observe_pod(job, pod, lens));
    let state = match (seen.state, end_of(job)) {
        // It will not be started again by itself.
        (AttemptState::Disrupted { why }, Some(_)) => AttemptState::Lost { why, by_node: false },
        (AttemptState::Waiting { .. } | AttemptState::Running(_), Some(ended)) => {
            let message = ended.message.clone().unwrap_or_default();
            let why = format!("its Job is {}: {message}", ended.type_);
            AttemptState::Unclear { why }
        }
        (
            AttemptState::Waiting {
                needs_help: false, ..
            },
            None,
        ) if is_suspended(job) => waiting(Some((SUSPENDED.into(), false))),
        (state, _) => state,
    };
    AttemptView { state, ..seen }
}

fn waiting(what: Option<(String, bool)>) -> AttemptState {
    let (why, needs_help) = what.unwrap_or_default();
    AttemptState::Waiting { why, needs_help }
}

fn observe_pod(job: &Job, pod: &Pod, lens: &Lens<'_>) -> AttemptView {
    let status = pod.status.as_ref();
    let state = container_state(pod);
    let seen = SeenPod {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        ip: status.and_then(|s| s.pod_ip.clone()),
        is_on_host_network: pod.spec.as_ref().and_then(|s| s.host_network) == Some(true),
        node: pod.spec.as_ref().and_then(|s| s.node_name.clone()),
        message: state.terminated.as_ref().and_then(|t| t.message.clone()),
    };
    let mut look_again = None;
    let phase = status.and_then(|s| s.phase.as_deref()).unwrap_or("Pending");
    let state = if let Some(terminated) = &state.terminated {
        ended(job, pod, terminated, lens)
    } else if matches!(phase, "Succeeded" | "Failed") {
        never_ran(job, pod, phase)
    } else if let Some(running) = &state.running {
        let run = run_of(pod, running.started_at.as_ref(), lens);
        match asked_to_end(job, pod, None) {
            None => AttemptState::Running(run),
            Some(interruption) => {
                let (state, again) = leaving(pod, interruption.why, lens);
                look_again = again;
                state
            }
        }
    } else if let Some(interruption) = asked_to_end(job, pod, None) {
        let why = interruption.why;
        AttemptState::Disrupted { why }
    } else {
        waiting(trouble(pod, &state))
    };
    AttemptView {
        state,
        pod: Some(seen),
        look_again,
    }
}

fn container_state(pod: &Pod) -> ContainerState {
    let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref());
    let own = statuses.and_then(|all| all.iter().find(|c| c.name == CONTAINER));
    own.and_then(|c| c.state.clone()).unwrap_or_default()
}

fn conditions(pod: &Pod) -> &[PodCondition] {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref());
    conditions.unwrap_or_default()
}

fn run_of(pod: &Pod, started: Option<&Time>, lens: &Lens<'_>) -> Run {
    Run {
        is_new: lens.last_pod != Some(&pod.name_any()),
        created: pod.creation_timestamp().map_or(lens.now, |t| time(&t)),
        started: started.map(time),
    }
}

/// Why the cluster asked a pod to end before its program did, if it has.
fn asked_to_end(job: &Job, pod: &Pod, terminated: Option<&ContainerStateTerminated>) -> Option<Interruption> {
    let restarts = !has_ended(job);
    let target = conditions(pod)
        .iter()
        .find(|c| c.type_ == "DisruptionTarget" && c.status == "True");
    if let Some(target) = target {
        let why = target.message.as_ref().or(target.reason.as_ref());
        let why = why.cloned().unwrap_or_default();
        return Some(Interruption {
            why: format!("its pod was disrupted: {why}"),
            restarts,
            may_have_finished: true,
        });
    }
    let gone_by = pod.metadata.deletion_timestamp.as_ref().map(time)?;
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    let asked = gone_by - SignedDuration::from_secs(grace);
    // Without grace the time says nothing: whoever removes a pod at last, as its kubelet does, moves it to that moment.
    let had_ended = terminated.filter(|_| grace > 0).is_some_and(|t| {
        let was_killed = t.exit_code > 128;
        !was_killed && t.finished_at.as_ref().is_some_and(|at| time(at) < asked)
    });
    let why = if is_suspended(job) {
        SUSPENDED
    } else {
        "its pod was deleted"
    };
    (!had_ended).then(|| Interruption {
        why: why.into(),
        restarts,
        // A queue deletes pods too, and that may be known before the suspension is. The Job tells: it is complete only if it
        // takes the pod for finished.
        may_have_finished: end_of(job).is_some_and(|end| end.type_ == "Complete"),
    })
}

/// The container ended.
fn ended(job: &Job, pod: &Pod, terminated: &ContainerStateTerminated, lens: &Lens<'_>) -> AttemptState {
    let interrupted = asked_to_end(job, pod, Some(terminated));
    let reason = terminated.reason.as_deref();
    if reason == Some("ContainerStatusUnknown") && interrupted.is_none() {
        let message = terminated.message.clone().unwrap_or_default();
        let why = format!("its node lost sight of it: {message}");
        return AttemptState::Lost { why, by_node: true };
    }
    let code = terminated.exit_code;
    let exit = match reason {
        Some("OOMKilled") => Exit::OutOfMemory,
        Some("StartError" | "ContainerCannotRun") => Exit::NotStarted,
        _ if (129..=159).contains(&code) => Exit::Signal(code - 128),
        _ => Exit::Code(code),
    };
    AttemptState::Exited(Exited {
        run: run_of(pod, terminated.started_at.as_ref(), lens),
        finished: terminated.finished_at.as_ref().map(time),
        exit,
        interrupted,
    })
}

/// The pod ended and its trial never ran: the kubelet would not run it, what comes before it failed, or it was taken away.
fn never_ran(job: &Job, pod: &Pod, phase: &str) -> AttemptState {
    if let Some(interruption) = asked_to_end(job, pod, None) {
        let why = interruption.why;
        return AttemptState::Disrupted { why };
    }
    if let Some(why) = failed_helper(pod) {
        return AttemptState::Lost { why, by_node: true };
    }
    let status = pod.status.as_ref();
    let said = [
        status.and_then(|s| s.reason.clone()),
        status.and_then(|s| s.message.clone()),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    let why = if said.is_empty() {
        format!("its pod is {phase}")
    } else {
        said.join(": ")
    };
    AttemptState::Lost { why, by_node: true }
}

/// A pod that still runs and was asked to end: it has its time, then its node has, then it counts as lost.
fn leaving(pod: &Pod, why: String, lens: &Lens<'_>) -> (AttemptState, Option<SignedDuration>) {
    let Some(overdue) = overdue(pod, lens.now) else {
        return (AttemptState::Leaving { why }, None);
    };
    let node = pod.spec.as_ref().and_then(|s| s.node_name.as_deref());
    let node = node.unwrap_or("unknown");
    let left = lens.lost_after - overdue;
    if !left.is_positive() {
        let why = format!("{why}; its node {node} is not heard of any more, it is started elsewhere");
        return (AttemptState::Lost { why, by_node: false }, None);
    }
    if overdue.is_negative() {
        return (AttemptState::Leaving { why }, Some(-overdue));
    }
    let after = (lens.lost_after.as_secs() + 59) / 60;
    let why = format!(
        "{why}; its node {node} has not ended it in time: it is started elsewhere once {after} min have passed"
    );
    (AttemptState::Leaving { why }, Some(left))
}

#[cfg(test)]
#[path = "attempt_state_tests.rs"]
mod tests;
