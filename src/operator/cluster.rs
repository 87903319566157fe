//! Everything that the operator writes, and what it reads without a cache.
//!
//! Each write is safe to repeat: names are deterministic, statuses carry the resourceVersion that they were decided on,
//! deletions the uid.

use super::fence::Fence;
use super::telemetry::Telemetry;
use crate::api::{Trial, TrialStatus, TuningJob, TuningJobStatus};
use futures::io::AsyncBufRead;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, LogParams, Patch, PatchParams, PostParams, Preconditions,
    PropagationPolicy,
};
use kube::{Client, Error, ResourceExt};
use std::pin::Pin;
use std::time::Instant;

/// A log as it arrives.
pub type LogStream = Pin<Box<dyn AsyncBufRead + Send>>;

/// Writes to the cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    telemetry: Telemetry,
    fence: Fence,
}

/// Whether an object was created, or was there already.
#[derive(Clone, Debug, PartialEq)]
pub enum Created<T> {
    /// It is new, and this is it.
    New(T),
    /// An object of that name was there.
    Existed,
}

/// Kind, for DynamicObject, of jobs.
pub fn job_resource() -> ApiResource {
    ApiResource::erase::<TuningJob>(&())
}

/// Kind, for DynamicObject, of trials.
pub fn trial_resource() -> ApiResource {
    ApiResource::erase::<Trial>(&())
}

impl Cluster {
    /// Writes with this client, while the fence is open.
    pub fn new(client: Client, telemetry: Telemetry, fence: Fence) -> Self {
        Self {
            client,
            telemetry,
            fence,
        }
    }

