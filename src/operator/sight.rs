//! How does the current attempt at a trial stand, by its Job and pods? Pure.

use super::{ATTEMPT_ANNOTATION, CONTAINER};
use crate::tuning::Exit;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

/// Reasons of a waiting container that do not go away by waiting.
const TROUBLES: [&str; 8] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What can be seen of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// There is no Job.
    Absent,
    /// The Job is being deleted.
    Going,
    /// No pod runs; the sentence is the scheduler's or kubelet's on what a person has to mend.
    Waiting(Option<String>),
    /// The cluster took the pod away; the Job starts another at the same point.
    Disrupted(String),
    /// A pod runs.
    Running {
        /// Its name.
        pod: String,
        /// Identifies it.
        uid: String,
        /// Its address.
        ip: Option<String>,
        /// Since when.
        since: Timestamp,
    },
    /// The trial came to its end.
    Ended(End),
    /// The pod was taken away, and not by the trial's doing.
    Lost(String),
    /// The Job ended, and how is not to be seen (yet).
    Unclear(String),
}

/// How a pod ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Its name.
    pub pod: String,
    /// Identifies it.
    pub uid: String,
    /// How its container ended.
    pub exit: Exit,
    /// What it left in its termination message.
    pub message: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
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
    condition(job, &["Complete", "Failed"]).is_some()
}

fn condition<'a>(job: &'a Job, types: &[&str]) -> Option<&'a k8s_openapi::api::batch::v1::JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    conditions
        .iter()
        .find(|c| c.status == "True" && types.contains(&c.type_.as_str()))
}

/// Reads a Job and the pods that carry its trial's label.
pub fn see(job: Option<&Job>, pods: &[Pod]) -> Sight {
    let Some(job) = job else { return Sight::Absent };
    if job.metadata.deletion_timestamp.is_some() {
        return Sight::Going;
    }
    let own = pods.iter().filter(|p| belongs(p, job));
    let newest = own.max_by_key(|p| (p.creation_timestamp().map(|t| t.0), p.name_any()));
    let seen = newest.map_or(Sight::Waiting(None), see_pod);
    match (&seen, condition(job, &["Complete", "Failed"])) {
        (Sight::Ended(_) | Sight::Lost(_), _) | (_, None) => seen,
        (_, Some(ended)) => {
            let message = ended.message.clone().unwrap_or_default();
            Sight::Unclear(format!("its Job is {}: {message}", ended.type_))
        }
    }
}

fn belongs(pod: &Pod, job: &Job) -> bool {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|o| Some(&o.uid) == job.metadata.uid.as_ref())
}

fn see_pod(pod: &Pod) -> Sight {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let holds = |type_: &str| conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let ended = matches!(phase, "Succeeded" | "Failed");
    if let Some(disruption) = holds("DisruptionTarget") {
        // The Job runs it again at the same point: that is what its pod failure policy says.
        let why = disruption
            .message
            .clone()
            .or(disruption.reason.clone())
            .unwrap_or_default();
        return Sight::Disrupted(format!("its pod was disrupted: {why}"));
    }
    let containers = status.container_statuses.unwrap_or_default();
    let state = containers
        .iter()
        .find(|c| c.name == CONTAINER)
        .and_then(|c| c.state.clone());
    let state = state.unwrap_or_default();
    if let Some(terminated) = &state.terminated {
        let killed = terminated.exit_code > 128;
        if killed && pod.metadata.deletion_timestamp.is_some() {
            return Sight::Lost("its pod was deleted".into());
        }
        return Sight::Ended(end(pod, terminated));
    }
    if ended {
        // The kubelet gave up on it before the container ran, or lost sight of it.
        let why = status
            .message
            .or(status.reason)
            .unwrap_or_else(|| format!("its pod is {phase}"));
        return Sight::Lost(why);
    }
    if let Some(running) = state.running.clone() {
        return Sight::Running {
            pod: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            ip: status.pod_ip,
            since: running.started_at.as_ref().map_or(Timestamp::UNIX_EPOCH, time),
        };
    }
    Sight::Waiting(trouble(&state, &conditions))
}

fn trouble(
    state: &ContainerState,
    conditions: &[k8s_openapi::api::core::v1::PodCondition],
) -> Option<String> {
    let waiting = state.waiting.as_ref();
    let stuck = waiting.filter(|w| w.reason.as_deref().is_some_and(|r| TROUBLES.contains(&r)));
    if let Some(waiting) = stuck {
        let reason = waiting.reason.clone().unwrap_or_default();
        return Some(format!(
            "{reason}: {}",
            waiting.message.clone().unwrap_or_default()
        ));
    }
    let scheduled = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    (scheduled.reason.as_deref() == Some("Unschedulable"))
        .then(|| format!("Unschedulable: {}", scheduled.message.clone().unwrap_or_default()))
}

fn end(pod: &Pod, terminated: &ContainerStateTerminated) -> End {
    let code = terminated.exit_code;
    let exit = match terminated.reason.as_deref() {
        Some("OOMKilled") => Exit::OutOfMemory,
        Some("StartError" | "ContainerCannotRun") => Exit::NotStarted,
        _ if (129..=159).contains(&code) => Exit::Signal(code - 128),
        _ => Exit::Code(code),
    };
    End {
        pod: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        exit,
        message: terminated.message.clone(),
        started: terminated.started_at.as_ref().map(time),
        finished: terminated.finished_at.as_ref().map(time),
    }
}
