//! Files of SQuAD 1.1, whole and broken.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// A file with one question.
fn file(context: &str, answers: serde_json::Value) -> String {
    let qas = json!([{"id": "q1", "question": "Who?", "answers": answers}]);
    json!({"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": qas}]}]})
        .to_string()
}

fn answer(text: &str, start: usize) -> serde_json::Value {
    json!({"text": text, "answer_start": start})
}

#[test]
fn characters_are_counted_and_bytes_are_kept() {
    let text = file("Zoë 🦀 met Ada.", json!([answer("Ada", 10), answer("Ada.", 10)]));
    let paragraphs = parse(format!("\u{feff}{text}").as_bytes()).unwrap();
    let question = &paragraphs[0].questions[0];
    assert_eq!(question.references, ["Ada", "Ada."]);
    let place = question.place.clone().unwrap();
    assert_eq!(&paragraphs[0].context[place], "Ada");
}

#[test]
fn an_answer_that_stands_elsewhere_has_no_place() {
    let paragraphs = parse(file("Zoë met Ada.", json!([answer("Ada", 0)])).as_bytes()).unwrap();
    assert_eq!(paragraphs[0].questions[0].place, None);
    // Not even within a character.
    let paragraphs = parse(file("ëë", json!([answer("abc", 0)])).as_bytes()).unwrap();
    assert_eq!(paragraphs[0].questions[0].place, None);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_in_short() {
    let long = "x".repeat(1_000_000);
    let twice = json!({"id": "q", "question": "?", "answers": [answer("a", 0)]});
    let twice = json!({"data": [{"paragraphs": [{"context": "a", "qas": [twice, twice]}]}]}).to_string();
    let cases = [
        (
            file("Ada", json!([answer("Ada", 1)])),
            true,
            "the answer \"Ada\" at character 1, but its context ends at 3",
        ),
        (
            file("Ada", json!([answer("A", usize::MAX)])),
            true,
            "correct answer_start",
        ),
        (file("Ada", json!([answer(&long, 0)])), true, "and so on"),
        (file("Ada", json!([])), true, "the question \"q1\" has no answers"),
        (
            file("Ada", json!([answer("", 0)])),
            true,
            "is empty; leave it out",
        ),
        (
            file(" \n", json!([answer(" ", 0)])),
            true,
            "the context of the question \"q1\" is empty",
        ),
        (
            file("Ada", json!([{"text": "Ada"}])),
            true,
            "missing field `answer_start`",
        ),
        (
            file("Ada", json!([{"text": "Ada", "answer_start": -1}])),
            true,
            "not a file of SQuAD 1.1",
        ),
        (json!({"data": long}).to_string(), true, "not a file of SQuAD 1.1"),
        ("{\"data\": [".into(), true, "it is not JSON"),
        (long.clone(), true, "it is not JSON"),
        ("{\"data\": []}".into(), false, "no questions"),
        (twice, false, "two questions have the id \"q\""),
    ];
    for (text, has_place, part) in cases {
        let fault = parse(text.as_bytes()).unwrap_err();
        assert!(fault.sentence.contains(part), "{part}: {fault:?}");
        assert_eq!(fault.place.is_some(), has_place, "{fault:?}");
        assert!(fault.sentence.len() < 700, "{} bytes", fault.sentence.len());
        assert!(!fault.sentence.contains(" at line "), "{}", fault.sentence);
    }
    let broken = file("Ada", json!([])).replace("\"qas\"", "\n\"qas\"");
    assert_eq!(parse(broken.as_bytes()).unwrap_err().place.unwrap().0, 2);
    assert!(
        parse(b"{\"data\": [{\"paragraphs\": [{\"context\": \"\xff")
            .unwrap_err()
            .sentence
            .contains("not JSON")
    );
}

proptest! {
    #[test]
    fn whatever_a_file_holds_its_reading_ends_in_questions_or_in_a_short_sentence(
        at in 0_usize..400, put in proptest::collection::vec(any::<u8>(), 0..6), cut in 0_usize..8,
    ) {
        let mut bytes = file("Zoë 🦀 met Ada.", json!([answer("Ada", 10)])).into_bytes();
        let at = at.min(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put);
        match parse(&bytes) {
            Ok(paragraphs) => prop_assert!(!paragraphs.is_empty()),
            Err(fault) => prop_assert!(fault.sentence.len() < 1000),
        }
    }
}
