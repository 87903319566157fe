//! Every way in that is none, and the one that is.

use super::*;
use serde_json::{Value, json};

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, value.parse().unwrap());
    }
    headers
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_token_is_what_stands_behind_bearer_in_one_header() {
    for value in ["Bearer abc.d-e_f", "bearer abc.d-e_f", "BEARER  abc.d-e_f "] {
        assert_eq!(bearer_token(&headers(&[value])), Some("abc.d-e_f"), "{value}");
    }
    let none: [&[&str]; 9] = [
        &[],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["abc"],
        &["Basic YTpi"],
        &["Bearer a b"],
        &["Bearer a", "Bearer b"],
        &["Bearer a\tb"],
    ];
    for values in none {
        assert_eq!(bearer_token(&headers(values)), None, "{values:?}");
    }
}

#[test]
fn nobody_is_whom_the_api_server_did_not_name() {
    let somebody = json!({"authenticated": true, "user": {"username": "a", "groups": ["g"]}});
    assert_eq!(
        user(Some(from(somebody))).unwrap().groups,
        Some(vec!["g".to_owned()])
    );
    for status in [
        json!({}),
        json!({"authenticated": false, "user": {"username": "a"}}),
        json!({"user": {"username": "a"}}),
        json!({"authenticated": true}),
        json!({"authenticated": true, "user": {"username": ""}}),
        json!({"authenticated": true, "user": {"groups": ["system:masters"]}}),
        json!({"authenticated": false, "error": "expired"}),
    ] {
        assert_eq!(user(Some(from(status.clone()))), None, "{status}");
    }
    assert_eq!(user(None), None);
}

#[test]
fn all_that_is_known_of_a_user_is_passed_on() {
    let user = json!({"username": "system:serviceaccount:m:prometheus", "uid": "17", "groups": ["system:authenticated"],
        "extra": {"authentication.kubernetes.io/pod-name": ["p"]}});
    let mut wanted = user.clone();
    wanted["user"] = wanted["username"].take();
    wanted.as_object_mut().unwrap().remove("username");
    wanted["nonResourceAttributes"] = json!({"path": "/metrics", "verb": "get"});
    let asked = serde_json::to_value(may_read(&from(user))).unwrap();
    assert_eq!(asked["spec"], wanted);
    let asked = serde_json::to_value(whose("t")).unwrap();
    assert_eq!(asked["spec"], json!({"token": "t"}));
}

#[test]
fn a_permission_is_only_what_is_said_to_be_one() {
    let said = |status: Option<Value>| decision(from(json!({"username": "a"})), status.map(from));
    assert_eq!(said(Some(json!({"allowed": true}))), Decision::Allowed);
    for status in [
        Some(json!({"allowed": false})),
        Some(json!({"allowed": false, "evaluationError": "no such role"})),
        Some(json!({"allowed": true, "denied": true})),
        Some(json!({})),
        None,
    ] {
        assert_eq!(
            said(status.clone()),
            Decision::Forbidden("a".into()),
            "{status:?}"
        );
    }
}

#[test]
fn each_decision_holds_for_its_time() {
    let seconds = Duration::from_secs;
    let mut decisions = Decisions::new(seconds(60), seconds(10));
    let begin = Instant::now();
    let cases = [
        (Decision::Allowed, seconds(60)),
        (Decision::Unauthenticated, seconds(10)),
        (Decision::Forbidden("a".into()), seconds(10)),
        (Decision::Undecided, UNDECIDED_FOR),
    ];
    for (decision, holds) in cases {
        // What is decided anew takes the place of what was.
        decisions.put(Fingerprint::of("t"), decision.clone(), begin);
        let just_before = begin + holds - Duration::from_millis(1);
        assert_eq!(decisions.get(&Fingerprint::of("t"), just_before), Some(decision));
        assert_eq!(decisions.get(&Fingerprint::of("t"), begin + holds), None);
        assert_eq!(decisions.get(&Fingerprint::of("T"), begin), None);
    }
}

#[test]
fn a_flood_of_made_up_tokens_takes_a_bounded_room_and_drives_out_no_reader() {
    let mut decisions = Decisions::new(Duration::from_secs(60), Duration::from_secs(10));
    let begin = Instant::now();
    let at = |i: usize| begin + Duration::from_micros(i as u64);
    decisions.put(Fingerprint::of("reader"), Decision::Allowed, begin);
    for i in 0..3 * MAX_REMEMBERED {
        let token = Fingerprint::of(&format!("made up {i}"));
        decisions.put(token, Decision::Unauthenticated, at(i));
        assert_eq!(decisions.get(&token, at(i)), Some(Decision::Unauthenticated));
    }
    let end = at(3 * MAX_REMEMBERED);
    assert_eq!(decisions.known.len(), MAX_REMEMBERED);
    assert_eq!(
        decisions.get(&Fingerprint::of("reader"), end),
        Some(Decision::Allowed)
    );
    assert_eq!(decisions.get(&Fingerprint::of("made up 0"), end), None);
    // Where all are readers, the one whose time is over first goes.
    for i in 0..MAX_REMEMBERED {
        decisions.put(Fingerprint::of(&format!("reader {i}")), Decision::Allowed, end);
    }
    assert_eq!(decisions.known.len(), MAX_REMEMBERED);
    assert_eq!(decisions.get(&Fingerprint::of("reader"), end), None);
}
