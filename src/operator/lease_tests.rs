//! Unit tests of `lease`.

use super::*;
use crate::operator::Scope;

const DURATION: Duration = Duration::from_secs(15);

fn candidate(identity: &str) -> Candidate {
    Candidate {
        namespace: "tuning".into(),
        name: NAME.into(),
        scope: Scope::default(),
        identity: identity.into(),
        duration: DURATION,
    }
}

fn lease(holder: &str, version: &str, renewed: &str) -> Lease {
    let text = serde_json::json!({
        "metadata": {"name": NAME, "resourceVersion": version},
        "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseTransitions": 3},
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn a_free_lease_is_claimed_and_an_own_one_renewed() {
    let (mut seen, now) = (Seen::default(), Instant::now());
    seen.update(None, now);
    assert_eq!(seen.action(&candidate("a"), now), LeaseAction::Claim);
    seen.update(Some(lease("", "1", "2026-01-01T00:00:00.000000Z")), now);
    assert_eq!(seen.action(&candidate("a"), now), LeaseAction::Claim);
    seen.update(Some(lease("a", "2", "2026-01-01T00:00:00.000000Z")), now);
    assert_eq!(seen.action(&candidate("a"), now), LeaseAction::Renew);
}

#[test]
fn the_holders_clock_is_not_believed() {
    // Renewed a century ago or in a century by the holder's clock: it counts how long we saw no change.
    for renewed in ["1926-01-01T00:00:00.000000Z", "2126-01-01T00:00:00.000000Z"] {
        let (mut seen, begin) = (Seen::default(), Instant::now());
        seen.update(Some(lease("other", "7", renewed)), begin);
        assert_eq!(seen.action(&candidate("a"), begin + DURATION), LeaseAction::Wait);
        seen.update(Some(lease("other", "8", renewed)), begin + DURATION);
        assert_eq!(
            seen.action(&candidate("a"), begin + 2 * DURATION),
            LeaseAction::Wait
        );
        let later = begin + 2 * DURATION + Duration::from_millis(1);
        seen.update(Some(lease("other", "8", renewed)), later);
        assert_eq!(seen.action(&candidate("a"), later), LeaseAction::Claim);
    }
}

#[test]
fn a_holder_stops_before_anyone_may_claim() {
    const { assert!(DEADLINE + INTERVAL < 1.0) };
}

#[test]
fn changes_of_holder_are_counted() {
    let (mut seen, now) = (Seen::default(), Instant::now());
    seen.update(Some(lease("other", "1", "2026-01-01T00:00:00.000000Z")), now);
    let transitions = |lease: Lease| lease.spec.unwrap().lease_transitions.unwrap();
    assert_eq!(transitions(seen.held_by(&candidate("a"), "a", None)), 4);
    assert_eq!(transitions(seen.held_by(&candidate("other"), "other", None)), 3);
    assert_eq!(transitions(seen.held_by(&candidate("other"), "", None)), 3);
}
