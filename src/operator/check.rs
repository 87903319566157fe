//! `tuning-operator check`: whether an installation can work, and does. `helm test` runs it in a pod.

use super::lease;
use super::rights;
use super::scope::{self, Place, Scope};
use super::served;
use super::trouble::chain;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::Api;
use kube::{Client, Error};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Time between two looks at the Lease.
const AGAIN: Duration = Duration::from_secs(1);

/// Look whether an installation can work, and does: the CRDs, its rights in each namespace, and who holds the Lease.
///
/// With the arguments and the service account of the operator, as `helm test` has it. Prints a line for each part; exit code 1 if one
/// does not hold.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The namespaces that are looked after: names with commas between them, or the option again and again. None: all.
    #[arg(long, value_name = "NAME", env = "TUNING_NAMESPACE", value_delimiter = ',', value_parser = scope::namespace)]
    namespace: Vec<String>,
    /// The namespace of the operator's Lease. None: who is at work is not looked at.
    #[arg(long, value_name = "NAME", env = "TUNING_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,
    /// Name of that Lease.
    #[arg(long, value_name = "NAME", env = "TUNING_LEASE_NAME", default_value = lease::NAME)]
    lease_name: String,
    /// Seconds to wait for an operator to be at work.
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=600))]
    wait: u64,
}

/// One part that was looked at: what holds, or what does not and how it is mended.
type Found = Result<String, String>;

/// Looks at everything, and prints what it has found.
pub async fn run(client: &Client, check: &Check) -> ExitCode {
    let scope = Scope::of(check.namespace.iter().cloned());
    let mut all = vec![crds(client).await];
    for place in scope.places() {
        all.push(rights_in(client, &place).await);
    }
    if let Some(namespace) = &check.lease_namespace {
        let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
        all.push(at_work(&api, namespace, check, &scope).await);
    }
    let mut out = std::io::stdout();
    for found in &all {
        let (word, sentence) = match found {
            Ok(sentence) => ("ok    ", sentence),
            Err(sentence) => ("FAILED", sentence),
        };
        // Whoever closes the pipe has seen enough.
        let _ = writeln!(out, "{word}  {sentence}");
    }
    match all.iter().all(Result::is_ok) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn crds(client: &Client) -> Found {
    match served::differences(client).await {
        Err(error) => Err(format!("CRDs: the API server can't be asked: {}", chain(&error))),
        Ok(all) if all.is_empty() => {
            Ok("CRDs: TuningJob and Trial are served with every field of this version".into())
        }
        Ok(all) => Err(format!("CRDs: {}", all.join("; "))),
    }
}

async fn rights_in(client: &Client, place: &Place) -> Found {
    let of = match place {
        None => "rights in every namespace".to_owned(),
        Some(namespace) => format!("rights in namespace {namespace}"),
    };
    match rights::missing(client, place).await {
        Err(error) => Err(format!("{of}: the API server can't be asked: {}", chain(&error))),
        Ok((n, missing)) if missing.is_empty() => Ok(format!("{of}: all {n}")),
        Ok((n, missing)) => Err(format!(
            "{of}: {} of {n} are missing: {}; give the service account the chart's role there",
            missing.len(),
            missing.join(", ")
        )),
    }
}

/// Who holds the Lease, waited for if that was asked.
async fn at_work(api: &Api<Lease>, namespace: &str, check: &Check, scope: &Scope) -> Found {
    let end = Instant::now() + Duration::from_secs(check.wait);
    loop {
        let found = match api.get_opt(&check.lease_name).await {
            Ok(lease) => holder(lease.as_ref(), scope, Timestamp::now()),
            Err(error) => Err(refusal(&error)),
        };
        let named = |said: String| format!("Lease {namespace}/{}: {said}", check.lease_name);
        match found {
            Ok(said) => return Ok(named(said)),
            Err(said) if Instant::now() >= end => return Err(named(said)),
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

fn refusal(error: &Error) -> String {
    format!("it can't be read: {}", chain(error))
}

/// Who is at work, as far as clocks can be believed.
fn holder(lease: Option<&Lease>, scope: &Scope, now: Timestamp) -> Found {
    let cure = "see the logs of the operator's pods, each says what it waits for";
    let lease = lease.ok_or_else(|| format!("no operator was ever at work with it; {cure}"))?;
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
    let holder = holder.ok_or_else(|| format!("no operator is at work; {cure}"))?;
    let age = spec
        .renew_time
        .map_or(i64::MAX, |at| now.duration_since(at.0).as_secs());
    if !super::neighbours::is_held(lease, now) {
        return Err(format!(
            "{holder} has not renewed it for {age} s: it hangs, or is gone; {cure}"
        ));
    }
    let theirs = lease.metadata.annotations.as_ref();
    let theirs = theirs.and_then(|all| all.get(lease::SCOPE_ANNOTATION));
    let theirs = Scope::from_annotation(theirs.map_or("", String::as_str));
    if theirs != *scope {
        return Err(format!(
            "{holder} looks after {theirs} and not {scope}: it was not started anew after a change, or --namespace differs"
        ));
    }
    Ok(format!(
        "{holder} looks after {theirs}, and said so {} s ago",
        age.max(0)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(lease: serde_json::Value, scope: &str) -> Found {
        let lease: Option<Lease> = serde_json::from_value(lease).unwrap();
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        holder(lease.as_ref(), &Scope::from_annotation(scope), now)
    }

    fn lease(holder: &str, renewed: &str, scope: &str) -> serde_json::Value {
        json!({
            "metadata": {"name": "tuner", "annotations": {lease::SCOPE_ANNOTATION: scope}},
            "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15},
        })
    }

    #[test]
    fn who_is_at_work_is_named_and_who_is_not_is_a_failure() {
        let now = "2026-01-01T00:00:58.000000Z";
        let well = said(lease("pod-1", now, "a,b"), "b,a").unwrap();
        assert_eq!(well, "pod-1 looks after namespaces a, b, and said so 2 s ago");
        for (lease, scope, words) in [
            (json!(null), "", "no operator was ever at work"),
            (lease("", now, ""), "", "no operator is at work"),
            (
                lease("pod-1", "2025-12-31T23:59:00.000000Z", ""),
                "",
                "has not renewed it for 120 s",
            ),
            (
                lease("pod-1", now, "a"),
                "",
                "looks after namespace a and not every namespace",
            ),
        ] {
            let why = said(lease, scope).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
