//! A set in one line for the log: how many examples of each class, how long they are, and how many of them may be cut off.

use super::example::{Example, Label};
use std::collections::BTreeMap;

/// Such as `4 examples; class 0: 1, class 1: 3; tokens: half up to 12, 95 % up to 20, all up to 20; 1 (25.0 %) fill max_length`.
pub(super) fn summary(examples: &[Example], max_length: usize) -> String {
    let n = examples.len();
    let mut lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
    lengths.sort_unstable();
    // The shortest length that so many hundredths of the examples do not exceed.
    let percentile = |p: usize| {
        let place = (n * p).div_ceil(100).max(1) - 1;
        lengths.get(place).copied().unwrap_or_default()
    };
    let n_full = lengths.iter().filter(|length| **length >= max_length).count();
    format!(
        "{n} examples{}; tokens: half up to {}, 95 % up to {}, all up to {}; {n_full} ({:.1} %) fill max_length and may be cut off",
        classes(examples),
        percentile(50),
        percentile(95),
        percentile(100),
        100.0 * n_full as f64 / n.max(1) as f64
    )
}

fn classes(examples: &[Example]) -> String {
    let mut counts = BTreeMap::new();
    for example in examples {
        if let Label::Class(class) = example.label {
            *counts.entry(class).or_insert(0_usize) += 1;
        }
    }
    let said: Vec<String> = counts
        .iter()
        .map(|(class, n)| format!("class {class}: {n}"))
        .collect();
    if said.is_empty() {
        String::new()
    } else {
        format!("; {}", said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(n: usize, label: Label) -> Example {
        Example {
            ids: vec![7; n],
            types: vec![0; n],
            label,
        }
    }

    #[test]
    fn classes_and_lengths_are_counted() {
        let mut examples: Vec<Example> = (1..=99)
            .map(|n| example(n, Label::Class(u8::from(n > 30))))
            .collect();
        examples.push(example(128, Label::Class(0)));
        assert_eq!(
            summary(&examples, 128),
            "100 examples; class 0: 31, class 1: 69; tokens: half up to 50, 95 % up to 95, all up to 128; 1 (1.0 %) fill \
             max_length and may be cut off"
        );
        let scored = summary(&[example(5, Label::Score(2.5))], 8);
        assert!(
            scored.starts_with("1 examples; tokens: half up to 5, 95 % up to 5,"),
            "{scored}"
        );
        assert!(summary(&[], 8).starts_with("0 examples; tokens: half up to 0,"));
    }
}
