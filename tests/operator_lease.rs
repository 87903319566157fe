//! Several replicas, one leader: who holds the Lease writes, and nobody else does.
#![cfg(feature = "operator")]

#[path = "common/cluster.rs"]
mod cluster;

use cluster::{Operator, Play, Space, block_on, f1, manifest, until};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tuning_operator::operator::{Candidate, Scope, StartError};

fn candidate(space: &Space, identity: &str) -> Option<Candidate> {
    of_release(space, "tuning-operator", identity)
}

fn of_release(space: &Space, release: &str, identity: &str) -> Option<Candidate> {
    Some(Candidate {
        namespace: space.name.clone(),
        name: release.into(),
        scope: Scope::of([space.name.clone()]),
        identity: identity.into(),
        duration: Duration::from_secs(3),
    })
}

fn leases(space: &Space) -> Api<Lease> {
    Api::namespaced(space.client.clone(), &space.name)
}

async fn holder(space: &Space) -> Option<String> {
    let lease = leases(space).get_opt("tuning-operator").await.unwrap()?;
    lease.spec?.holder_identity.filter(|h| !h.is_empty())
}

/// When an operator wrote something other than its Lease: first and last.
fn wrote(operator: &Operator) -> Option<(Instant, Instant)> {
    let times = operator.times();
    let mut of_work = times
        .iter()
        .filter(|(_, line)| !line.contains("/leases") && !line.ends_with("reviews"));
    let first = of_work.next()?.0;
    Some((first, of_work.next_back().map_or(first, |(at, _)| *at)))
}

#[test]
fn the_standby_takes_over_and_writes_never_overlap() {
    block_on(async {
        let space = Space::new("two-replicas").await;
        let player = space.play(|_, rate, _| Play::reports(f1(rate)));
        let first = space.operator_with(usize::MAX, candidate(&space, "first"));
        until("the first leads", async || {
            holder(&space).await.as_deref() == Some("first")
        })
        .await;
        let second = space.operator_with(usize::MAX, candidate(&space, "second"));
        space.apply(&manifest("job", 10, 2)).await.unwrap();
        until("some trials are done", async || player.pods() >= 4).await;
        first.stop().await;
        let given_back = Instant::now();
        space.complete("job").await;
        let ((_, last), (begin, _)) = (wrote(&first).unwrap(), wrote(&second).unwrap());
        assert!(last < begin, "both wrote at a time");
        let gap = begin.duration_since(given_back);
        assert!(
            gap < Duration::from_secs(3),
            "a Lease given back is taken after {gap:?}"
        );
        assert_eq!(player.pods(), 10, "a trial ran twice");
        assert_eq!(holder(&space).await.as_deref(), Some("second"));
    });
}

#[test]
fn two_releases_in_one_namespace_both_work() {
    block_on(async {
        // Installed in one namespace, each looks after its own.
        let (one, other) = (Space::new("release-one").await, Space::new("release-other").await);
        let _players = [&one, &other].map(|space| space.play(|_, rate, _| Play::reports(f1(rate))));
        let _first = one.operator_with(usize::MAX, of_release(&one, "first", "a"));
        let mut candidate = of_release(&one, "second", "b");
        candidate.as_mut().unwrap().scope = Scope::of([other.name.clone()]);
        let _second = other.operator_with(usize::MAX, candidate);
        for space in [&one, &other] {
            space.apply(&manifest("job", 2, 1)).await.unwrap();
        }
        one.complete("job").await;
        other.complete("job").await;
        let scope = async |name: &str| {
            let lease = leases(&one).get(name).await.unwrap();
            assert_eq!(
                lease.metadata.labels.unwrap()["app.kubernetes.io/name"],
                "tuning-operator"
            );
            lease.metadata.annotations.unwrap()["tuning-operator.io/namespace"].clone()
        };
        assert_eq!(
            (scope("first").await, scope("second").await),
            (one.name.clone(), other.name.clone())
        );
    });
}