    fn trials(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &trial_resource())
    }

    fn jobs(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &job_resource())
    }

    async fn timed<T>(
        &self,
        verb: &str,
        kind: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if !matches!(verb, "get" | "list") && !self.fence.is_open() {
            return Err(Error::Service("this replica does not hold the Lease".into()));
        }
        let begin = Instant::now();
        let answer = call.await;
        let result = match &answer {
            Ok(_) => "ok",
            // Not a fault: someone was first, or it is gone.
            Err(Error::Api(status)) if matches!(status.code, 404 | 409) => "conflict",
            Err(_) => "error",
        };
        self.telemetry.called(verb, kind, result, begin.elapsed());
        answer
    }

    /// A trial as it is now, not as a watch last told.
    pub async fn trial(&self, namespace: &str, name: &str) -> Result<Option<DynamicObject>, Error> {
        self.timed("get", "Trial", self.trials(namespace).get_opt(name))
            .await
    }

    /// A job as it is now, not as a watch last told.
    pub async fn job(&self, namespace: &str, name: &str) -> Result<Option<DynamicObject>, Error> {
        let params = kube::api::ListParams::default().fields(&format!("metadata.name={name}"));
        let api = self.jobs(namespace);
        let found = self.timed("list", "TuningJob", api.list(&params)).await?;
        Ok(found.items.into_iter().next())
    }

    /// The trials that carry a job's label, as they are now.
    pub async fn trials_of(&self, namespace: &str, job: &str) -> Result<Vec<DynamicObject>, Error> {
        let params = kube::api::ListParams::default().labels(&format!("{}={job}", super::JOB_LABEL));
        let api = self.trials(namespace);
        Ok(self.timed("list", "Trial", api.list(&params)).await?.items)
    }

    /// Takes a pod out of the API server without waiting for its node.
    pub async fn force_delete_pod(&self, pod: &Pod) -> Result<(), Error> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            ..delete_params(pod.uid(), PropagationPolicy::Background)
        };
        let name = pod.name_any();
        gone(
            self.timed("delete", "Pod", api.delete(&name, &params))
                .await
                .map(drop),
        )
    }

    /// Pods as they are now.
    pub async fn pods(&self, namespace: &str, labels: &str) -> Result<Vec<Pod>, Error> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let params = kube::api::ListParams::default().labels(labels);
        Ok(self.timed("list", "Pod", pods.list(&params)).await?.items)
    }

    /// Creates a trial.
    pub async fn create_trial(&self, trial: &DynamicObject) -> Result<Created<DynamicObject>, Error> {
        let namespace = trial.namespace().unwrap_or_default();
        let api = self.trials(&namespace);
        created(self.timed("create", "Trial", api.create(&ours(), trial)).await)
    }

    /// Makes a job the owner of a trial that a person has made; nothing of theirs is touched.
    pub async fn own_trial(
        &self,
        trial: &DynamicObject,
        owner: OwnerReference,
    ) -> Result<DynamicObject, Error> {
        let resource = trial_resource();
        let (name, uid) = (trial.name_any(), trial.uid());
        // With the uid, what was deleted in the meantime is a conflict and not made anew.
        let patch = serde_json::json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"uid": uid, "labels": {super::JOB_LABEL: owner.name}, "ownerReferences": [owner]},
        });
        let params = PatchParams::apply(super::MANAGER);
        let api = self.trials(&trial.namespace().unwrap_or_default());
        self.timed("patch", "Trial", api.patch(&name, &params, &Patch::Apply(patch)))
            .await
    }

    /// Writes a trial's status; an error 409 means that the trial has changed since it was read.
    pub async fn write_trial_status(
        &self,
        trial: &DynamicObject,
        status: &TrialStatus,
    ) -> Result<DynamicObject, Error> {
        let api = self.trials(&trial.namespace().unwrap_or_default());
        let new = with_status(trial, serde_json::to_value(status).map_err(Error::SerdeError)?);
        let name = trial.name_any();
        self.timed("update", "Trial", api.replace_status(&name, &ours(), &new))
            .await
    }

    /// Writes a job's status; an error 409 means that the job has changed since it was read.
    pub async fn write_job_status(
        &self,
        job: &DynamicObject,
        status: &TuningJobStatus,
    ) -> Result<DynamicObject, Error> {
        let api = self.jobs(&job.namespace().unwrap_or_default());
        let new = with_status(job, serde_json::to_value(status).map_err(Error::SerdeError)?);
        let name = job.name_any();
        self.timed("update", "TuningJob", api.replace_status(&name, &ours(), &new))
            .await
    }

    /// Deletes a job with all that belongs to it.
    pub async fn delete_job(&self, job: &DynamicObject) -> Result<(), Error> {
        let api = self.jobs(&job.namespace().unwrap_or_default());
        let params = delete_params(job.uid(), PropagationPolicy::Background);
        let name = job.name_any();
        gone(
            self.timed("delete", "TuningJob", api.delete(&name, &params))
                .await
                .map(drop),
        )
    }

    /// Replaces a job's finalizers; an error 409 means that the job has changed since it was read.
    pub async fn set_finalizers(
        &self,
        job: &DynamicObject,
        finalizers: &[String],
    ) -> Result<DynamicObject, Error> {
        let api = self.jobs(&job.namespace().unwrap_or_default());
        let version = &job.metadata.resource_version;
        let patch = serde_json::json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
        let params = PatchParams {
            field_manager: Some(super::MANAGER.into()),
            ..PatchParams::default()
        };
        let name = job.name_any();
        self.timed(
            "patch",
            "TuningJob",
            api.patch(&name, &params, &Patch::Merge(patch)),
        )
        .await
    }

    /// Jobs as they are now, not as a watch last told.
    pub async fn kube_jobs(&self, namespace: &str, labels: &str) -> Result<Vec<Job>, Error> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let params = kube::api::ListParams::default().labels(labels);
        Ok(self.timed("list", "Job", jobs.list(&params)).await?.items)
    }

    /// What controllers and kubelets complain of about an object.
    pub async fn warnings(&self, namespace: &str, uid: &str) -> Result<Vec<Event>, Error> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let params =
            kube::api::ListParams::default().fields(&format!("involvedObject.uid={uid},type=Warning"));
        Ok(self.timed("list", "Event", api.list(&params)).await?.items)
    }

    /// Kueue's Workloads of a namespace.
    pub async fn workloads(
        &self,
        namespace: &str,
        resource: &ApiResource,
    ) -> Result<Vec<DynamicObject>, Error> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, resource);
        let params = kube::api::ListParams::default();
        Ok(self.timed("list", "Workload", api.list(&params)).await?.items)
    }

    /// Creates the Kubernetes Job of an attempt or a cleanup.
    pub async fn create_kube_job(&self, job: &Job) -> Result<Created<Job>, Error> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), &job.namespace().unwrap_or_default());
        created(self.timed("create", "Job", api.create(&ours(), job)).await)
    }

    /// Deletes the Kubernetes Job of an attempt or a cleanup; one that still runs stays visible until its pods are gone.
    pub async fn delete_kube_job(&self, job: &Job, has_ended: bool) -> Result<(), Error> {
        let propagation = match has_ended {
            true => PropagationPolicy::Background,
            false => PropagationPolicy::Foreground,
        };
        let api: Api<Job> = Api::namespaced(self.client.clone(), &job.namespace().unwrap_or_default());
        let params = delete_params(job.uid(), propagation);
        let name = job.name_any();
        gone(
            self.timed("delete", "Job", api.delete(&name, &params))
                .await
                .map(drop),
        )
    }

    /// A pod's log as a stream, each line with its time before it: from this second since 1970 on, if one is given; to the end of
    /// what is there, or on with what the pod is yet to print.
    pub async fn log(
        &self,
        namespace: &str,
        pod: &str,
        since: Option<i64>,
        follow: bool,
    ) -> Result<LogStream, Error> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let params = LogParams {
            container: Some(super::CONTAINER.into()),
            since_time: since.and_then(|second| k8s_openapi::jiff::Timestamp::from_second(second).ok()),
            timestamps: true,
            follow,
            ..LogParams::default()
        };
        let stream = self.timed("get", "PodLog", api.log_stream(pod, &params)).await?;
        Ok(Box::pin(stream))
    }
}

