//! Of several operators one works: the holder of a Lease.
//!
//! No replica believes another one's clock. Who waits measures with its own how long the Lease has not changed, and
//! claims it only then; who holds it stops working a margin before anyone else may claim it, counted from the moment at
//! which its last successful renewal was sent. Every write carries the resourceVersion that it was decided on, so of two
//! claims one is a conflict.

use super::fence::Fence;
use super::lease_owner;
use super::settings::Candidate;
use super::start::{Connect, StartError};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Error, ResourceExt};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Name of the Lease where nothing else is said, and a label of every such Lease.
pub const NAME: &str = "tuning-operator";
/// Label of every Lease that an operator of ours holds.
pub const LABEL: &str = "app.kubernetes.io/name";
/// Annotation of the Lease: the namespaces that its holder looks after, with commas between them; empty: all of them.
pub const SCOPE_ANNOTATION: &str = "tuning-operator.io/namespace";
/// Share of the Lease's duration after which a holder that could not renew it stops working.
const DEADLINE: f64 = 2.0 / 3.0;
/// Share of the Lease's duration between two looks at it.
const INTERVAL: f64 = 2.0 / 15.0;

/// What is to be done about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaseAction {
    /// It is free, or its holder is gone.
    Claim,
    /// It is ours: say that we are alive.
    Renew,
    /// It is another's.
    Wait,
}

/// The Lease as one candidate has seen it. The times are those of the candidate's own steady clock.
#[derive(Clone, Debug, Default)]
struct Seen {
    lease: Option<Lease>,
    version: Option<String>,
    changed: Option<Instant>,
}

impl Seen {
    fn update(&mut self, lease: Option<Lease>, now: Instant) {
        let version = lease.as_ref().and_then(ResourceExt::resource_version);
        if version != self.version || self.changed.is_none() {
            self.changed = Some(now);
        }
        (self.lease, self.version) = (lease, version);
    }

    fn holder(&self) -> Option<&str> {
        let spec = self.lease.as_ref()?.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|h| !h.is_empty())
    }

    fn action(&self, candidate: &Candidate, now: Instant) -> LeaseAction {
        let still = self.changed.map_or(Duration::ZERO, |at| now.duration_since(at));
        match self.holder() {
            None => LeaseAction::Claim,
            Some(holder) if holder == candidate.identity => LeaseAction::Renew,
            Some(_) if still > self.duration(candidate) => LeaseAction::Claim,
            Some(_) => LeaseAction::Wait,
        }
    }

    /// The longer of the holder's word and our own: replicas of two releases may differ.
    fn duration(&self, candidate: &Candidate) -> Duration {
        let spec = self.lease.as_ref().and_then(|l| l.spec.as_ref());
        let said = spec.and_then(|s| s.lease_duration_seconds).unwrap_or(0);
        candidate.duration.max(Duration::from_secs(said.max(0) as u64))
    }

    /// The Lease with another holder, or with the same one and a new time; it belongs to `owner`, where there is one.
    fn held_by(&self, candidate: &Candidate, holder: &str, owner: Option<&OwnerReference>) -> Lease {
        let mut lease = self.lease.clone().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(candidate.name.clone()),
                namespace: Some(candidate.namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        lease.labels_mut().insert(LABEL.into(), NAME.into());
        let scope = candidate.scope.annotation();
        lease.annotations_mut().insert(SCOPE_ANNOTATION.into(), scope);
        if let Some(owner) = owner {
            lease.metadata.owner_references = Some(vec![owner.clone()]);
        }
        let now = MicroTime(Timestamp::now());
        let previous = lease.spec.take().unwrap_or_default();
        let changes = self.holder() != Some(holder);
        let transitions = previous.lease_transitions.unwrap_or(0);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(candidate.duration.as_secs().max(1) as i32),
            acquire_time: if changes {
                Some(now.clone())
            } else {
                previous.acquire_time
            },
            renew_time: Some(now),
            lease_transitions: Some(transitions + i32::from(changes && !holder.is_empty())),
            ..previous
        });
        lease
    }
}

/// A Lease that is held, and renewed until it is given back. Dropped, it is renewed no more: who is gone without a word
/// renews nothing.
pub struct Leadership {
    lost: watch::Receiver<bool>,
    release: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Leadership {
    /// Done when the Lease is lost: nothing may be written any more.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            // The sender goes only after it has said so.
            let _ = lost.wait_for(|lost| *lost).await;
        }
    }

    /// Gives the Lease back, so that another replica need not wait for its end.
    pub async fn release(self) {
        let _ = self.release.send(());
        let _ = self.ended.await;
    }
}

struct Campaign {
    api: Api<Lease>,
    candidate: Candidate,
    seen: Seen,
    /// When the last write that went through was sent.
    held_since: Instant,
    fence: Fence,
    /// To whom the Lease belongs.
    owner: Option<OwnerReference>,
}

