//! docs/troubleshooting.md has a row for every end and every waiting state that the code knows, and for no other.

use std::collections::BTreeSet;
use tuning_operator::tuning::{AttemptState, EndReason, Failure, Phase};

/// The words in the first column of the table under a heading.
fn rows(heading: &str) -> BTreeSet<String> {
    let page = include_str!("../docs/troubleshooting.md");
    let section = page.split("\n## ").find(|s| s.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let cells = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(word, _)| word.to_owned()).collect()
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_end_of_a_trial_is_explained() {
    let ends = [Phase::Succeeded, Phase::EarlyStopped, Phase::Cancelled].map(Phase::word);
    let all = ends.into_iter().chain(Failure::ALL.map(Failure::word));
    assert_eq!(rows("Ends of a trial"), words(all));
}

#[test]
fn every_end_of_a_job_is_explained() {
    assert_eq!(rows("Ends of a job"), words(EndReason::ALL.map(EndReason::word)));
}

#[test]
fn every_state_of_an_attempt_is_explained() {
    assert_eq!(rows("Attempts that are made again"), words(AttemptState::WORDS));
}

#[cfg(feature = "operator")]
#[test]
fn every_reason_that_needs_a_person_is_explained() {
    let found = rows("Reasons of waiting that need a person");
    assert_eq!(found, words(tuning_operator::operator::TROUBLES));
}

#[cfg(feature = "operator")]
#[test]
fn every_reason_for_which_metrics_cannot_be_read_is_explained() {
    let found = rows("Metrics that can't be read");
    assert_eq!(found, words(tuning_operator::operator::MetricsTrouble::WORDS));
}