/// Says who writes: for whoever asks of a field whose it is.
fn ours() -> PostParams {
    PostParams {
        field_manager: Some(super::MANAGER.into()),
        ..PostParams::default()
    }
}

fn with_status(object: &DynamicObject, status: serde_json::Value) -> DynamicObject {
    let mut new = object.clone();
    new.data["status"] = status;
    new
}

fn delete_params(uid: Option<String>, propagation: PropagationPolicy) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(propagation),
        preconditions: Some(Preconditions {
            uid,
            resource_version: None,
        }),
        ..DeleteParams::default()
    }
}

fn created<T>(answer: Result<T, Error>) -> Result<Created<T>, Error> {
    match answer {
        Ok(object) => Ok(Created::New(object)),
        Err(Error::Api(status)) if status.is_already_exists() => Ok(Created::Existed),
        Err(error) => Err(error),
    }
}

/// Gone already, or another object of that name by now: either way there is nothing left to delete.
fn gone(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other,
    }
}

/// Longest part of a refusal that is told on, in characters.
const MAX_REFUSAL: usize = 400;

/// What the API server will not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In its own words.
    pub why: String,
    /// Whether it will say the same of the same object for ever, as opposed to a quota or a policy.
    pub is_final: bool,
}

/// What was refused for what it is, and not for the moment at which it came.
pub fn refusal(error: &Error) -> Option<Refusal> {
    let Error::Api(status) = error else { return None };
    let is_final = match status.code {
        400 | 413 | 422 => true,
        403 | 404 => false,
        _ => return None,
    };
    // It begins with what is wrong, and may go on with all that was sent.
    let why = status.message.chars().take(MAX_REFUSAL).collect();
    Some(Refusal { why, is_final })
}

/// Whether a write lost against another one: what it was decided on is out of date.
pub fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.is_conflict() || status.is_not_found())
}
