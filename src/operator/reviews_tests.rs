//! An API server that is played: how often it is asked, and what is done with its answers.

use super::*;
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A client whose API server takes 50 ms and then says this of the user, and whether they may; `None`: that it forbids the
/// question.
fn reviews(says: Option<(Value, Value)>) -> (Arc<Reviews>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        let is_token = request.uri().path() == "/apis/authentication.k8s.io/v1/tokenreviews";
        let (code, body) = match &says {
            Some((token, access)) => {
                let status = if is_token { token } else { access };
                (201, json!({"metadata": {}, "spec": {}, "status": status}))
            }
            None => (
                403,
                json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}),
            ),
        };
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
        }
    });
    let decisions = Decisions::new(Duration::from_secs(60), Duration::from_secs(60));
    let client = Client::new(service, "default");
    (Arc::new(Reviews::new(client, decisions)), asked)
}

fn alice() -> Value {
    json!({"authenticated": true, "user": {"username": "alice"}})
}

#[tokio::test]
async fn those_who_come_at_once_with_one_token_are_one_question() {
    let (reviews, asked) = reviews(Some((alice(), json!({"allowed": true}))));
    let all = (0..20).map(|_| reviews.decide("t"));
    let decisions = futures::future::join_all(all).await;
    assert_eq!(decisions, vec![Decision::Allowed; 20]);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "a TokenReview and a SubjectAccessReview"
    );
    // Another token is another question.
    assert_eq!(reviews.decide("u").await, Decision::Allowed);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert_eq!(
        lock(&reviews.turns).len(),
        1,
        "no turn is left of who has been answered"
    );
}

#[tokio::test]
async fn one_who_goes_away_in_the_middle_leaves_the_others_their_answer() {
    let (reviews, _) = reviews(Some((alice(), json!({"allowed": true}))));
    let gone = tokio::time::timeout(Duration::from_millis(20), reviews.decide("t"));
    let (gone, stays) = tokio::join!(gone, reviews.decide("t"));
    assert!(gone.is_err());
    assert_eq!(stays, Decision::Allowed);
}

#[tokio::test]
async fn a_stranger_is_not_asked_about_twice_nor_is_what_they_may() {
    let (reviews, asked) = reviews(Some((json!({"authenticated": false}), json!({"allowed": true}))));
    for _ in 0..3 {
        assert_eq!(reviews.decide("t").await, Decision::Unauthenticated);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_operator_that_may_not_ask_lets_nobody_in() {
    let (reviews, asked) = reviews(None);
    let both = tokio::join!(reviews.decide("t"), reviews.decide("t"));
    assert_eq!(both, (Decision::Undecided, Decision::Undecided));
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "who comes meanwhile shares the failure"
    );
}
