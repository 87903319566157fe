//! What controllers and kubelets say of an object in events, the only place where some failures are told: a pod that is
//! refused for its namespace's quota or Pod Security, a service account that is not there, a volume that can't be mounted.

use super::cluster::Cluster;
use crate::shell::lock;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::{Error, ResourceExt};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Least time between two questions about one object.
const INTERVAL: Duration = Duration::from_secs(20);
/// How long an answer is remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// The last answers, by the object's uid.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<HashMap<String, (Instant, Option<String>)>>);

impl Warnings {
    /// The last complaint about an object, with its reason before it; `None` where there is none.
    pub async fn last(&self, cluster: &Cluster, namespace: &str, uid: &str) -> Result<Option<String>, Error> {
        if let Some(known) = self.known(uid) {
            return Ok(known);
        }
        let found = newest(cluster.warnings(namespace, uid).await?);
        let mut all = lock(&self.0);
        all.retain(|_, (at, _)| at.elapsed() < MEMORY);
        all.insert(uid.to_owned(), (Instant::now(), found.clone()));
        Ok(found)
    }

    fn known(&self, uid: &str) -> Option<Option<String>> {
        let all = lock(&self.0);
        let (at, found) = all.get(uid)?;
        (at.elapsed() < INTERVAL).then(|| found.clone())
    }
}

fn newest(events: Vec<Event>) -> Option<String> {
    let newest = events.into_iter().max_by_key(|e| (time(e), e.name_any()))?;
    let reason = newest.reason.unwrap_or_default();
    Some(format!("{reason}: {}", newest.message.unwrap_or_default()))
}

/// When it was seen last: one of three fields, by who has written it.
fn time(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|s| s.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|t| t.0);
    series
        .map(|t| t.0)
        .or(last)
        .or(event.event_time.as_ref().map(|t| t.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_complaint_counts_whichever_field_has_its_time() {
        let event = |reason: &str, times: serde_json::Value| -> Event {
            let mut event = json!({"metadata": {"name": reason}, "involvedObject": {}, "reason": reason, "message": "so it is"});
            event
                .as_object_mut()
                .unwrap()
                .extend(times.as_object().unwrap().clone());
            serde_json::from_value(event).unwrap()
        };
        let all = vec![
            event("Old", json!({"lastTimestamp": "2026-01-02T03:00:00Z"})),
            event(
                "Series",
                json!({"eventTime": "2026-01-02T02:00:00.000000Z",
                "series": {"count": 2, "lastObservedTime": "2026-01-02T05:00:00.000000Z"}}),
            ),
            event("New", json!({"eventTime": "2026-01-02T04:00:00.000000Z"})),
            event("Never", json!({})),
        ];
        assert_eq!(newest(all).as_deref(), Some("Series: so it is"));
        assert_eq!(newest(Vec::new()), None);
    }
}