#[test]
fn one_that_dies_without_a_word_is_replaced() {
    block_on(async {
        let space = Space::new("dead-leader").await;
        let player = space.play(|_, rate, _| Play::reports(f1(rate)));
        let first = space.operator_with(12, candidate(&space, "first"));
        until("the first leads", async || holder(&space).await.is_some()).await;
        let _second = space.operator_with(usize::MAX, candidate(&space, "second"));
        space.apply(&manifest("job", 6, 2)).await.unwrap();
        space.complete("job").await;
        assert_eq!(
            player.pods(),
            6,
            "a trial ran twice; the first wrote {:#?}",
            first.log()
        );
        assert_eq!(holder(&space).await.as_deref(), Some("second"));
    });
}

#[test]
fn a_leader_that_cannot_renew_stops_before_another_may_begin() {
    block_on(async {
        let space = Space::new("cut-off").await;
        let cut = Arc::new(AtomicBool::new(false));
        let mut first = space.operator_cut_off_by(cut.clone(), candidate(&space, "first"));
        until("the first leads", async || holder(&space).await.is_some()).await;
        cut.store(true, Ordering::SeqCst);
        let since = Instant::now();
        let end = tokio::time::timeout(Duration::from_secs(30), &mut first.task).await;
        let end = end.expect("it stops by itself").unwrap();
        assert!(matches!(end, Err(StartError::LeaseLost)), "{end:?}");
        let took = since.elapsed();
        assert!(took < Duration::from_secs(3), "it went on for {took:?}");
    });
}

#[test]
fn what_the_holders_clock_says_does_not_matter() {
    block_on(async {
        for (name, renewed) in [
            ("slow-clock", "2001-01-01T00:00:00.000000Z"),
            ("fast-clock", "2101-01-01T00:00:00.000000Z"),
        ] {
            let space = Space::new(name).await;
            let lease = json!({"metadata": {"name": "tuning-operator"}, "spec": {
                "holderIdentity": "other", "renewTime": renewed, "leaseDurationSeconds": 3}});
            let lease: Lease = serde_json::from_value(lease).unwrap();
            leases(&space)
                .create(&PostParams::default(), &lease)
                .await
                .unwrap();
            let begin = Instant::now();
            let _operator = space.operator_with(usize::MAX, candidate(&space, "new"));
            until("it leads", async || {
                holder(&space).await.as_deref() == Some("new")
            })
            .await;
            let waited = begin.elapsed();
            assert!(
                waited > Duration::from_secs(3),
                "{name}: claimed after {waited:?}"
            );
        }
    });
}

/// The Lease's last renewal, read by a runtime that shares nothing with the operator's.
fn renewed(namespace: &str) -> k8s_openapi::jiff::Timestamp {
    let namespace = namespace.to_owned();
    let read = move || {
        block_on(async move {
            let kubeconfig = kube::config::Kubeconfig::read_from(Space::kubeconfig()).unwrap();
            let options = kube::config::KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
            let client = kube::Client::try_from(config.unwrap()).unwrap();
            let leases: Api<Lease> = Api::namespaced(client, &namespace);
            let lease = leases.get("tuning-operator").await.unwrap();
            lease.spec.unwrap().renew_time.unwrap().0
        })
    };
    std::thread::spawn(read).join().unwrap()
}

#[test]
fn the_lease_is_renewed_while_every_worker_is_busy_with_something_else() {
    block_on(async {
        let space = Space::new("busy-workers").await;
        let operator = space.operator_with(usize::MAX, candidate(&space, "first"));
        until("it leads", async || {
            holder(&space).await.as_deref() == Some("first")
        })
        .await;
        // As long as three Leases, on every worker of the operator's runtime and some more.
        let busy: Vec<_> = (0..4)
            .map(|_| tokio::spawn(async { std::thread::sleep(Duration::from_secs(9)) }))
            .collect();
        std::thread::sleep(Duration::from_secs(1));
        let begin = renewed(&space.name);
        std::thread::sleep(Duration::from_secs(4));
        let end = renewed(&space.name);
        assert!(end > begin, "nobody renews it");
        for task in busy {
            task.await.unwrap();
        }
        assert_eq!(holder(&space).await.as_deref(), Some("first"));
        assert!(!operator.task.is_finished(), "it never lost the Lease");
    });
}
