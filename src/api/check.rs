//! From the text of a manifest to a job, or to everything that is wrong with it.

use super::convert::{convert, seed_of_name};
use super::fault::Fault;
use super::metrics_check::check_metrics;
use super::notes::notes;
use super::schema::{check_against, schema_of};
use super::yaml::why_unread;
use super::{GROUP, KIND, TuningJobSpec, VERSION};
use crate::metrics::LogMetrics;
use crate::tuning::Job;
use serde_json::Value;

/// A manifest without a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The job as the core sees it.
    pub job: Job,
    /// The manifest's `spec`.
    pub spec: TuningJobSpec,
    /// What finds metrics in the trials' logs, where `spec.metrics.logs` says that they are there.
    pub log_metrics: Option<LogMetrics>,
    /// What is no fault and yet seldom meant, with what to do about it.
    pub notes: Vec<Fault>,
    /// The manifest as it was given.
    pub manifest: Value,
}

/// Reads YAML or JSON (JSON is YAML); exactly one document.
pub fn parse(text: &str) -> Result<Value, Fault> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|e| Fault::new("manifest", why_unread(text, &e)))?;
    let mut documents: Vec<Value> = documents.into_iter().filter(|d| !d.is_null()).collect();
    match documents.len() {
        1 => Ok(documents.remove(0)),
        0 => Err(Fault::new("manifest", "is empty: a TuningJob is expected")),
        n => Err(Fault::new(
            "manifest",
            format!("holds {n} documents: keep one TuningJob in a file"),
        )),
    }
}

/// Everything that is wrong with a manifest, or the job that it asks for.
pub fn check(manifest: &Value) -> Result<Checked, Vec<Fault>> {
    let (checked, faults) = read(manifest);
    checked.filter(|_| faults.is_empty()).ok_or(faults)
}

/// The job of a manifest that was without fault when its run began. What has been refused since then is no reason not to read what
/// that run has found; what can't be understood is.
pub fn recall(manifest: &Value) -> Result<Checked, Vec<Fault>> {
    let (checked, faults) = read(manifest);
    checked.ok_or(faults)
}

/// What can be made of a manifest, and everything that is wrong with it. Where nothing can be made of it, something is wrong.
fn read(manifest: &Value) -> (Option<Checked>, Vec<Fault>) {
    let mut faults = envelope(manifest);
    let spec = manifest.get("spec").unwrap_or(&Value::Null);
    if spec.is_object() {
        check_against(&schema_of::<TuningJobSpec>(), spec, "spec", &mut faults);
    } else {
        faults.push(Fault::new(
            "spec",
            "is missing: what to tune, how, and what may be spent",
        ));
    }
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let job = convert(name, spec, seed_of_name(name), &mut faults);
    let log_metrics = check_metrics(spec, &mut faults);
    faults.dedup();
    let spec: Result<TuningJobSpec, _> = serde_json::from_value(spec.clone());
    if let (Err(error), true) = (&spec, faults.is_empty()) {
        faults.push(Fault::new("spec", error.to_string()));
    }
    let checked = job.zip(spec.ok()).map(|(job, spec)| Checked {
        notes: notes(&spec),
        job,
        spec,
        log_metrics,
        manifest: manifest.clone(),
    });
    (checked, faults)
}

fn envelope(manifest: &Value) -> Vec<Fault> {
    let Some(map) = manifest.as_object() else {
        return vec![Fault::new(
            "manifest",
            "is not an object: a TuningJob is expected",
        )];
    };
    let mut faults = Vec::new();
    let mut expect = |path: &str, found: &Value, expected: &str| {
        if found.as_str() != Some(expected) {
            let found = if found.is_null() {
                "nothing".to_owned()
            } else {
                found.to_string()
            };
            faults.push(Fault::new(path, format!("found {found}, expected {expected}")));
        }
    };
    expect(
        "apiVersion",
        &manifest["apiVersion"],
        &format!("{GROUP}/{VERSION}"),
    );
    expect("kind", &manifest["kind"], KIND);
    for key in map
        .keys()
        .filter(|k| !["apiVersion", "kind", "metadata", "spec", "status"].contains(&k.as_str()))
    {
        faults.push(Fault::new(
            key,
            "unknown field: known here are apiVersion, kind, metadata, spec, status",
        ));
    }
    match manifest["metadata"]["name"].as_str() {
        None => faults.push(Fault::new("metadata.name", "is missing: the job's name")),
        // A trial's Job is called NAME-0001 and its pods carry that as a label, of at most 63 characters.
        Some(name) if !is_dns_label(name) || name.len() > 50 => faults.push(Fault::new(
            "metadata.name",
            format!(
                "{name:?}: use lower-case letters, digits and '-', a letter first, at most 50 characters"
            ),
        )),
        Some(_) => {}
    }
    faults
}

fn is_dns_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
