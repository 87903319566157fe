//! What is waited for, as one word: for a column of `kubectl get`. Pure.

/// Longest word for it, as the CRD's schema has it.
const MAX_WORD: usize = 63;
/// What stands in whatever is said of a Job that its queue keeps back (`attempt_state`, `queue`).
const QUEUE: &str = "its queue ";
/// How it begins what the API server does not take.
const REFUSED: &str = "the API server refuses";

/// The word for what a sentence says is waited for: Kubernetes' own reason, where there is one in it.
pub fn word(why: &str) -> &str {
    let is_reason = |part: &&str| {
        part.len() > 3
            && part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_alphanumeric())
    };
    match why.split(": ").find(is_reason) {
        _ if why.contains(QUEUE) => "Queue",
        _ if why.contains(REFUSED) => "Refused",
        Some(reason) if reason.len() <= MAX_WORD => reason,
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_own_reason_is_the_word() {
        for (why, expected) in [
            (
                "a-0001: Unschedulable: 0/3 nodes: Insufficient cpu",
                "Unschedulable",
            ),
            (
                "a-0001: container fetch: ErrImagePull: no such host",
                "ErrImagePull",
            ),
            (
                "a-0001: FailedCreate: pods is forbidden: Foo: bar",
                "FailedCreate",
            ),
            (
                "a-0001: its Job is suspended: it waits for its queue to admit it",
                "Queue",
            ),
            (
                "a-0001: its queue lq has not admitted it; it has place 2 of 3 there: Insufficient: 1 more needed",
                "Queue",
            ),
            (
                "a-0001: its Workload w is deactivated, so its queue lq leaves it alone; set spec.active of the Workload to true",
                "Queue",
            ),
            ("a-0001: the API server refuses its Job: Forbidden: no", "Refused"),
            ("a-0001: it found no device that works", "Other"),
        ] {
            assert_eq!(word(why), expected, "{why}");
        }
        assert_eq!(word(&"Y".repeat(64)), "Other");
    }
}