/// Waits until the Lease is ours; the fence is open from then on for as long as it stays ours.
///
/// It has a thread, a runtime and a client of its own: whatever keeps the others busy, it is renewed in time.
///
/// # Errors
/// There is no thread or no client to be had.
pub async fn elected(
    connect: Connect,
    candidate: &Candidate,
    fence: &Fence,
) -> Result<Leadership, StartError> {
    fence.open_until(Instant::now());
    let (candidate, fence) = (candidate.clone(), fence.clone());
    let (say_elected, elected) = oneshot::channel();
    let (say_lost, lost) = watch::channel(false);
    let (release, released) = oneshot::channel();
    let (done, ended) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    let stand = async move {
        let client = match connect() {
            Ok(client) => client,
            Err(error) => return drop(say_elected.send(Err(error))),
        };
        let owner = lease_owner::owner(&client, &candidate.namespace).await;
        let mut campaign = Campaign {
            owner,
            api: Api::namespaced(client, &candidate.namespace),
            candidate,
            seen: Seen::default(),
            held_since: Instant::now(),
            fence,
        };
        let mut released = released;
        tokio::select! {
            () = campaign.win() => {}
            _ = &mut released => return,
        }
        let _ = say_elected.send(Ok(()));
        campaign.keep(released).await;
        let _ = say_lost.send(true);
    };
    let work = move || {
        runtime.block_on(stand);
        drop(done);
    };
    std::thread::Builder::new()
        .name("lease".into())
        .spawn(work)
        .map_err(StartError::Thread)?;
    let leadership = Leadership { lost, release, ended };
    match elected.await {
        Ok(Ok(())) => Ok(leadership),
        Ok(Err(error)) => Err(StartError::Client(error)),
        // The thread has died.
        Err(_) => Err(StartError::LeaseLost),
    }
}

impl Campaign {
    fn interval(&self) -> Duration {
        self.candidate.duration.mul_f64(INTERVAL)
    }

    fn deadline(&self) -> Instant {
        self.held_since + self.candidate.duration.mul_f64(DEADLINE)
    }

    /// Looks until the Lease is ours.
    async fn win(&mut self) {
        while !self.try_once().await {
            tokio::time::sleep(self.interval()).await;
        }
        tracing::info!(identity = self.candidate.identity, "this replica leads");
    }

    /// Looks once; true once the Lease is ours.
    async fn try_once(&mut self) -> bool {
        let limit = self.candidate.duration.mul_f64(DEADLINE);
        match tokio::time::timeout(limit, self.look_and_write()).await {
            Ok(Ok(ours)) => ours,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the Lease could not be read or written");
                false
            }
            Err(_) => false,
        }
    }

    async fn look_and_write(&mut self) -> Result<bool, Error> {
        let lease = self.api.get_opt(&self.candidate.name).await?;
        self.seen.update(lease, Instant::now());
        match self.seen.action(&self.candidate, Instant::now()) {
            LeaseAction::Wait => Ok(false),
            LeaseAction::Claim | LeaseAction::Renew => {
                let identity = self.candidate.identity.clone();
                self.write(&identity).await
            }
        }
    }

    /// Writes the Lease; false where someone else has written first.
    async fn write(&mut self, holder: &str) -> Result<bool, Error> {
        let lease = self.seen.held_by(&self.candidate, holder, self.owner.as_ref());
        let sent = Instant::now();
        let answer = match lease.resource_version() {
            None => self.api.create(&PostParams::default(), &lease).await,
            Some(_) => {
                let name = &self.candidate.name;
                self.api.replace(name, &PostParams::default(), &lease).await
            }
        };
        match answer {
            Ok(written) => {
                self.seen.update(Some(written), Instant::now());
                self.held_since = sent;
                let ours = !holder.is_empty();
                self.fence.open_until(if ours { self.deadline() } else { sent });
                Ok(true)
            }
            Err(Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Renews until the Lease is lost, or to be given back.
    async fn keep(mut self, mut released: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                answer = &mut released => {
                    if answer.is_ok() {
                        let _ = tokio::time::timeout_at(self.deadline().into(), self.write("")).await;
                    }
                    return;
                }
                () = tokio::time::sleep(self.interval()) => {}
            }
            let renewed = tokio::time::timeout_at(self.deadline().into(), self.look_and_write()).await;
            let is_ours = self.seen.holder() == Some(self.candidate.identity.as_str());
            if !is_ours || Instant::now() >= self.deadline() {
                tracing::error!("the Lease is lost: this replica stops");
                return;
            }
            if let Ok(Err(error)) = renewed {
                tracing::warn!(%error, "the Lease could not be renewed yet");
            }
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
