//! What a trial waits for that its queue has not admitted: its place there, and what Kueue says.
//!
//! Kueue suspends the Jobs that carry a queue's name and makes a Workload beside each, in the same namespace, which says how it stands
//! (Kueue's API, kueue.x-k8s.io). A LocalQueue belongs to one namespace, so its Workloads are all there, whoever made them. No decision depends
//! on it: without Kueue, or without the right to list Workloads, only the sentence is shorter.

use super::cluster::Cluster;
use super::trial_job::QUEUE_LABEL;
use crate::shell::lock;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use kube::{Error, ResourceExt};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Kueue's API group.
const GROUP: &str = "kueue.x-k8s.io";
/// The versions that a Kueue may serve, newest first.
const VERSIONS: [&str; 2] = ["v1beta2", "v1beta1"];
/// Least time between two questions about one namespace.
const INTERVAL: Duration = Duration::from_secs(5);
/// The same where the last one was not answered.
const UNANSWERED: Duration = Duration::from_secs(120);
/// Bytes of what Kueue says that are passed on.
const MOST_SAID: usize = 300;

/// The last answers, by namespace.
#[derive(Debug, Default)]
pub struct Queues(Mutex<HashMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    at: Instant,
    answer: Answer,
}

/// What is known of a namespace.
#[derive(Clone, Debug)]
enum Answer {
    /// Its Workloads.
    Workloads(Arc<Vec<DynamicObject>>),
    /// There is no Kueue.
    NoKueue,
    /// Nobody answers.
    Nothing,
}

impl Known {
    fn is_fresh(&self) -> bool {
        let interval = match self.answer {
            Answer::Workloads(_) => INTERVAL,
            Answer::NoKueue | Answer::Nothing => UNANSWERED,
        };
        self.at.elapsed() < interval
    }
}

impl Queues {
    /// What a suspended Job waits for, in a sentence; `None` where nobody knows.
    pub async fn waits_for(&self, cluster: &Cluster, namespace: &str, job: &Job) -> Option<String> {
        let known = lock(&self.0).get(namespace).filter(|k| k.is_fresh()).cloned();
        let answer = match known {
            Some(known) => known.answer,
            None => {
                let answer = ask(cluster, namespace).await;
                let mut all = lock(&self.0);
                all.retain(|_, known| known.is_fresh());
                let known = Known {
                    at: Instant::now(),
                    answer: answer.clone(),
                };
                all.insert(namespace.to_owned(), known);
                answer
            }
        };
        match answer {
            Answer::Workloads(workloads) => sentence(&workloads, job.uid().as_deref()?),
            // Without a queue's name a person has suspended it.
            Answer::NoKueue => job.labels().get(QUEUE_LABEL).map(|queue| without_kueue(queue)),
            Answer::Nothing => None,
        }
    }
}

fn without_kueue(queue: &str) -> String {
    format!(
        "its queue {queue} can't admit it, since there is no Kueue in this cluster ({GROUP} is not served): install it, or leave \
         spec.trial.queueName out"
    )
}

async fn ask(cluster: &Cluster, namespace: &str) -> Answer {
    for version in VERSIONS {
        match cluster.workloads(namespace, &resource(version)).await {
            Ok(workloads) => return Answer::Workloads(Arc::new(workloads)),
            // This version, or Kueue at all, is not here.
            Err(Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                tracing::warn!(namespace, %error, "Kueue's Workloads could not be listed");
                return Answer::Nothing;
            }
        }
    }
    Answer::NoKueue
}

fn resource(version: &str) -> ApiResource {
    ApiResource {
        group: GROUP.into(),
        version: version.into(),
        api_version: format!("{GROUP}/{version}"),
        kind: "Workload".into(),
        plural: "workloads".into(),
    }
}

/// What the Workload of this Job says of it.
fn sentence(workloads: &[DynamicObject], job_uid: &str) -> Option<String> {
    let own = workloads
        .iter()
        .find(|w| w.owner_references().iter().any(|o| o.uid == job_uid))?;
    let queue = own.data["spec"]["queueName"].as_str().unwrap_or_default();
    if !is_active(own) {
        return Some(format!(
            "its Workload {} is deactivated, so its queue {queue} leaves it alone; set spec.active of the Workload to true",
            own.name_any()
        ));
    }
    if !is_pending(own) {
        // Admitted, and its Job is about to go on.
        return None;
    }
    let mut pending: Vec<&DynamicObject> = workloads
        .iter()
        .filter(|w| w.data["spec"]["queueName"] == queue && is_active(w) && is_pending(w))
        .collect();
    pending.sort_by_key(|w| rank(w));
    let place = pending.iter().position(|w| w.uid() == own.uid()).unwrap_or(0) + 1;
    let what = match condition(own, "Evicted").filter(|c| c["status"] == "True") {
        Some(evicted) => format!("has taken it back ({})", said(evicted)),
        None => "has not admitted it".to_owned(),
    };
    let why = condition(own, "QuotaReserved")
        .map(|c| text(&c["message"]))
        .unwrap_or_default();
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    };
    Some(format!(
        "its queue {queue} {what}; it has place {place} of {} there{why}",
        pending.len()
    ))
}

