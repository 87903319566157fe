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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn job(conditions: Value) -> Job {
        let status = json!({"conditions": conditions});
        serde_json::from_value(json!({"metadata": {"name": "a-0001", "uid": "u"}, "status": status})).unwrap()
    }

    fn pod(name: &str, created: &str, status: Value) -> Pod {
        let metadata = json!({
            "name": name, "uid": name, "creationTimestamp": created,
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "a-0001", "uid": "u"}],
        });
        serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
    }

    fn container(state: Value) -> Value {
        json!([{"name": "trial", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}])
    }

    fn ended(code: i32, reason: &str) -> Value {
        json!({"phase": "Failed", "containerStatuses": container(json!({"terminated": {"exitCode": code, "reason": reason}}))})
    }

    const EARLY: &str = "2026-01-02T03:00:00Z";
    const LATE: &str = "2026-01-02T04:00:00Z";

    #[test]
    fn exit_codes_signals_and_memory_are_told_apart() {
        let cases = [
            (0, "Completed", Exit::Code(0)),
            (42, "Error", Exit::Code(42)),
            (137, "OOMKilled", Exit::OutOfMemory),
            (139, "Error", Exit::Signal(11)),
            (128, "StartError", Exit::NotStarted),
        ];
        for (code, reason, exit) in cases {
            let Sight::Ended(end) = see(Some(&job(json!([]))), &[pod("p", EARLY, ended(code, reason))])
            else {
                panic!("{code} {reason}");
            };
            assert_eq!(end.exit, exit);
        }
    }

    #[test]
    fn the_newest_pod_counts_and_a_strangers_does_not() {
        let running = json!({"phase": "Running", "podIP": "10.0.0.7", "containerStatuses": container(json!({"running": {"startedAt": LATE}}))});
        let mut disrupted = ended(143, "Error");
        disrupted["conditions"] =
            json!([{"type": "DisruptionTarget", "status": "True", "message": "drained"}]);
        let old = pod("old", EARLY, disrupted);
        assert_eq!(
            see(Some(&job(json!([]))), std::slice::from_ref(&old)),
            Sight::Disrupted("its pod was disrupted: drained".into())
        );
        let mut stranger = pod("stranger", "2026-01-02T05:00:00Z", ended(1, "Error"));
        stranger.metadata.owner_references = None;
        let seen = see(Some(&job(json!([]))), &[pod("new", LATE, running), stranger, old]);
        assert!(
            matches!(seen, Sight::Running { ref pod, .. } if pod == "new"),
            "{seen:?}"
        );
    }

    #[test]
    fn waiting_says_what_a_person_has_to_mend() {
        let pulling = json!({"phase": "Pending", "containerStatuses": container(json!({"waiting": {"reason": "ContainerCreating"}}))});
        let stuck = json!({"phase": "Pending", "containerStatuses": container(json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}}))});
        let unschedulable = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
        ]});
        let cases = [
            (pulling, None),
            (stuck, Some("ErrImagePull: not found".to_owned())),
            (
                unschedulable,
                Some("Unschedulable: 0/1 nodes are available".to_owned()),
            ),
        ];
        for (status, why) in cases {
            assert_eq!(
                see(Some(&job(json!([]))), &[pod("p", EARLY, status)]),
                Sight::Waiting(why)
            );
        }
    }

    #[test]
    fn a_job_that_ended_without_a_pod_to_be_seen_is_unclear() {
        let failed = json!([{"type": "Failed", "status": "True", "message": "pod failed"}]);
        assert_eq!(
            see(Some(&job(failed)), &[]),
            Sight::Unclear("its Job is Failed: pod failed".into())
        );
        assert_eq!(see(None, &[]), Sight::Absent);
    }

    #[test]
    fn a_pod_that_a_person_deleted_is_lost_and_not_to_blame() {
        let mut taken = pod("p", EARLY, ended(143, "Error"));
        taken.metadata.deletion_timestamp = serde_json::from_value(json!(LATE)).unwrap();
        assert_eq!(
            see(Some(&job(json!([]))), &[taken]),
            Sight::Lost("its pod was deleted".into())
        );
    }
}
