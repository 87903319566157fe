//! What people read in `kubectl describe`.

use super::fence::Fence;
use crate::tuning::sentence;
use kube::api::DynamicObject;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

/// Longest note of an event, in characters: the API's limit is 1024 bytes.
const MAX_NOTE: usize = 250;

/// Publishes events; one that can't be published is only logged, since no decision depends on it.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    fence: Fence,
}

impl Events {
    /// Publishes with this client, while the fence is open.
    pub fn new(client: Client, fence: Fence) -> Self {
        let reporter = Reporter {
            controller: super::MANAGER.into(),
            instance: std::env::var("POD_NAME").ok(),
        };
        Self {
            recorder: Recorder::new(client, reporter),
            fence,
        }
    }

    /// Says that something went as it should.
    pub async fn normal(&self, job: &DynamicObject, reason: &str, action: &str, note: &str) {
        self.publish(job, EventType::Normal, reason, action, note).await;
    }

    /// Says that something needs a look.
    pub async fn warning(&self, job: &DynamicObject, reason: &str, action: &str, note: &str) {
        self.publish(job, EventType::Warning, reason, action, note).await;
    }

    async fn publish(&self, job: &DynamicObject, type_: EventType, reason: &str, action: &str, note: &str) {
        if !self.fence.is_open() {
            return;
        }
        let note: String = sentence(note).chars().take(MAX_NOTE).collect();
        let event = Event {
            type_,
            reason: reason.into(),
            note: Some(note),
            action: action.into(),
            secondary: None,
        };
        let reference = job.object_ref(&super::cluster::job_resource());
        if let Err(error) = self.recorder.publish(&event, &reference).await {
            tracing::warn!(%error, reason, "an event could not be published");
        }
    }
}
