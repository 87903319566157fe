//! Who may read /metrics: what a request presents, what the API server is asked about it, what its answers mean, and for how long
//! they hold. Pure: reviews are asked for in `reviews`.

use hyper::header::{AUTHORIZATION, HeaderMap};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use ring::digest::{SHA256, digest};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a reader has to be allowed, as in `nonResourceURLs` of a ClusterRole, and by which verb.
pub const PATH: &str = "/metrics";
const VERB: &str = "get";
/// How long it is remembered that the API server could not be asked: those who come at once share it.
const UNDECIDED_FOR: Duration = Duration::from_secs(1);
/// Most tokens of which anything is remembered.
const MAX_REMEMBERED: usize = 1024;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is answered.
    Allowed,
    /// 401: the API server knows no such token.
    Unauthenticated,
    /// 403: this user may not.
    Forbidden(String),
    /// 500: the API server could not be asked, so nobody is let in.
    Undecided,
}

/// The bearer token of a request, if it has one and one alone.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (all.next()?.to_str().ok()?, all.next()) else {
        return None;
    };
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let is_token = !token.is_empty() && !token.contains(char::is_whitespace);
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

/// Asks whose token this is. No audience is named: it has to be made out for the API server.
pub fn whose(token: &str) -> TokenReview {
    TokenReview {
        spec: TokenReviewSpec {
            token: token.to_owned(),
            audiences: None,
        },
        ..Default::default()
    }
}

/// The user that a review has found.
pub fn user(status: Option<TokenReviewStatus>) -> Option<UserInfo> {
    let status = status.filter(|status| status.authenticated == Some(true))?;
    status
        .user
        .filter(|user| user.username.as_deref().is_some_and(|name| !name.is_empty()))
}

/// Asks whether a user may read the metrics, with all that the API server has said of them.
pub fn may_read(user: &UserInfo) -> SubjectAccessReview {
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: user.username.clone(),
            groups: user.groups.clone(),
            uid: user.uid.clone(),
            extra: user.extra.clone(),
            non_resource_attributes: Some(NonResourceAttributes {
                path: Some(PATH.to_owned()),
                verb: Some(VERB.to_owned()),
            }),
            resource_attributes: None,
        },
        ..Default::default()
    }
}

/// What the API server's answer about a user means. No answer is no permission.
pub fn decision(user: UserInfo, status: Option<SubjectAccessReviewStatus>) -> Decision {
    match status {
        Some(status) if status.allowed && status.denied != Some(true) => Decision::Allowed,
        _ => Decision::Forbidden(user.username.unwrap_or_default()),
    }
}

/// SHA-256 of a token: what is remembered in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a token.
    pub fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

/// What was decided of late, of a bounded number of tokens.
pub struct Decisions {
    allowed_for: Duration,
    refused_for: Duration,
    /// Each until it has to be asked anew.
    known: HashMap<Fingerprint, (Decision, Instant)>,
}

impl Decisions {
    /// Nothing is known yet; a permission will hold for so long, a refusal for so long.
    pub fn new(allowed_for: Duration, refused_for: Duration) -> Self {
        Self {
            allowed_for,
            refused_for,
            known: HashMap::new(),
        }
    }

    /// What was decided, if it still holds.
    pub fn get(&self, token: &Fingerprint, now: Instant) -> Option<Decision> {
        let (decision, until) = self.known.get(token)?;
        (now < *until).then(|| decision.clone())
    }

    /// Remembers a decision. Where there is no room, the refusal that ends first makes some, so that no flood of made-up tokens
    /// drives out a reader; only where there is none, a permission does.
    pub fn put(&mut self, token: Fingerprint, decision: Decision, now: Instant) {
        if self.known.len() >= MAX_REMEMBERED && !self.known.contains_key(&token) {
            self.known.retain(|_, (_, until)| now < *until);
        }
        if self.known.len() >= MAX_REMEMBERED && !self.known.contains_key(&token) {
            let first = self
                .known
                .iter()
                .min_by_key(|(_, (decision, until))| (*decision == Decision::Allowed, *until));
            let first = first.map(|(token, _)| *token);
            first.and_then(|token| self.known.remove(&token));
        }
        let holds_for = match decision {
            Decision::Allowed => self.allowed_for,
            Decision::Unauthenticated | Decision::Forbidden(_) => self.refused_for,
            Decision::Undecided => UNDECIDED_FOR,
        };
        self.known.insert(token, (decision, now + holds_for));
    }
}

#[cfg(test)]
#[path = "metrics_access_tests.rs"]
mod tests;
