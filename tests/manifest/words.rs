//! Words of a manifest that are something else than whoever wrote them meant.

use super::refused;

#[test]
fn words_that_yaml_takes_for_something_else_are_told_how_to_be_written() {
    let space = "{name: learning_rate, double: {min: 5.0e-6, max: 5.0e-4, scale: Log}}";
    for (values, says) in [
        (
            "[16]",
            "found 16: put it in quotes: the bare word is a number in YAML",
        ),
        (
            "[true]",
            "found true: put it in quotes: the bare word is a boolean in YAML",
        ),
        (
            "[no]",
            "found false: put it in quotes: the bare word is a boolean in YAML, as are yes, no,",
        ),
        (
            "[~]",
            "found nothing: put it in quotes: the bare word is null in YAML",
        ),
    ] {
        refused(
            space,
            &format!("{space}\n    - {{name: x, categorical: {{values: {values}}}}}"),
            "spec.parameters[1].categorical.values[0]",
            says,
        );
    }
    refused(
        space,
        &format!("{space}\n    - {{name: n, integer: {{min: 1, max: 3}}}}"),
        "spec.parameters[1].name",
        "the bare word is a boolean in YAML, as are yes, no, on, off, y and n",
    );
}

#[test]
fn names_of_other_tools_are_answered_with_ours() {
    refused(
        "maxTrials: 30, parallelTrials: 3",
        "maxTrials: 30, parallelTrialCount: 3",
        "spec.budget.parallelTrialCount",
        "here it is spec.budget.parallelTrials",
    );
    let bert = "bert: {task: mrpc, model: m, data: d}";
    refused(
        bert,
        "command: [train, '${trialParameters.learning_rate}']",
        "spec.trial.command[1]",
        "write $(params.NAME)",
    );
    refused(
        bert,
        "command: [python3 train.py]",
        "spec.trial.command[0]",
        "write each word by itself, [python3, train.py]",
    );
}

#[test]
fn names_that_a_program_could_not_tell_apart_are_refused() {
    let space = "{name: learning_rate, double: {min: 5.0e-6, max: 5.0e-4, scale: Log}}";
    let bert = "bert: {task: mrpc, model: m, data: d}";
    let faults = super::faults(&[
        (
            space,
            &format!("{space}\n    - {{name: Learning_Rate, double: {{min: 0, max: 1}}}}"),
        ),
        (bert, "command: [train]"),
    ]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].starts_with("spec.parameters[1].name: \"Learning_Rate\" would be told in the same variable as \"learning_rate\""),
        "{}",
        faults[0]
    );
}
