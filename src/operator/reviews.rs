//! Asks the API server who may read /metrics: a TokenReview, then a SubjectAccessReview, once for each token in a while.

use super::metrics_access::{self, Decision, Decisions, Fingerprint};
use super::trouble::chain;
use crate::shell::lock;
use k8s_openapi::api::authentication::v1::TokenReview;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long both reviews may take together: less than a scrape, so that who asks hears why.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Tokens that are asked about at once: strangers shall not take up the API server's time for this operator.
const AT_ONCE: usize = 4;

/// Who may read, as the API server says.
pub struct Reviews {
    client: Client,
    decisions: Mutex<Decisions>,
    /// A turn for each token that is asked about now: those who come meanwhile wait for the one answer.
    turns: Mutex<HashMap<Fingerprint, Weak<tokio::sync::Mutex<()>>>>,
    places: Semaphore,
}

impl Reviews {
    /// Asks with this client; decisions are remembered there.
    pub fn new(client: Client, decisions: Decisions) -> Self {
        Self {
            client,
            decisions: Mutex::new(decisions),
            turns: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Whether the bearer of a token may read the metrics.
    pub async fn decide(&self, token: &str) -> Decision {
        let fingerprint = Fingerprint::of(token);
        let known = || lock(&self.decisions).get(&fingerprint, Instant::now());
        if let Some(decision) = known() {
            return decision;
        }
        let turn = self.turn(fingerprint);
        let _turn = turn.lock().await;
        if let Some(decision) = known() {
            return decision;
        }
        let decision = self.said(token).await;
        lock(&self.decisions).put(fingerprint, decision.clone(), Instant::now());
        decision
    }

    fn turn(&self, fingerprint: Fingerprint) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = lock(&self.turns);
        if let Some(turn) = turns.get(&fingerprint).and_then(Weak::upgrade) {
            return turn;
        }
        // No more are left than there are clients.
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(fingerprint, Arc::downgrade(&turn));
        turn
    }

    /// What the API server says, with a line in the log where somebody can mend something.
    async fn said(&self, token: &str) -> Decision {
        let why = match tokio::time::timeout(TIMEOUT, self.ask(token)).await {
            Ok(Ok(decision)) => {
                if let Decision::Forbidden(user) = &decision {
                    tracing::info!(
                        user,
                        "may not get /metrics: no ClusterRole with that right is bound to it"
                    );
                }
                return decision;
            }
            Ok(Err(error)) => {
                let cure = match &error {
                    Error::Api(status) if status.code == 403 => {
                        "; bind the operator's service account to the ClusterRole system:auth-delegator, or to the chart's own"
                    }
                    _ => "",
                };
                format!("{}{cure}", chain(&error))
            }
            Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        };
        tracing::warn!(
            error = why,
            "the API server can't be asked who may get /metrics: nobody is let in"
        );
        Decision::Undecided
    }

    async fn ask(&self, token: &str) -> Result<Decision, Error> {
        let _place = self.places.acquire().await;
        let (params, client) = (PostParams::default(), self.client.clone());
        let tokens: Api<TokenReview> = Api::all(client.clone());
        let whose = tokens.create(&params, &metrics_access::whose(token)).await?;
        let Some(user) = metrics_access::user(whose.status) else {
            return Ok(Decision::Unauthenticated);
        };
        let accesses: Api<SubjectAccessReview> = Api::all(client);
        let may = accesses.create(&params, &metrics_access::may_read(&user)).await?;
        Ok(metrics_access::decision(user, may.status))
    }
}

#[cfg(test)]
#[path = "reviews_tests.rs"]
mod tests;