/// Kueue lets the higher priority go first, and of the same priority the older one.
fn rank(workload: &DynamicObject) -> (Reverse<i64>, Option<Timestamp>, String) {
    let priority = workload.data["spec"]["priority"].as_i64().unwrap_or(0);
    let created = workload.creation_timestamp().map(|t| t.0);
    (Reverse(priority), created, workload.name_any())
}

fn is_active(workload: &DynamicObject) -> bool {
    workload.data["spec"]["active"] != false
}

/// It has no quota, and has not ended.
fn is_pending(workload: &DynamicObject) -> bool {
    let holds = |type_| condition(workload, type_).is_some_and(|c| c["status"] == "True");
    !holds("QuotaReserved") && !holds("Finished")
}

fn condition<'a>(workload: &'a DynamicObject, type_: &str) -> Option<&'a Value> {
    let conditions = workload.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|c| c["type"] == type_)
}

fn said(condition: &Value) -> String {
    format!("{}: {}", text(&condition["reason"]), text(&condition["message"]))
}

fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default().trim();
    let end = text.floor_char_boundary(MOST_SAID);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload(name: &str, second: u32, spec: Value, conditions: Value) -> DynamicObject {
        let mut object = json!({
            "apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "Workload",
            "metadata": {"name": name, "uid": format!("w-{name}"), "creationTimestamp": format!("2026-01-02T03:04:{second:02}Z"),
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": format!("j-{name}"), "controller": true}]},
            "spec": {"queueName": "lq", "active": true, "priority": 0},
            "status": {"conditions": conditions},
        });
        let more = spec.as_object().unwrap().clone();
        object["spec"].as_object_mut().unwrap().extend(more);
        serde_json::from_value(object).unwrap()
    }

    fn pending(message: &str) -> Value {
        json!([{"type": "QuotaReserved", "status": "False", "reason": "Pending", "message": message}])
    }

    fn admitted() -> Value {
        json!([{"type": "QuotaReserved", "status": "True"}, {"type": "Admitted", "status": "True"}])
    }

    #[test]
    fn a_place_counts_all_that_wait_in_the_queue_by_priority_and_age() {
        let all = [
            workload(
                "late",
                30,
                json!({}),
                pending("insufficient unused quota for cpu, 1 more needed"),
            ),
            workload("early", 10, json!({}), pending("")),
            workload("runs", 5, json!({}), admitted()),
            workload("urgent", 40, json!({"priority": 1000}), json!([])),
            workload("elsewhere", 1, json!({"queueName": "other"}), json!([])),
            workload("held", 2, json!({"active": false}), json!([])),
            workload(
                "over",
                3,
                json!({}),
                json!([{"type": "Finished", "status": "True"}]),
            ),
        ];
        let of = |name: &str| sentence(&all, &format!("j-{name}"));
        assert_eq!(
            of("late").unwrap(),
            "its queue lq has not admitted it; it has place 3 of 3 there: insufficient unused quota for cpu, 1 more needed"
        );
        assert_eq!(
            of("early").unwrap(),
            "its queue lq has not admitted it; it has place 2 of 3 there"
        );
        assert!(of("urgent").unwrap().contains("place 1 of 3"));
        assert!(
            of("elsewhere")
                .unwrap()
                .contains("queue other has not admitted it; it has place 1 of 1")
        );
        assert_eq!((of("runs"), of("over"), of("unknown")), (None, None, None));
        let held = of("held").unwrap();
        assert!(
            held.contains("Workload held is deactivated") && held.contains("spec.active"),
            "{held}"
        );
    }

    #[test]
    fn what_was_taken_back_says_why() {
        let evicted = json!([
            {"type": "Evicted", "status": "True", "reason": "Preempted", "message": "to accommodate another"},
            {"type": "QuotaReserved", "status": "False", "reason": "Pending", "message": "é".repeat(400)},
        ]);
        let all = [workload("a", 1, json!({}), evicted)];
        let found = sentence(&all, "j-a").unwrap();
        assert!(found.contains("has taken it back (Preempted: to accommodate another); it has place 1 of 1"));
        assert!(found.len() < 500, "{found}");
    }

    #[test]
    fn whatever_a_workload_holds_is_no_panic() {
        let odd = [
            json!({"queueName": 7}),
            json!({"priority": "high"}),
            json!({"active": null}),
        ];
        for spec in odd {
            let all = [workload("a", 1, spec, json!("none"))];
            assert!(sentence(&all, "j-a").is_some());
        }
    }
}
