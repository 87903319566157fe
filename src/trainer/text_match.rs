//! How near an answer in words comes to what people answered, as SQuAD 1.1's own evaluation measures it.
//!
//! Both are normalised before: lower case, without the 32 signs of ASCII punctuation, without the words a, an and the, one blank
//! between words. Of several references the nearest counts.

use std::collections::HashMap;

/// 1 where the answer is one of the references, else 0.
pub(super) fn exact_match(answer: &str, references: &[String]) -> f64 {
    let answer = normalised(answer);
    f64::from(u8::from(
        references.iter().any(|reference| normalised(reference) == answer),
    ))
}

/// F1 of the words of answer and reference, each as often as it stands there, in [0, 1]; 0 where they have none in common.
pub(super) fn f1(answer: &str, references: &[String]) -> f64 {
    let answer = normalised(answer);
    let scores = references
        .iter()
        .map(|reference| word_f1(&answer, &normalised(reference)));
    scores.fold(0.0, f64::max)
}

fn word_f1(answer: &str, reference: &str) -> f64 {
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
    let mut left = HashMap::new();
    for word in reference.split(' ').filter(|word| !word.is_empty()) {
        *left.entry(word).or_insert(0_usize) += 1;
    }
    let mut n_common = 0;
    for word in answer.split(' ') {
        if let Some(n) = left.get_mut(word).filter(|n| **n > 0) {
            *n -= 1;
            n_common += 1;
        }
    }
    2.0 * f64::from(n_common) / ((words(answer) + words(reference)) as f64).max(1.0)
}

/// As `evaluate-v1.1.py` does it, with Python's notions of a letter and of white space.
fn normalised(text: &str) -> String {
    let text: String = text
        .to_lowercase()
        .chars()
        .filter(|character| !character.is_ascii_punctuation())
        .collect();
    let text = without_articles(&text);
    let is_blank = |character: char| character.is_whitespace() || ('\x1c'..='\x1f').contains(&character);
    let words: Vec<&str> = text.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A blank in place of each article that stands by itself, between what are no letters and no digits.
fn without_articles(text: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(is_word) {
        let word = &rest[begin..];
        let word = &word[..word.find(|character| !is_word(character)).unwrap_or(word.len())];
        out.push_str(&rest[..begin]);
        out.push_str(if matches!(word, "a" | "an" | "the") {
            " "
        } else {
            word
        });
        rest = &rest[begin + word.len()..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn references(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn case_signs_articles_and_blanks_make_no_difference() {
        let denver = references(&["The Denver  Broncos."]);
        for answer in [
            "denver broncos",
            "Denver\u{a0}Broncos!",
            "a Denver the Broncos",
            "«Denver» Broncos",
        ] {
            let same = answer != "«Denver» Broncos";
            assert_eq!(exact_match(answer, &denver) == 1.0, same, "{answer}");
        }
        assert_eq!(normalised("the-theatre an_a A. 'The'"), "thetheatre ana");
    }

    #[test]
    fn words_count_as_often_as_they_stand_there_and_the_nearest_reference_counts() {
        // Two of three words in common with two of two: 2 * 2 / (3 + 2).
        assert!((f1("big big dog", &references(&["big dog"])) - 0.8).abs() < 1e-12);
        assert_eq!(f1("big dog", &references(&["cat", "a big dog"])), 1.0);
        assert_eq!(f1("", &references(&["cat"])), 0.0);
        assert_eq!(
            (
                f1("the", &references(&["a"])),
                exact_match("the", &references(&["a"]))
            ),
            (0.0, 1.0)
        );
    }

    /// Against the formulas of SQuAD's script: `tests/fixtures/trainer/squad.py` has made the numbers.
    #[test]
    fn pairs_that_are_easily_got_wrong_are_measured_as_squad_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/trainer/squad.json");
        let fixture: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let pairs = fixture["measures"].as_array().unwrap();
        assert!(pairs.len() > 60);
        for pair in pairs {
            let references: Vec<String> = serde_json::from_value(pair["references"].clone()).unwrap();
            let answer = pair["answer"].as_str().unwrap();
            assert_eq!(
                exact_match(answer, &references),
                pair["exact_match"].as_f64().unwrap(),
                "{pair}"
            );
            assert!(
                (f1(answer, &references) - pair["f1"].as_f64().unwrap()).abs() < 1e-12,
                "{pair}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_and_f1_is_a_share(text in "\\PC{0,30}", other in "\\PC{0,30}") {
            prop_assert_eq!(exact_match(&text, std::slice::from_ref(&text)), 1.0);
            let score = f1(&text, std::slice::from_ref(&other));
            prop_assert!((0.0..=1.0).contains(&score));
            prop_assert_eq!(score, f1(&other, &[text]));
        }
    }
}
